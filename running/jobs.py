"""What is measured on a checkpoint, by the measures' own options made into jobs, and how often."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Annotated, Any

from comparing.rounds import FIRST_ROUNDS
from core import plugins
from core.engine import Options
from core.errors import UserError
from core.measure import Job, Measure, ServedBase
from core.options import Several, option


def option_groups(kind: str) -> dict[str, type[Any]]:
    """The group of options of every measure of a kind that has one, in the order of reports."""
    loaded = {name: plugins.load("measures", name) for name in plugins.names("measures")}
    order = sorted(loaded, key=lambda name: loaded[name].shown.place)
    groups = {name: loaded[name].options for name in order if loaded[name].kind == kind}
    return {name: group for name, group in groups.items() if group is not None}


ENGINES = ", ".join(plugins.names("engines"))
EngineName = Annotated[
    str,
    option(
        f"what serves it: {ENGINES}, or auto: vLLM where it has a kernel, else transformers",
        "engine",
    ),
]
PerformanceOptions = Annotated[dict[str, Any], Several(partial(option_groups, "performance"))]
QualityOptions = Annotated[dict[str, Any], Several(partial(option_groups, "quality"))]


MOST_ROUNDS = 10
LOADING = "loading"


@dataclass(frozen=True, kw_only=True)
class RoundOptions:
    """How often checkpoints are loaded, as the command line takes it."""

    rounds: Annotated[
        str,
        option(
            "fresh loads of every checkpoint, each round in random order: a number, or auto: "
            f"{FIRST_ROUNDS}, then more of what is undecided"
        ),
    ] = str(FIRST_ROUNDS)
    max_rounds: Annotated[
        int | None,
        option(f"most rounds of --rounds auto, {MOST_ROUNDS} by default", min=FIRST_ROUNDS),
    ] = None

    def span(self) -> tuple[int, int]:
        """Rounds of every checkpoint, and the most of any. Raises `UserError` for bad options."""
        if self.rounds == "auto":
            return FIRST_ROUNDS, self.max_rounds or MOST_ROUNDS
        if not self.rounds.isdecimal() or int(self.rounds) < 1:
            raise UserError(f"--rounds wants a number like 3, or auto, not {self.rounds!r}")
        if self.max_rounds is not None:
            raise UserError("--max_rounds belongs to --rounds auto")
        return int(self.rounds), int(self.rounds)


def plan(chosen: dict[str, Any], base: ServedBase) -> list[Job]:
    """The jobs of a load, in order, for measures by name with their options.

    Raises `UserError` for what cannot be measured.
    """
    measures = {name: plugins.load("measures", name) for name in chosen}
    order = sorted(measures, key=lambda name: _turn(measures[name]))
    planned = [
        Job(name, settings)
        for name in order
        for settings in measures[name].plan(chosen[name], base)
    ]
    for job in planned:
        _refuse_half_characters(job)
    return planned


def _refuse_half_characters(job: Job) -> None:
    """Raise `UserError` for prompts and the like that no tokenizer reads and no record holds."""
    try:
        json.dumps(asdict(job.settings), ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as problem:
        raise UserError(
            f"{job.measure} is to use text with half a character "
            f"({problem.object[problem.start]!a}): correct the file it is from"
        ) from problem


def doing(job: Job) -> str:
    """What is done while a job runs: `timing 8 users`, `scoring tasks`."""
    measure = plugins.load("measures", job.measure)
    if measure.shown.doing or not measure.shown.load:
        verb = "scoring" if measure.kind == "quality" else "measuring"
        return measure.shown.doing or f"{verb} {job.measure}"
    variant = measure.variant(asdict(job.settings))
    of_one = measure.shown.load_of_one if variant == 1 else ""
    return f"timing {of_one or measure.shown.load.format(variant)}"


def steps(jobs: Iterable[Job]) -> tuple[str, ...]:
    """What a checkpoint's turn consists of: loading it, then the jobs."""
    return (LOADING, *map(doing, jobs))


def _turn(measure: Measure) -> tuple[bool, int, int]:
    """Speed and memory before quality; memory last of them, so that its peak is over all."""
    return (
        measure.kind == "quality",
        ("first", "between", "last").index(measure.when),
        measure.shown.place,
    )


def fitted(jobs: Iterable[Job], base: ServedBase, is_base: bool) -> list[Job]:
    """The jobs as one checkpoint is to run them, the base (`is_base`) or a compressed one."""
    return [
        Job(name, plugins.load("measures", name).settings_for(settings, base, is_base))
        for name, settings in jobs
    ]


def roomy(options: Options, jobs: Iterable[Job]) -> Options:
    """Options with which every batch of the jobs runs at once."""
    sizes = [getattr(job.settings, "batch_size", 1) for job in jobs]
    return replace(options, max_num_seqs=max(options.max_num_seqs, *sizes, 1))


def rest(jobs: list[Job], left: list[Job]) -> list[Job]:
    """What a new load runs where a load's jobs were cut off and some are left.

    Where one of speed or memory is, all of them run again: prompts, and the peak of memory, depend
    on what ran before on the load.
    """
    timed = of_kind(jobs, "performance")
    again = timed if any(job in timed for job in left) else []
    return [job for job in jobs if job in left or job in again]


def of_kind(jobs: Iterable[Job], kind: str) -> list[Job]:
    """The jobs whose measures are of a kind, "performance" or "quality"."""
    return [job for job in jobs if plugins.load("measures", job.measure).kind == kind]
