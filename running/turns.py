"""Several checkpoints in turn: rounds of fresh loads, and scores against their base's."""

import random
from collections.abc import Callable
from pathlib import Path

from checkpoints import bases, models
from comparing.contention import contended
from comparing.context import kind_of
from core import cli
from core.errors import UserError
from core.measure import Job
from core.records import Record
from quality.comparison import Scored
from running.jobs import fitted, of_kind
from running.run import Progress, Run

# Of all records so far: the schemes for which more rounds may still decide something. The base is
# among them unless there are none.
Contenders = Callable[[list[Record]], set[str]]


def everyone(records: list[Record]) -> set[str]:
    """All schemes: nothing is decided before the last round."""
    return {record.subject.scheme for record in records}


def measure_all(
    run: Run,
    places: list[models.Place],
    jobs: list[Job],
    progress: Progress,
    contenders: Contenders = everyone,
) -> list[Record]:
    """Measure every checkpoint of a model on a fresh load a round, then the base once more.

    After `run.rounds` rounds those that `contenders` names get further ones, up to
    `run.max_rounds`. Quality, which loads do not change, is asked in the first round. A checkpoint
    of which a round could measure nothing is not loaded again.
    """
    records: list[Record] = []
    base = next(place for place in places if place.is_base)
    served = run.base(base.path)
    left, number = places, 0
    while left and number < run.max_rounds:
        number += 1
        wanted = jobs if number == 1 else of_kind(jobs, "performance")
        turns = [
            (place, fitted(wanted, served, place.is_base))
            for place in in_turn(left, run.options.seed, number)
        ]
        records += _round(run, turns, number, progress)
        left = [place for place in left if _answers(place, records)]
        if run.rounds <= number < run.max_rounds:
            names = contenders(records)
            left = [place for place in left if place.scheme in names]
    if len(places) > 1 and _answers(base, records):
        drift = fitted(of_kind(jobs, "performance"), served, True)
        records += _round(run, [(base, drift)], number + 1, progress)
    return records


def measure_one(
    run: Run, identity: models.Identity, jobs: list[Job], progress: Progress
) -> list[Record]:
    """Measure one checkpoint on `run.rounds` fresh loads, until one measures nothing.

    Raises `UserError` when the folder cannot be read.
    """
    records: list[Record] = []
    for number in range(1, run.rounds + 1):
        measured = run.measure(identity, jobs, progress, number)
        if why := spoilt_by(measured):
            cli.say(f"round {number}: {why}: measured once more", "yellow")
            measured += run.measure(identity, jobs, progress, number)
        records += measured
        if all(record.status != "ok" for record in measured):
            break
    return records


def _round(
    run: Run, turns: list[tuple[models.Place, list[Job]]], number: int, progress: Progress
) -> list[Record]:
    """Measure checkpoints in this order; at the end, once more, those whose times were spoiled.

    Of one round both measurements are kept; which one counts, `comparing.rounds` says. Where every
    load of a round was spoiled, trying again at once would be too.
    """
    records: list[Record] = []
    spoiled = []
    for place, jobs in turns:
        measured = _measure(run, place, jobs, number, progress)
        if why := spoilt_by(measured):
            spoiled.append((place, of_kind(jobs, "performance"), why))
        records += measured
    if len(turns) > 1 and len(spoiled) == len(turns):
        cli.say(f"round {number}: every load was disturbed: {spoiled[0][2]}", "yellow")
        return records
    for place, jobs, why in spoiled:
        cli.say(f"{place.scheme}, round {number}: {why}: measured once more", "yellow")
        records += _measure(run, place, jobs, number, progress)
    return records


def spoilt_by(records: list[Record]) -> str | None:
    """What else on the machine spoiled times of a load, in words; counts are not spoiled."""
    timed = [r for r in records if r.status == "ok" and kind_of(r) == "speed"]
    return next(filter(None, (contended(record.contention) for record in timed)), None)


def in_turn(places: list[models.Place], seed: int, number: int) -> list[models.Place]:
    """The places in the random order of a round, the same for a `seed` however they are listed.

    The base opens the first round, since the others are scored against what it leaves.
    """

    def turn(place: models.Place) -> tuple[bool, float]:
        draw = random.Random(f"{seed}:{number}:{place.scheme}").random()
        return number == 1 and not place.is_base, draw

    return sorted(places, key=turn)


def _answers(place: models.Place, records: list[Record]) -> bool:
    """Whether the newest round of a checkpoint could measure something."""
    own = [record for record in records if record.subject.scheme == place.scheme]
    newest = max((record.round for record in own), default=0)
    return any(record.status == "ok" for record in own if record.round == newest)


def _measure(
    run: Run, place: models.Place, jobs: list[Job], number: int, progress: Progress
) -> list[Record]:
    try:
        identity = place.identify()
        return run.measure(
            identity, jobs, lambda step: progress(f"{place.scheme}, round {number}: {step}"), number
        )
    except UserError as problem:  # the folder is not any more what was checked
        return run.give_up(place, of_kind(jobs, "performance"), str(problem), number)


def score_all(
    run: Run, pairs: list[bases.Pair], jobs: list[Job], progress: Progress
) -> list[Scored]:
    """Score checkpoints, each on one load, its base before it; the base is in the result too.

    A base that was not asked for itself keeps the records it has, where settings are the same.
    """
    bases: dict[Path, list[Record]] = {}
    scored = []
    for pair in sorted(pairs, key=lambda pair: not pair.is_base):
        base, folder = run.base(pair.base.path), pair.base.path.resolve()
        if folder not in bases:
            bases[folder] = _score_base(run, pair, fitted(jobs, base, True), progress)
            scored.append(Scored(base=bases[folder], checkpoint=bases[folder]))
        if not pair.is_base:
            records = _score(run, pair.checkpoint, fitted(jobs, base, False), progress)
            scored.append(Scored(base=bases[folder], checkpoint=records))
    return scored


def _score_base(run: Run, pair: bases.Pair, jobs: list[Job], progress: Progress) -> list[Record]:
    earlier = {} if pair.is_base else run.earlier(pair.base, jobs)
    left = [job for job in jobs if job not in earlier]
    return [*earlier.values(), *(_score(run, pair.base, left, progress) if left else [])]


def _score(
    run: Run, identity: models.Identity, jobs: list[Job], progress: Progress
) -> list[Record]:
    name = f"{identity.model}-{identity.scheme}"
    return run.measure(identity, jobs, lambda step: progress(f"{name}: {step}"))
