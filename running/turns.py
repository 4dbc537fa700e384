"""Several checkpoints in turn: rounds of fresh loads, and scores beside their base's."""

from pathlib import Path

from checkpoints import models
from core.errors import UserError
from core.measure import Job
from core.records import Record
from quality.comparison import Scored
from running.jobs import fitted, of_kind
from running.run import Progress, Run


def measure_all(
    run: Run, places: list[models.Place], jobs: list[Job], progress: Progress
) -> list[Record]:
    """Measure every checkpoint of a model, in the order given, `run.rounds` times.

    Each is loaded once a round; quality, which loads do not change, is asked in the first. One of
    which a round could measure nothing is not loaded again.
    """
    records: list[Record] = []
    base = run.base(next(place.path for place in places if place.is_base))
    left = places
    for number in range(1, run.rounds + 1):
        wanted = jobs if number == 1 else of_kind(jobs, "performance")
        for place in left:
            records += _measure(run, place, fitted(wanted, base, place.is_base), number, progress)
        fine = {r.subject.scheme for r in records if r.round == number and r.status == "ok"}
        left = [place for place in left if place.scheme in fine]
    return records


def _measure(
    run: Run, place: models.Place, jobs: list[Job], number: int, progress: Progress
) -> list[Record]:
    turn = f", round {number}" if run.rounds > 1 else ""
    try:
        identity = place.identify()
        return run.measure(
            identity, jobs, lambda step: progress(f"{place.scheme}{turn}: {step}"), number
        )
    except UserError as problem:  # the folder is not any more what was checked
        return run.give_up(place, of_kind(jobs, "performance"), str(problem))


def score_all(
    run: Run, pairs: list[models.Pair], jobs: list[Job], progress: Progress
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


def _score_base(run: Run, pair: models.Pair, jobs: list[Job], progress: Progress) -> list[Record]:
    earlier = {} if pair.is_base else run.earlier(pair.base, jobs)
    left = [job for job in jobs if job not in earlier]
    return [*earlier.values(), *(_score(run, pair.base, left, progress) if left else [])]


def _score(
    run: Run, identity: models.Identity, jobs: list[Job], progress: Progress
) -> list[Record]:
    name = f"{identity.model}-{identity.scheme}"
    return run.measure(identity, jobs, lambda step: progress(f"{name}: {step}"))
