"""Everything in one table, as commands print it at their end: a row a scheme, failed ones too."""

from core.words import over_what
from reporting.contents.cells import (
    Cell,
    Column,
    MakeCell,
    Table,
    filled,
    measure_notes,
    quantity_columns,
    rows_of,
)
from reporting.contents.quality_tables import VERDICT_COLUMNS, reasons
from reporting.deciding.candidate import Candidate
from reporting.deciding.study import Study
from reporting.reading import measures


def summary(study: Study) -> Table:
    """The figures that measures put into it, the verdict, and below it what went wrong."""
    columns: list[Column] = []
    noted: list[str] = []
    for key in study.finished:
        of_key = _columns(study, key)
        columns += of_key
        noted += [f"{measures.title(key)}: {note}" for note in measure_notes(study, key) if of_key]
    names, rows = filled(
        [*columns, *VERDICT_COLUMNS], rows_of(study, [*columns, *VERDICT_COLUMNS], everybody=True)
    )
    notes = [*reasons(study), *_legend(study, rows), *dict.fromkeys(noted), *_unstable(study)]
    return Table("summary", "Summary", names, rows, notes, important=("verdict",))


def _columns(study: Study, key: str) -> list[Column]:
    """A measure's figures, its load in the headings; the first of a load with its speed-up."""
    measure, load = measures.of_key(key), measures.load(key)
    columns: list[Column] = []
    for name, quantity in measure.quantities.items() if measure else ():
        if quantity.in_summary:
            title, cell = quantity_columns(study, key, name, quantity)[0]
            cell = _bare(cell)
            if load and not columns:
                cell = _with_speed_up(study, key, name, cell)
            columns.append((f"{load}, {title}" if load else title, cell))
    return columns


def _with_speed_up(study: Study, key: str, name: str, cell: MakeCell) -> MakeCell:
    """Cells with the ratio to the base in brackets: `3,515 (1.43x)`, `(~)` for no difference."""

    def both(candidate: Candidate) -> Cell:
        alone, ratio = cell(candidate), study.speed_up(candidate, key, name)
        if ratio is None:
            return alone
        return Cell(
            f"{alone.text} ({f'{ratio.value:.2f}x' if ratio.separated else '~'})", alone.value
        )

    return both


def _bare(cell: MakeCell) -> MakeCell:
    """The values alone: their intervals are in the report."""

    def bare(candidate: Candidate) -> Cell:
        alone = cell(candidate)
        return Cell(alone.text.partition(" (")[0], alone.value, alone.tone)

    return bare


def _legend(study: Study, rows: list[list[Cell]]) -> list[str]:
    texts = [cell.text for row in rows for cell in row]
    if not any(text.endswith(("x)", "(~)")) for text in texts):
        return []
    if max(study.rounds, default=1) == 1:
        return ["(~): one load each cannot show a difference"]
    return [
        f"over {over_what(study.rounds)}; (1.43x): speed-up over BASE; (~): indistinguishable "
        "from it"
    ]


def _unstable(study: Study) -> list[str]:
    names = [
        f"{c.scheme} {key}"
        for c in study.candidates
        for key in c.performance
        if any(f.stability == "unstable" for f in _figures(c, key))
    ]
    return [f"unstable, values vary by more than 8 %: {', '.join(sorted(names))}"] if names else []


def _figures(candidate: Candidate, key: str) -> list:  # type: ignore[type-arg]
    record = candidate.record(key)
    return list(record.figures.values()) if record else []
