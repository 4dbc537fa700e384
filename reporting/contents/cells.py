"""Cells and tables: the report's figures as text, which each format draws as they are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from core.measure import Paired, Quantity
from core.records import Figure
from core.stats import Ratio
from core.words import figure_text, heading, percent, ratio_text
from reporting.deciding.candidate import Candidate
from reporting.deciding.study import Study
from reporting.reading import measures

Tone = Literal["", "good", "bad", "open"]


@dataclass(frozen=True)
class Cell:
    """Text, the number it is sorted by (None: by its text), and a tone that words repeat."""

    text: str
    value: float | None = None
    tone: Tone = ""


EMPTY = Cell("-")
MakeCell = Callable[[Candidate], Cell]
Column = tuple[str, MakeCell]  # heading and cells


@dataclass(frozen=True)
class Table:
    """A titled table; the first `names` columns name the row. `notes` stand below it.

    Where not all columns fit side by side, those headed as in `important` come first.

    Tables of one `section` stand together where a format has headings; `measured` ones show what
    measures found, a row or more for each scheme.
    """

    key: str
    title: str
    columns: list[str]
    rows: list[list[Cell]]
    notes: list[str] = field(default_factory=list)
    section: str = ""
    measured: bool = False
    names: int = 1
    important: tuple[str, ...] = ()


def rows_of(study: Study, columns: list[Column], everybody: bool = False) -> list[list[Cell]]:
    """A row a scheme, its name first; schemes that fill no column only with `everybody`."""
    rows = [[Cell(c.scheme), *(cell(c) for _, cell in columns)] for c in study.candidates]
    return [row for row in rows if everybody or any(cell != EMPTY for cell in row[1:])]


def filled(columns: list[Column], rows: list[list[Cell]]) -> tuple[list[str], list[list[Cell]]]:
    """Headings and rows without the columns that nobody fills."""
    return without_empty(["scheme", *(name for name, _ in columns)], rows)


def without_empty(names: list[str], rows: list[list[Cell]]) -> tuple[list[str], list[list[Cell]]]:
    """The same without the columns that nobody fills; the first stays."""
    nonempty = [n for n in range(len(names)) if not n or any(row[n] != EMPTY for row in rows)]
    return [names[n] for n in nonempty], [[row[n] for n in nonempty] for row in rows]


def columns_of(study: Study, key: str) -> list[Column]:
    """The columns of a measure: its figures, the same as shares of the base's, pairs with it."""
    measure = measures.of_key(key)
    if measure is None:
        return []
    columns: list[Column] = []
    for name, quantity in measure.quantities.items():
        if quantity.title:
            columns += quantity_columns(study, key, name, quantity)
    if measure.shown.own_columns:
        own = {name: None for c in study.candidates for name in c.values(key)}
        undeclared = (name for name in own if name not in measure.quantities)
        columns += [(name, figure_cell(key, name)) for name in undeclared]
    for name, quantity in measure.paired.items():
        columns.append((_heading(quantity), _paired_cell(name, quantity)))
    return columns


def quantity_columns(study: Study, key: str, name: str, quantity: Quantity) -> list[Column]:
    """A figure's column, and where it is asked for the one of its share of the base's."""

    def share(candidate: Candidate) -> Cell:
        own, base = (c.values(key).get(name) if c else None for c in (candidate, study.base))
        return Cell(percent(own / base), own / base) if own is not None and base else EMPTY

    column: Column = (_heading(quantity), figure_cell(key, name))
    return [column, ("of BASE", share)] if quantity.of_base else [column]


def _heading(quantity: Quantity) -> str:
    return heading(quantity.title, quantity.unit, quantity.shown_in)


def figure_cell(key: str, name: str) -> MakeCell:
    """Makes cells of one figure, with its interval."""
    shown_in = measures.shown_in(key, name)

    def cell(candidate: Candidate) -> Cell:
        figure = figure_of(candidate, key, name)
        return Cell(figure_text(figure, shown_in), figure.value) if figure else EMPTY

    return cell


def figure_of(candidate: Candidate, key: str, name: str) -> Figure | None:
    """A figure of a record, or one that follows from those it has."""
    record, measure = candidate.record(key), measures.of_key(key)
    if record is None or measure is None or name in record.figures:
        return record.figures.get(name) if record else None
    quantity = measure.quantities.get(name)
    value = measure.shown.derive(record.settings, candidate.values(key)).get(name)
    return None if value is None or quantity is None else _figure(value, quantity)


def _figure(
    value: float, quantity: Quantity, low: float | None = None, high: float | None = None
) -> Figure:
    return Figure(
        value=value,
        values=[value],
        unit=quantity.unit,
        better=quantity.better,
        low=low,
        high=high,
    )


def _paired_cell(name: str, quantity: Quantity) -> MakeCell:
    def cell(candidate: Candidate) -> Cell:
        paired = candidate.compared.paired.get(name) if candidate.compared else None
        return EMPTY if paired is None else paired_cell(paired, quantity)

    return cell


def paired_cell(paired: Paired, quantity: Quantity) -> Cell:
    """What a measure says of a checkpoint and its base together; `x` is a ratio of both."""
    value, low, high = paired if isinstance(paired, tuple) else (paired, None, None)
    if quantity.unit == "x":
        return Cell(ratio_text(Ratio(value=value, low=low, high=high)), value)
    return Cell(figure_text(_figure(value, quantity, low, high), quantity.shown_in), value)


def ratio_cell(ratio: Ratio | None) -> Cell:
    """How many times better than the base; `~` where both are indistinguishable."""
    if ratio is None:
        return EMPTY
    if not ratio.separated:
        return Cell(f"~ {ratio_text(ratio)}", ratio.value, "open")
    return Cell(ratio_text(ratio), ratio.value, "good" if ratio.value > 1 else "bad")


def measure_notes(study: Study, key: str) -> list[str]:
    """What a measure says below its figures."""
    measure = measures.of_key(key)
    values = [c.values(key) for c in study.candidates]
    machine = study.candidates[0].newest.machine
    note = measure.shown.note(machine, values) if measure and any(values) else ""
    return [note] if note else []
