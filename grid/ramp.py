"""Batch sizes that were left open: a short ramp on one checkpoint finds them before it is timed.

The ramp compares nothing, and what it chose is in the settings of the batches: it leaves a record
only where another command may have to take the same sizes.
"""

from collections.abc import Callable
from dataclasses import replace

from checkpoints import models
from core import cli
from core.measure import OPEN_SIZE, Job, Raw, Workload
from core.words import join
from grid import claims, resume
from measures import saturation
from running import serving
from running.jobs import steps
from running.progress import Progress, Turn
from running.run import Run

RAMP = "saturation"


def settled(run: Run, identity: models.Identity, jobs: list[Job], progress: Progress) -> list[Job]:
    """The jobs with a middle batch and one at saturation wherever the size was left open."""
    left_open = [job for job in jobs if _is_open(job)]
    if not left_open:
        return jobs
    return _with_sizes(jobs, _ramp(run, identity, left_open[0].settings, progress))


def _with_sizes(jobs: list[Job], sizes: list[int]) -> list[Job]:
    return [each for job in jobs for each in (_sized(job, sizes) if _is_open(job) else [job])]


def _is_open(job: Job) -> bool:
    return getattr(job.settings, "batch_size", None) == OPEN_SIZE


def _sized(job: Job, sizes: list[int]) -> list[Job]:
    return [Job(job.measure, replace(job.settings, batch_size=size)) for size in sizes]


def known(run: Run, place: models.Place, jobs: list[Job]) -> list[Job]:
    """As `remembered`, as far as it is known without a load."""
    record = resume.ramped(run, place.identify()) if any(map(_is_open, jobs)) else None
    return _with_sizes(jobs, _sizes(record.raw)) if record else jobs


def remembered(
    run: Run,
    place: models.Place,
    jobs: list[Job],
    progress: Progress,
    prepare: Callable[[], None],
) -> list[Job]:
    """As `settled`, of the base in a place, but what the ramp found is kept as a record.

    Of round 0: a command that goes on with the run, or shares it, takes the same sizes.
    `prepare` is called before a load.
    """
    left_open = [job for job in jobs if _is_open(job)]
    if not left_open:
        return jobs
    identity, job = place.identify(), Job(RAMP, left_open[0].settings)
    if _refused(run, identity, job):
        return _with_sizes(jobs, [Workload.batch_size])
    with claims.checkpoint(run, place, progress, wait=True):
        record = resume.ramped(run, identity)
        if record is None:
            prepare()
            progress.begin(Turn(subject=identity.scheme, steps=steps([job])))
            with claims.device(run, run.engine, progress):
                (record,) = run.measure(identity, [job], progress.step, 0)
    return _with_sizes(jobs, _chosen(identity, record.raw, record.reason))


def _refused(run: Run, identity: models.Identity, job: Job) -> bool:
    service = serving.of(identity, run.engine, run.allow_fallback)
    return service.refuses(job) is not None


def _ramp(run: Run, identity: models.Identity, workload: Workload, progress: Progress) -> list[int]:
    """By the ramp; the default where there can be none, which the records will give reasons for."""
    job = Job(RAMP, workload)
    if _refused(run, identity, job):
        return [Workload.batch_size]
    progress.begin(Turn(subject=identity.scheme, steps=steps([job])))
    outcome = run.load(identity, [job], progress.step).of(job)
    return _chosen(identity, outcome.raw, outcome.reason)


def _chosen(identity: models.Identity, raw: Raw | None, reason: str | None) -> list[int]:
    name = f"{identity.model}-{identity.scheme}"
    if raw is None:
        cli.say(f"{name}: batch size {Workload.batch_size}, no ramp: {reason}", "yellow")
        return [Workload.batch_size]
    sizes = _sizes(raw)
    told = join([f"{rate:,.0f} for {size}" for size, rate in raw["points"]], "and")
    cli.say(f"{name}: batch sizes {join(list(map(str, sizes)), 'and')} by tokens/s of {told}")
    return sizes


def _sizes(raw: Raw | None) -> list[int]:
    """A middle load and saturation, by what the ramp saw."""
    if raw is None:
        return [Workload.batch_size]
    return saturation.batch_sizes(saturation.saturation(raw["points"]))
