"""A report before it has a form: decision, tables, observations, notes. Formats draw this."""

from dataclasses import dataclass
from functools import cached_property

from core.words import budget_text
from quality.comparison import parse_margins
from reporting.contents import checkpoints, quality_tables, tables
from reporting.contents.cells import Table
from reporting.contents.environment import environment
from reporting.contents.summary import summary
from reporting.deciding import observations
from reporting.deciding.commands import measure_command
from reporting.deciding.decision import Outcome, decide
from reporting.deciding.ranking import USE_CASES, UseCase
from reporting.deciding.study import Study
from reporting.deciding.study import build as build_study
from reporting.reading import engines
from reporting.reading.results import RecordsRead, Stored


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything a report says of one model; `study` has the records it comes from."""

    study: Study
    outcomes: list[Outcome]
    tables: list[Table]
    observations: list[str]
    environment: list[tuple[str, str]]
    notes: list[str]

    @property
    def title(self) -> str:
        """The heading of every format."""
        return f"Which scheme for {self.study.model}?"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a report is asked of: records, and what to make of them; nothing is computed before.

    `margin` is the accepted loss of quality as `--margin` spells it, `budget` bytes of memory.
    `here`: commands are for this folder and machine, not for readers elsewhere.
    """

    records_read: RecordsRead
    model: str | None = None
    margin: str = "1"
    run: str | None = None
    use_case: UseCase | None = None
    budget: int | None = None
    here: bool = False

    @property
    def records(self) -> list[Stored]:
        """Every record of the model, whatever the report uses of them."""
        return self.records_read.of_model(self.model)

    @cached_property
    def report(self) -> Report:
        """The report. Raises `UserError` as `deciding.study.build` does."""
        study = build_study(self.records_read, self.model, parse_margins(self.margin), self.run)
        study.here = self.here
        return build(study, self.use_case, self.budget)


def build(study: Study, use_case: UseCase | None = None, budget: int | None = None) -> Report:
    """The report of a study: all use cases, or the one asked for."""
    wanted = USE_CASES if use_case is None else (use_case,)
    return Report(
        study=study,
        outcomes=[decide(study, case, budget) for case in wanted],
        tables=_tables(study),
        observations=observations.observations(study),
        environment=environment(study),
        notes=_notes(study, budget),
    )


def _tables(study: Study) -> list[Table]:
    """Every table there is something to say in, in the order of reading."""
    every = [
        summary(study),
        *tables.of_measures(study),
        *quality_tables.both(study),
        checkpoints.table(study),
        tables.missing(study),
    ]
    return [table for table in every if table.rows and table.columns[1:]]


def _notes(study: Study, budget: int | None) -> list[str]:
    """What a reader must know before comparing: budget, missing base, what was left out."""
    notes = [f"Memory budget: {budget_text(budget)}."] if budget is not None else []
    if study.base is None or not study.base.performance:
        scored = study.base is not None and bool(study.base.quality)
        notes.append(
            "The speed of the base was not measured: there are no speed-ups."
            if scored
            else "The base was not measured: figures are absolute, there are no speed-ups and no "
            "verdicts."
        )
    elif study.rounds == [1] and len(study.candidates) > 1:
        notes.append(
            "Speed is of one load of each checkpoint. Loads differ by themselves, so no scheme is "
            "called faster: pipeline.py --rounds auto takes turns over fresh ones."
        )
    engine = study.context.get("engine", "")
    if engines.named(engine).simulated:
        notes.append(f"Made with the {engine} engine: the numbers come from a made-up clock.")
    if study.newer_run:
        notes.append(
            f"A newer run, {study.newer_run}, compares less than the one reported here: "
            f"report.py --run {study.newer_run} reports it."
        )
    for scheme, apart in study.left_out.items():
        notes.append(
            f"The speed of {scheme} is left out, it differs: {apart}. "
            f"`{measure_command(study)}` measures all side by side."
        )
    notes += [f"{note[0].upper()}{note[1:]}." for note in study.notes]
    return notes + [f"Not read: {path} ({why})." for path, why in sorted(study.broken.items())]
