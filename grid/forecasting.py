"""What a command would do, and what it will take: `--plan`, from files alone.

Times are those that the same measures took in earlier records: of the same scheme, else of others
on average. Memory and disk are as measured, else as the preflight predicts.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from checkpoints import checkpoint, models
from compressing import making, missing
from compressing.settings import Settings
from core import records
from core.errors import UserError
from core.measure import OPEN_SIZE, Job
from core.records import Record
from grid import ramp, resume, turns
from running.run import Run

TAIL_BYTES = 256
TAIL = re.compile(rb'"started": "([^"]+)",\s+"ended": "([^"]+)"\s*\}\s*$')
MEMORY = "memory"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A checkpoint on an engine: how many of its `loads` are `done`, and what the rest takes.

    `made` tells whether the checkpoint is there, `make_s` how long making it took earlier. What is
    not known is None. `reason` is why it cannot run here, or is not timed.
    """

    scheme: str
    engine: str
    made: bool
    done: int
    loads: int
    left_s: float | None
    make_s: float | None
    disk_bytes: int | None
    memory_bytes: float | None
    reason: str | None


class Took(NamedTuple):
    """Seconds that a measure took, the first of a load with the load."""

    measure: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The run that would be gone on with (None: a new one), what is left of each checkpoint.

    `cannot` is why the command would end before any work.
    """

    run_id: str | None
    rows: list[Row]
    cannot: str | None = None


def forecast(
    run: Run, places: list[models.Place], settings: Settings, planned: list[Job], digits: str
) -> Forecast:
    """What a command with this plan (its `digits`, see `grid.resume`) would do."""
    cannot = None
    impossible: dict[str, str] = {}
    try:
        impossible = missing.check(places, settings, named=False)
    except UserError as problem:
        cannot = str(problem)
    known = resume.newest(run, places, digits)
    there = replace(run, id=known or run.id)
    rows = _rows(there, places, settings, planned, impossible)
    return Forecast(run_id=known, rows=rows, cannot=cannot)


def _rows(
    run: Run,
    places: list[models.Place],
    settings: Settings,
    planned: list[Job],
    impossible: dict[str, str],
) -> list[Row]:
    """A row a checkpoint and engine, in the order of the engines' turns."""
    possible = [place for place in places if place.scheme not in impossible]
    base = next(place for place in places if place.is_base)
    jobs = ramp.known(run, base, planned)
    took = {place.scheme: _took(run, place) for place in possible}
    made = []
    for rounds in turns.Rounds.of(run, possible, jobs):
        own = defaultdict(list)
        for number, load in rounds.every(rounds.places):
            if load.turn.steps:
                own[load.place.scheme].append((number, load))
        held = resume.counted(run, rounds.places)
        left = {
            scheme: [load for n, load in loads if not rounds.is_done(load, n, held[scheme, n])]
            for scheme, loads in own.items()
        }
        for place in rounds.places:
            loads = len(own[place.scheme]), left.get(place.scheme, [])
            made.append(_row(rounds, place, settings, took, *loads))
    return made + [_impossible(place, impossible) for place in places if place.scheme in impossible]


def _row(
    rounds: turns.Rounds,
    place: models.Place,
    settings: Settings,
    took: dict[str, list[Took]],
    loads: int,
    left: list[turns.Load],
) -> Row:
    service = rounds.services[place.scheme]
    seconds = [_seconds(load, took) for load in left]
    known = [each for each in seconds if each is not None]
    newest = _newest(rounds.run, place)
    there = place.path.exists()
    planned = None if there or place.is_base else making.plan(place, settings)
    weights = planned.predicted_bytes if planned else checkpoint.read(place.path).nbytes
    measured = newest.figures.get("peak_bytes") if newest else None
    predicted = max(planned.memory_bytes, planned.predicted_bytes) if planned else weights
    manifest = newest.subject.manifest if newest else {}
    return Row(
        scheme=place.scheme,
        engine=service.engine,
        made=there,
        done=loads - len(left),
        loads=loads,
        left_s=sum(known) if len(known) == len(seconds) else None,
        make_s=None if there else manifest.get("wall_s"),
        disk_bytes=weights,
        memory_bytes=measured.value if measured and there else predicted,
        reason=service.unserved or service.untimed,
    )


def _impossible(place: models.Place, impossible: dict[str, str]) -> Row:
    return Row(
        scheme=place.scheme,
        engine="",
        made=False,
        done=0,
        loads=0,
        left_s=0.0,
        make_s=None,
        disk_bytes=None,
        memory_bytes=None,
        reason=impossible[place.scheme],
    )


def _seconds(load: turns.Load, took: dict[str, list[Took]]) -> float | None:
    """What a load takes, None where one of its measures has never been seen."""
    total = 0.0
    for job in load.jobs:
        sizes = 2 if getattr(job.settings, "batch_size", None) == OPEN_SIZE else 1  # the ramp's
        each = _usual(job.measure, load.place.scheme, took)
        if each is None:
            return None
        total += sizes * each
    return total


def _usual(measure: str, scheme: str, took: dict[str, list[Took]]) -> float | None:
    seen = {
        name: [each.seconds for each in all_ if each.measure == measure]
        for name, all_ in took.items()
    }
    if own := seen.get(scheme):
        return median(own)
    others = [median(seconds) for seconds in seen.values() if seconds]
    return fmean(others) if others else None


def _took(run: Run, place: models.Place) -> list[Took]:
    """What a checkpoint's measures took: in this run, else in all there are records of."""
    heads = [
        head
        for folder in dict.fromkeys((run.results, run.eval_results))
        for head in resume.heads(folder / f"{place.model}-{place.scheme}")
        if head.status == "ok" and head.round > 0
    ]
    own = [head for head in heads if head.run_id == run.id]
    loads = defaultdict(list)
    for head in own or heads:
        if times := _times(head.path):
            loads[times[0]].append((times[1], head.measure))
    took = []
    for started, ended in loads.items():
        before = started
        for moment, measure in sorted(ended):
            took.append(Took(measure, (moment - before).total_seconds()))
            before = moment
    return took


def _times(path: Path) -> tuple[datetime, datetime] | None:
    """When a record's load began and its measure ended, read from the end of the file."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        times = TAIL.search(file.read())
    if times is None:
        return None
    started, ended = (datetime.fromisoformat(each.decode()) for each in times.groups())
    return started, ended


def _newest(run: Run, place: models.Place) -> Record | None:
    """The newest finished record of a checkpoint's memory."""
    heads = resume.heads(run.results / f"{place.model}-{place.scheme}")
    paths = [head.path for head in heads if (head.measure, head.status) == (MEMORY, "ok")]
    return records.load(max(paths, key=lambda path: path.name)) if paths else None
