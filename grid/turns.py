"""Several checkpoints in turn: rounds of fresh loads, and scores against their base's.

What is done already, by this command or by another one beside it, is not done again: before a
checkpoint is loaded it is claimed, and what is left of its turn is read off the records.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from checkpoints import bases, models
from comparing.contention import contended
from comparing.context import kind_of
from core import cli
from core.errors import UserError
from core.measure import Job, ServedBase
from core.records import Record
from grid import claims, resume
from quality.comparison import Scored
from running import serving
from running.jobs import fitted, of_kind, steps
from running.progress import Progress, Turn
from running.run import Run
from running.serving import Service

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
    """Measure every checkpoint of a model, those of one engine in turn and beside their own base.

    See `_measure_engine`. Two engines' speeds are never compared, so one follows the other.
    """
    groups = Rounds.of(run, places, jobs)
    records: list[Record] = []
    for number, rounds in enumerate(groups):
        later = [turn for group in groups[number + 1 :] for turn in group.to_come(group.places)]
        records += _measure_engine(rounds, progress, contenders, later)
    return records


def _measure_engine(
    rounds: "Rounds", progress: Progress, contenders: Contenders, later: list[Turn]
) -> list[Record]:
    """Measure checkpoints on a fresh load a round, then the base once more.

    After `run.rounds` rounds those that `contenders` names get further ones, up to
    `run.max_rounds`. Quality, which loads do not change, is asked in the first round. A checkpoint
    of which a round could time nothing is not loaded again. `later` are turns of other engines.
    """
    records: list[Record] = []
    run, left, number = rounds.run, rounds.places, 0
    while left and number < run.max_rounds:
        number += 1
        progress.expect([*rounds.to_come(left, number), *later])
        records += _round(run, rounds.loads(left, number), number, progress)
        left = [place for place in left if _timed(place, records)]
        if run.rounds <= number < run.max_rounds:
            names = contenders(records)
            left = [place for place in left if place.scheme in names]
    if len(rounds.places) > 1 and _timed(rounds.base, records):
        progress.expect(later)
        records += _round(run, [rounds.drift()], number + 1, progress)
    return records


@dataclass(frozen=True)
class Load:
    """A checkpoint's turn, and what is measured in it."""

    place: models.Place
    jobs: list[Job]
    turn: Turn


