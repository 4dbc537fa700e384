"""Batch sizes that were left open: a short ramp on one checkpoint finds them before it is timed.

The ramp leaves no record: it compares nothing, and what it chose is in the settings of the batches.
"""

from dataclasses import replace

from checkpoints import models
from core import cli
from core.measure import OPEN_SIZE, Job, Workload
from core.words import join
from measures import saturation
from running import serving
from running.jobs import steps
from running.progress import Progress, Turn
from running.run import Run


def settled(run: Run, identity: models.Identity, jobs: list[Job], progress: Progress) -> list[Job]:
    """The jobs with a middle batch and one at saturation wherever the size was left open."""
    left_open = [job for job in jobs if _is_open(job)]
    if not left_open:
        return jobs
    sizes = _sizes(run, identity, left_open[0].settings, progress)
    return [each for job in jobs for each in (_sized(job, sizes) if _is_open(job) else [job])]


def _is_open(job: Job) -> bool:
    return getattr(job.settings, "batch_size", None) == OPEN_SIZE


def _sized(job: Job, sizes: list[int]) -> list[Job]:
    return [Job(job.measure, replace(job.settings, batch_size=size)) for size in sizes]


def _sizes(
    run: Run, identity: models.Identity, workload: Workload, progress: Progress
) -> list[int]:
    """By the ramp; the default where there can be none, which the records will give reasons for."""
    if serving.of(identity, run.engine, run.allow_fallback).refuses(Job("saturation", workload)):
        return [Workload.batch_size]
    job = Job("saturation", workload)
    progress.begin(Turn(subject=identity.scheme, steps=steps([job])))
    result = run.load(identity, [job], progress.step)
    name = f"{identity.model}-{identity.scheme}"
    outcome = result.of(job)
    if outcome.raw is None:
        why = f"batch size {Workload.batch_size}, no ramp: {outcome.reason}"
        cli.say(f"{name}: {why}", "yellow")
        return [Workload.batch_size]
    points = outcome.raw["points"]
    sizes = saturation.batch_sizes(saturation.saturation(points))
    told = join([f"{rate:,.0f} for {size}" for size, rate in points], "and")
    cli.say(f"{name}: batch sizes {join(list(map(str, sizes)), 'and')} by tokens/s of {told}")
    return sizes
