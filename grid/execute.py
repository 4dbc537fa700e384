"""A model and its schemes, from weights to records: compress what is missing, measure all."""

from checkpoints import models
from compressing import missing
from compressing.settings import Settings
from core import cli
from core.measure import Job
from core.records import Record
from core.words import several
from grid import claims, ramp, resume, turns
from running import jobs, serving
from running.progress import Progress, Turn
from running.run import Run

NOT_MADE = "not compressed: "


def execute(
    run: Run,
    places: list[models.Place],
    settings: Settings,
    planned: list[Job],
    impossible: dict[str, str],
    progress: Progress,
    contenders: turns.Contenders = turns.everyone,
) -> list[Record]:
    """Do what is left: compress what is missing, measure everything. Returns all records, saved.

    `impossible` are schemes that cannot be made, with the reason; they and those whose compression
    fails leave failed records.
    """
    possible = [place for place in places if place.scheme not in impossible]
    groups = turns.Rounds.of(run, possible, planned)
    engines = tuple(rounds.run.engine for rounds in groups)
    to_make = missing.turns(possible)

    def prepare() -> None:
        run.prepare(planned, missing.libraries(possible), progress.step, engines)

    planned = ramp.remembered(groups[0].run, groups[0].base, planned, progress, prepare)
    groups = turns.Rounds.of(run, possible, planned)
    to_come = [turn for rounds in groups for turn in rounds.to_come(rounds.places)]
    progress.expect([*to_make, *to_come])
    _say_what_is_held(run, possible, to_come)
    if to_make or to_come:
        prepare()
    timed = jobs.of_kind(planned, "performance")
    given_up = [
        record
        for place in places
        if place.scheme in impossible
        for record in _give_up(run, place, timed, impossible[place.scheme])
    ]
    turn_of = {turn.subject: turn for turn in to_make}
    for place in possible:
        if place.scheme in turn_of:
            progress.begin(turn_of[place.scheme])
            given_up += _make(run, place, settings, timed, progress)
    there = [place for place in possible if place.path.exists()]
    return turns.measure_all(run, there, planned, progress, contenders) + given_up


def _say_what_is_held(run: Run, places: list[models.Place], left: list[Turn]) -> None:
    """What of the run is there already, and how to do without."""
    held = sum(n for (_, number), n in resume.counted(run, places).items() if number)
    if held:
        rest = f"{several(len(left), 'load')} left" if left else "nothing left to measure"
        again = "--fresh measures all anew"
        cli.say(f"goes on with run {run.id}: {several(held, 'record')} reused, {rest}; {again}")


def _make(
    run: Run, place: models.Place, settings: Settings, timed: list[Job], progress: Progress
) -> list[Record]:
    """Compress a checkpoint unless another command does; failed records where it fails."""
    with claims.checkpoint(run, place, progress, wait=True):
        if place.path.exists():
            return []
        held = resume.given_up(run, place, timed)
        if held and all(record.ended > run.began for record in held):  # by another command
            return held
        with claims.device(run, serving.possible(run.engine)[0], progress):
            reason = missing.make(place, settings, run.id, progress)
        return _give_up(run, place, timed, reason) if reason else []


def _give_up(run: Run, place: models.Place, timed: list[Job], reason: str) -> list[Record]:
    """Failed records of a checkpoint that cannot be made; those that say so already are enough."""
    held = resume.given_up(run, place, timed)
    reason = f"{NOT_MADE}{reason}"
    if held and all(record.reason == reason for record in held):
        return held
    return run.give_up(place, timed, reason)