@dataclass(frozen=True)
class Rounds:
    """What is loaded in each round of a run's checkpoints on one engine, their base among them.

    `served` is the base as it is served. The base is timed (`times_base`) where it is this engine's
    answer to what to deploy, or a checkpoint is timed beside it.
    """

    run: Run
    places: list[models.Place]
    services: dict[str, Service]
    served: ServedBase
    jobs: list[Job]
    times_base: bool

    @classmethod
    def of(cls, run: Run, places: list[models.Place], jobs: list[Job]) -> "list[Rounds]":
        """The rounds of a model's checkpoints, by engine; the base's own engine is the first."""
        base = next(place for place in places if place.is_base)
        ways = {p.scheme: serving.of_place(p, run.engine, run.allow_fallback) for p in places}
        own = ways[base.scheme].engine
        groups = []
        for engine in dict.fromkeys([own, *(way.engine for way in ways.values())]):
            there = [p for p in places if p.is_base or ways[p.scheme].engine == engine]
            here = replace(run, engine=engine)
            services = {p.scheme: serving.of_place(p, engine, run.allow_fallback) for p in there}
            timed = any(not services[p.scheme].untimed for p in there if not p.is_base)
            served = here.base(base.path)
            groups.append(cls(here, there, services, served, jobs, timed or engine == own))
        return groups

    @property
    def base(self) -> models.Place:
        """Where the base is."""
        return next(place for place in self.places if place.is_base)

    def loads(self, places: list[models.Place], number: int) -> list[Load]:
        """The loads of a round, in its order."""
        wanted = self.jobs if number == 1 else of_kind(self.jobs, "performance")
        run, last = self.run, str(self.run.rounds)
        if run.max_rounds > run.rounds:
            last += f" to {run.max_rounds}"
        return [
            self._load(place, wanted, f"scheme {at} of {len(places)}", f"round {number} of {last}")
            for at, place in enumerate(in_turn(places, run.options.seed, number), start=1)
        ]

    def drift(self) -> Load:
        """The base once more, which shows whether the machine changed meanwhile."""
        return self._load(self.base, of_kind(self.jobs, "performance"), "once more")

    def _load(self, place: models.Place, wanted: list[Job], *at: str) -> Load:
        own = fitted(wanted, self.served, place.is_base)
        if place.is_base and not self.times_base:
            own = of_kind(own, "quality")
        run = [job for job in own if not self.services[place.scheme].refuses(job)]
        turn = Turn(subject=place.scheme, steps=steps(run) if run else (), place=at)
        return Load(place, own, turn)

    def to_come(self, places: list[models.Place], number: int = 1) -> list[Turn]:
        """The turns there will be from a round on; what --rounds auto may add is not known.

        Without those that the records of the run hold already, where that is told by their number.
        """
        held = resume.counted(self.run, places)
        return [
            load.turn
            for n, load in self.every(places, number)
            if load.turn.steps and not self.is_done(load, n, held[load.place.scheme, n])
        ]

    def every(self, places: list[models.Place], number: int = 1) -> list[tuple[int, Load]]:
        """The loads of all rounds from one on, with the round, and the base once more."""
        rounds = range(number, max(number, self.run.rounds) + 1)
        loads = [(n, load) for n in rounds for load in self.loads(places, n)]
        return loads + ([(rounds[-1] + 1, self.drift())] if len(places) > 1 else [])

    def is_done(self, load: Load, number: int, held: int) -> bool:
        """Whether a load's jobs are done, as far as the number of its records tells, or quality."""
        left = len(load.jobs) - held
        if left <= 0 or number > 1 or not held:
            return left <= 0
        done = resume.done(self.run, load.place.identify(), load.jobs, number)
        return len(done) == len(load.jobs)


def measure_one(
    run: Run, identity: models.Identity, jobs: list[Job], progress: Progress
) -> list[Record]:
    """Measure one checkpoint on `run.rounds` fresh loads, until one measures nothing.

    Raises `UserError` when the folder cannot be read.
    """
    records: list[Record] = []
    turns = [
        Turn(subject=identity.scheme, steps=steps(jobs), place=(f"round {n} of {run.rounds}",))
        for n in range(1, run.rounds + 1)
    ]
    progress.expect(turns)
    for number, turn in enumerate(turns, start=1):
        progress.begin(turn)
        measured = run.measure(identity, jobs, progress.step, number)
        if why := spoilt_by(measured):
            cli.say(f"round {number}: {why}: measured once more", "yellow")
            progress.begin(turn)
            measured += run.measure(identity, jobs, progress.step, number)
        records += measured
        if all(record.status != "ok" for record in measured):
            break
    return records


def _round(run: Run, loads: list[Load], number: int, progress: Progress) -> list[Record]:
    """Measure checkpoints in this order; at the end, once more, those whose times were spoiled.

    Of one round both measurements are kept; which one counts, `comparing.rounds` says. Where every
    load of a round was spoiled, trying again at once would be too. A checkpoint that another
    command has is left until the others are done, but for the base in the first round: the others
    are scored against it.
    """
    records: list[Record] = []
    spoiled = []
    turns = [(load, number == 1 and load.place.is_base) for load in loads]
    for load, wait in turns:
        with claims.checkpoint(run, load.place, progress, wait) as ours:
            if not ours:
                turns.append((load, True))
                continue
            measured = _measure(run, load, number, progress)
        if why := spoilt_by(measured):
            timed = of_kind(load.jobs, "performance")
            again = replace(load.turn, steps=steps(timed), place=(f"round {number}, once more",))
            spoiled.append((replace(load, jobs=timed, turn=again), why))
        records += measured
    if len(loads) > 1 and len(spoiled) == len(loads):
        cli.say(f"round {number}: every load was disturbed: {spoiled[0][1]}", "yellow")
        return records
    for load, why in spoiled:
        with claims.checkpoint(run, load.place, progress, wait=True):
            twice = _measure(run, load, number, progress, why)
        known = {record.ended for record in records}
        records += [record for record in twice if record.ended not in known]
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


