"""The first table of reports and the last of commands: a row a scheme, failed ones too.

Its first columns are the figures that the decision is made on. Commands show every other figure
that measures put into it as well, and below what went wrong.
"""

from core.words import over_what
from reporting.contents import glossary
from reporting.contents.cells import (
    EMPTY,
    Cell,
    Column,
    MakeCell,
    Table,
    figure_cell,
    filled,
    measure_notes,
    quantity_columns,
    rows_of,
)
from reporting.contents.quality_tables import reasons, recovery, verdict
from reporting.deciding import rule
from reporting.deciding.candidate import Candidate
from reporting.deciding.ranking import metric
from reporting.deciding.study import Study
from reporting.reading import measures

TITLE = "Summary"
Named = dict[tuple[str, str], Column]  # columns by measure and figure


def summary(study: Study, everything: bool = False) -> Table:
    """Speed-ups next to the names, verdict, weights, losses, speeds; with `everything` the rest."""
    loads = list(dict.fromkeys([rule.LATENCY, metric(study, "throughput")[0]]))
    loads = [key for key in loads if key in study.finished]
    known = _in_summary(study)
    first = [next((n for n in known if n[0] == key), None) for key in loads]
    decisive = [name for name in first if name in known]
    columns: list[Column] = [
        *((f"speed-up, {measures.load(key)}", _speed_up(study, key)) for key in loads),
        ("verdict", _verdict),
        ("weights", _bare(figure_cell(*rule.MEMORY))),
        ("KL, nats", _bare(figure_cell(*rule.LOSS))),
        ("recovery, %", _bare(recovery)),
        *(known[name] for name in decisive),
    ]
    if everything:
        shown = {*decisive, rule.MEMORY, rule.LOSS}
        columns += [column for name, column in known.items() if name not in shown]
    names, rows = filled(columns, rows_of(study, columns, everybody=True))
    notes = _legend(study, names, rows)
    if everything:
        notes = [*reasons(study), *notes, *_of_measures(study), *_unstable(study)]
    return Table("summary", TITLE, names, rows, notes, TITLE)


def _in_summary(study: Study) -> Named:
    """The figures that measures put into it, loads in the headings, without their intervals."""
    columns: Named = {}
    for key in study.finished:
        measure, load = measures.of_key(key), measures.load(key)
        for name, quantity in measure.quantities.items() if measure else ():
            if quantity.in_summary:
                title, cell = quantity_columns(study, key, name, quantity)[0]
                columns[key, name] = (f"{title}, {load}" if load else title, _bare(cell))
    return columns


def _of_measures(study: Study) -> list[str]:
    """What measures say below their figures."""
    noted = (
        f"{measures.title(key)}: {note}"
        for key in study.finished
        if any(name[0] == key for name in _in_summary(study))
        for note in measure_notes(study, key)
    )
    return list(dict.fromkeys(noted))


def _speed_up(study: Study, key: str) -> MakeCell:
    """Cells of `1.43x`, without the interval, and `~ 0.98x` where that includes 1."""

    def cell(candidate: Candidate) -> Cell:
        ratio = study.speed_up(candidate, key)
        if ratio is None:
            return EMPTY
        if not ratio.separated:
            return Cell(f"~ {ratio.value:.2f}x", ratio.value, "open")
        return Cell(f"{ratio.value:.2f}x", ratio.value, "good" if ratio.value > 1 else "bad")

    return cell


def _verdict(candidate: Candidate) -> Cell:
    """On its quality; of a scheme that never ran, that."""
    states = {stored.record.status for stored in candidate.stored.values()}
    if "ok" in states:
        return verdict(candidate)
    return Cell("not served" if states == {"unsupported"} else "failed", None, "bad")


def _bare(cell: MakeCell) -> MakeCell:
    """The values alone: their intervals are in the report."""

    def bare(candidate: Candidate) -> Cell:
        alone = cell(candidate)
        return Cell(alone.text.partition(" (")[0], alone.value, alone.tone)

    return bare


def _legend(study: Study, names: list[str], rows: list[list[Cell]]) -> list[str]:
    """What the columns mean, in one line, and what speed-ups are over."""
    told = glossary.meanings([name for name in names if name.startswith(("KL", "recovery"))])
    lines = ["; ".join(f"{term}: {text}" for term, text in told.items())] if told else []
    if not any(cell.text.endswith("x") for row in rows for cell in row):
        return lines
    if max(study.rounds, default=1) == 1:
        return ["speed-up over BASE; ~: one load each cannot show a difference", *lines]
    over = over_what(study.rounds)
    return [f"speed-up over BASE, over {over}; ~: indistinguishable from BASE", *lines]


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
