"""A model and its schemes, from weights to records: compress what is missing, measure all."""

from checkpoints import models
from compressing import missing
from compressing.settings import Settings
from core.measure import Job
from core.records import Record
from running import jobs, ramp, turns
from running.progress import Progress
from running.run import Run


def execute(
    run: Run,
    places: list[models.Place],
    settings: Settings,
    planned: list[Job],
    impossible: dict[str, str],
    progress: Progress,
    contenders: turns.Contenders = turns.everyone,
) -> list[Record]:
    """Compress what is missing, then measure everything; returns the records, all saved.

    `impossible` are schemes that cannot be made, with the reason; they and those whose compression
    fails leave failed records.
    """
    possible = [place for place in places if place.scheme not in impossible]
    groups = turns.Rounds.of(run, possible, planned)
    engines = tuple(rounds.run.engine for rounds in groups)
    run.prepare(planned, missing.libraries(possible), progress.step, engines)
    planned = ramp.settled(groups[0].run, groups[0].base.identify(), planned, progress)
    groups = turns.Rounds.of(run, possible, planned)
    to_come = [turn for rounds in groups for turn in rounds.to_come(rounds.places)]
    progress.expect([*missing.turns(possible), *to_come])
    failed = impossible | missing.compress_missing(possible, settings, run.id, progress)
    timed = jobs.of_kind(planned, "performance")
    given_up = [
        record
        for place in places
        if place.scheme in failed
        for record in run.give_up(place, timed, f"not compressed: {failed[place.scheme]}")
    ]
    there = [place for place in places if place.scheme not in failed]
    return turns.measure_all(run, there, planned, progress, contenders) + given_up