def _timed(place: models.Place, records: list[Record]) -> bool:
    """Whether the newest round of a checkpoint could time something."""
    own = [record for record in records if record.subject.scheme == place.scheme]
    newest = max((record.round for record in own), default=0)
    measured = [r for r in own if r.round == newest and r.kind == "performance"]
    return any(record.status == "ok" for record in measured)


def _measure(
    run: Run, load: Load, number: int, progress: Progress, spoiled: str = ""
) -> list[Record]:
    """A load's records of a round, after what they lack was measured.

    Where something `spoiled` the first ones there are to be second ones.
    """
    try:
        identity = load.place.identify()
        held = resume.done(run, identity, load.jobs, number, 2 if spoiled else 1)
        left = [job for job in load.jobs if job not in held]
        made: list[Record] = []
        if left:
            if spoiled:
                said = f"{load.place.scheme}, round {number}: {spoiled}: measured once more"
                cli.say(said, "yellow")
            progress.begin(load.turn)
            with claims.device(run, run.engine, progress):
                made = run.measure(identity, load.jobs, progress.step, number, left)
        return [*(record for records in held.values() for record in records), *made]
    except UserError as problem:  # the folder is not any more what was checked
        timed = of_kind(load.jobs, "performance")
        return run.give_up(load.place, timed, str(problem), number)


def score_all(
    run: Run, pairs: list[bases.Pair], jobs: list[Job], progress: Progress
) -> list[Scored]:
    """Score checkpoints, each on one load, its base before it; the base is in the result too.

    A base is scored on every engine that one of its checkpoints is scored on.

    A base that was not asked for itself keeps the records it has, where settings are the same.
    """
    ways = [serving.of(pair.checkpoint, run.engine, run.allow_fallback) for pair in pairs]
    serving.check_services(ways, run.options)
    run.prepare(jobs, (), progress.step, tuple(dict.fromkeys(way.engine for way in ways)))
    bases: dict[tuple[Path, str], list[Record]] = {}
    scored = []
    progress.expect(
        Turn(subject=f"{p.checkpoint.model}-{p.checkpoint.scheme}", steps=steps(jobs))
        for p in pairs
        if not p.is_base
    )
    for pair in sorted(pairs, key=lambda pair: not pair.is_base):
        own = replace(
            run, engine=serving.of(pair.checkpoint, run.engine, run.allow_fallback).engine
        )
        base, key = own.base(pair.base.path), (pair.base.path.resolve(), own.engine)
        if key not in bases:
            bases[key] = _score_base(own, pair, fitted(jobs, base, True), progress)
            scored.append(Scored(base=bases[key], checkpoint=bases[key]))
        if not pair.is_base:
            records = _score(own, pair.checkpoint, fitted(jobs, base, False), progress)
            scored.append(Scored(base=bases[key], checkpoint=records))
    return scored


def _score_base(run: Run, pair: bases.Pair, jobs: list[Job], progress: Progress) -> list[Record]:
    earlier = {} if pair.is_base else run.earlier(pair.base, jobs)
    left = [job for job in jobs if job not in earlier]
    return [*earlier.values(), *(_score(run, pair.base, left, progress) if left else [])]


def _score(
    run: Run, identity: models.Identity, jobs: list[Job], progress: Progress
) -> list[Record]:
    progress.begin(Turn(subject=f"{identity.model}-{identity.scheme}", steps=steps(jobs)))
    return run.measure(identity, jobs, progress.step)
