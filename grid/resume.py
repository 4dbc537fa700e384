"""How a command goes on where another one ended: which run it takes up, and what of it is done.

A run's name ends in digits of its plan: the model's weights, schemes, jobs, options, rounds,
hardware and libraries. The same command has the same plan, so it takes up the newest run of that
plan in its folder of records; what is left is read off the records.
"""

import contextlib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from checkpoints import models
from comparing.context import context
from core import plugins, records
from core.errors import UserError
from core.measure import Job
from core.records import Record
from grid import claims
from guarding import locks
from running import serving
from running.outcomes import subject_of
from running.run import Run, plain

DIGITS = 6
HEAD_BYTES = 1 << 10
HEAD = re.compile(
    rb'"run_id": "([^"]+)",\s+"round": (\d+),[^{]*"measure": "(\w*)",\s+"status": "(\w+)"'
)


class Head(NamedTuple):
    """What a record's file begins with."""

    path: Path
    run_id: str
    round: int
    measure: str
    status: str


def heads(folder: Path) -> Iterator[Head]:
    """The heads of a checkpoint's records; what follows, which may be megabytes, is not read."""
    for path in sorted(folder.glob(records.NAMES)):
        with path.open("rb") as file:
            begins = HEAD.search(file.read(HEAD_BYTES))
        if begins:
            run_id, number, measure, status = (part.decode() for part in begins.groups())
            yield Head(path, run_id, int(number), measure, status)


def plan(run: Run, places: list[models.Place], jobs: list[Job], settings: Any) -> str:
    """Hex digits of all that must be the same for a command to go on with another's run.

    `settings` are those that checkpoints are made with.
    """
    base = next(place for place in places if place.is_base)
    identity = base.identify()
    engine = serving.of(identity, run.engine, run.allow_fallback).engine
    of_machine = context(run.blank(subject_of(identity), 1, engine))
    of_machine.pop("run")
    text = json.dumps(
        [
            of_machine,
            subject_of(identity).fingerprint,
            [[p.model, p.scheme] for p in places],
            [run.engine, run.allow_fallback, run.rounds, run.max_rounds, asdict(run.options)],
            [[job.measure, asdict(job.settings)] for job in jobs],
            asdict(settings),
        ],
        sort_keys=True,
        default=str,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def newest(run: Run, places: list[models.Place], digits: str) -> str | None:
    """The run of a plan that a command goes on with, where there is one."""
    return None if run.fresh else max(_names(run, places, digits), default=None)


def taken_up(run: Run, places: list[models.Place], digits: str) -> Run:
    """The run with the name of the newest one of its plan, a new one where there is none.

    Commands that begin at once agree by the lock file of the plan, which says which run that is
    before it has a record.
    """
    path = claims.file(run, f"plan-{digits}")
    with locks.claimed(path, wait=True):
        known = {*_names(run, places, digits), path.read_text()}
        name = "" if run.fresh else max(known)
        while not name or (run.fresh and name in known):  # names have whole seconds
            name = records.new_run_id(digits)
        path.write_text(name)
    return replace(run, id=name)


def _names(run: Run, places: list[models.Place], digits: str) -> set[str]:
    """The runs of a plan that have records."""
    folders = {
        folder / f"{place.model}-{place.scheme}"
        for place in places
        for folder in (run.results, run.eval_results)
    }
    names = {head.run_id for folder in folders for head in heads(folder)}
    return {name for name in names if name.endswith(f"-{digits}")}


def counted(run: Run, places: list[models.Place]) -> Counter[tuple[str, int]]:
    """How many jobs a run's records finished, by scheme and round."""
    folders = [
        (place.scheme, folder / f"{place.model}-{place.scheme}")
        for place in places
        for folder in dict.fromkeys((run.results, run.eval_results))
    ]
    return Counter(
        (scheme, head.round)
        for scheme, folder in folders
        for head in heads(folder)
        if head.run_id == run.id and head.status != "failed"
    )


def done(
    run: Run, identity: models.Identity, jobs: list[Job], number: int, times: int = 1
) -> dict[Job, list[Record]]:
    """The records of every job of a round that is done, `times` over; the others are left out.

    Speed and memory are of this run; quality may be of another, whose context is the same. What
    failed is done only where it failed since this command began: the next one tries it again.
    """
    subject = subject_of(identity)
    engine = serving.of(identity, run.engine, run.allow_fallback).engine
    own = [
        record
        for record in _of_round(run, records.folder(subject, run.results), number)
        if record.engine == engine
        and record.subject.fingerprint in (subject.fingerprint, "")
        and (record.status != "failed" or record.ended > run.began)
    ]
    finished: dict[Job, list[Record]] = {}
    for job in jobs:
        wanted = (job.measure, plain(asdict(job.settings)))
        of_job = [record for record in own if (record.measure, record.settings) == wanted]
        if len(of_job) >= times:
            finished[job] = of_job
    left = [job for job in jobs if job not in finished and _is_quality(job)]
    if left and not run.fresh:
        finished |= {job: [record] for job, record in run.earlier(identity, left).items()}
    return finished


def ramped(run: Run, identity: models.Identity) -> Record | None:
    """What a run's ramp over batch sizes found on its base, where it was."""
    folder = records.folder(subject_of(identity), run.results)
    return next((r for r in _of_round(run, folder, 0) if r.status == "ok"), None)


def given_up(run: Run, place: models.Place, jobs: list[Job]) -> list[Record]:
    """The newest record of each of a run's jobs on a checkpoint that could not be made."""
    folder = run.results / f"{place.model}-{place.scheme}"
    failed = [record for record in _of_round(run, folder, 1) if not record.subject.fingerprint]
    newest = {(record.measure, str(record.settings)): record for record in failed}
    return list(newest.values()) if len(newest) >= len(jobs) else []


def _is_quality(job: Job) -> bool:
    return plugins.load("measures", job.measure).kind == "quality"


def _of_round(run: Run, folder: Path, number: int) -> list[Record]:
    """A run's records of a checkpoint in a round, oldest first."""
    folders = dict.fromkeys((folder, run.eval_results / folder.name))
    found = [head for each in folders for head in heads(each)]
    own: list[Record] = []
    for head in found:
        if (head.run_id, head.round) == (run.id, number):
            with contextlib.suppress(UserError):  # a broken one is none
                own.append(records.load(head.path))
    return sorted(own, key=lambda record: record.ended)
