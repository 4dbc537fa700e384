"""A report before it has a form: decision, tables, observations, notes. Formats draw this."""

from dataclasses import dataclass, field, replace
from functools import cached_property

from core.words import budget_text, join
from quality.comparison import parse_margins
from reporting.contents import checkpoints, quality_tables, tables
from reporting.contents.cells import Table
from reporting.contents.environment import environment
from reporting.contents.summary import summary
from reporting.deciding import observations
from reporting.deciding.commands import measure_command
from reporting.deciding.decision import Outcome, decide
from reporting.deciding.ranking import USE_CASES, UseCase, metric
from reporting.deciding.study import Study, by_engine
from reporting.reading import engines, measures
from reporting.reading.results import RecordsRead, Stored


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything a report says of one model; `study` has the records it comes from.

    `others` are the reports of what other engines ran; their tables are in `tables` too.
    """

    study: Study
    outcomes: list[Outcome]
    tables: list[Table]
    observations: list[str]
    environment: list[tuple[str, str]]
    notes: list[str]
    others: "list[Report]" = field(default_factory=list)

    @property
    def title(self) -> str:
        """The heading of every format."""
        return f"Which scheme for {self.study.model}?"

    def of_scheme(self, scheme: str) -> "Report | None":
        """The report of the engine that ran a scheme, None where none did."""
        return next((r for r in (self, *self.others) if _ran(r.study, scheme)), None)


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
        margins = parse_margins(self.margin)
        studies = by_engine(self.records_read, self.model, margins, self.run)
        for study in studies:
            study.here = self.here
        first, *others = (build(study, self.use_case, self.budget) for study in studies)
        tables = [_on_engine(table, other.study) for other in others for table in other.tables]
        notes = [note for other in others for note in _apart(first.study, other.study)]
        return replace(
            first, others=others, tables=first.tables + tables, notes=first.notes + notes
        )


def _ran(study: Study, scheme: str) -> bool:
    return any(candidate.scheme == scheme for candidate in study.candidates)


def _on_engine(table: Table, study: Study) -> Table:
    """A table whose title says which engine its figures are of."""
    title = on_engine(table.title, study)
    section = on_engine(table.section, study)
    return replace(table, key=f"{table.key}-{study.engine}", title=title, section=section)


def on_engine(title: str, study: Study) -> str:
    """A title of what an engine ran: `Summary on transformers`."""
    return f"{title} on {study.engine}"


def _apart(first: Study, other: Study) -> list[str]:
    """Why what another engine ran stands in tables of its own, and what its base's speed lacks."""
    names = [candidate.scheme for candidate in other.compressed]
    verb = "were run" if len(names) > 1 else "was run"
    return [
        f"{join(names)} {verb} on {other.engine} and compared with BASE there alone: two engines "
        f"differ in speed and in rounding whatever the scheme, so no speed of {other.engine} is "
        f"ranked with one of {first.engine}."
    ]


def build(study: Study, use_case: UseCase | None = None, budget: int | None = None) -> Report:
    """The report of a study: all use cases, or the one asked for."""
    wanted = _asked(study) if use_case is None else (use_case,)
    return Report(
        study=study,
        outcomes=[decide(study, case, budget) for case in wanted],
        tables=_tables(study),
        observations=observations.observations(study),
        environment=environment(study),
        notes=_notes(study, budget),
    )


def _asked(study: Study) -> list[UseCase]:
    """The use cases that somebody was asked the measure of; all where no speed was measured."""
    timed = {measures.split(key)[0] for c in study.candidates for key in c.performance}
    asked = [case for case in USE_CASES if measures.split(metric(study, case)[0])[0] in timed]
    return asked or list(USE_CASES)


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
