"""The report on the terminal: the decision first, then tables and observations."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from rich.table import Table as RichTable
from rich.text import Text

from core import cli
from core.errors import UserError
from reporting.contents.cells import Cell, Table
from reporting.contents.changes import RunComparison
from reporting.contents.document import Report, Request
from reporting.deciding.decision import Outcome
from reporting.deciding.reasons import GOALS
from reporting.formats._format import Format

WIDEST = 400  # columns of a table in a file: no cell is cut there
GAP = 2  # columns between columns
STYLES = {"": "", "good": "green", "bad": "red", "open": "yellow"}


def show(report: Report) -> None:
    """Print a report on stdout."""
    show_decision(report)
    for table in report.tables:
        _table(table)
    if report.observations:
        _heading("Observations")
    for text in report.observations:
        _line(f"- {text}")
    _heading("Test environment")
    _line(" | ".join(f"{name}: {value}" for name, value in report.environment))
    if report.notes:
        _heading("Notes")
    for note in report.notes:
        _line(f"- {note}")


def show_decision(report: Report) -> None:
    """Print which scheme to deploy for each use case, and why."""
    _line(report.title, "bold")
    for outcome in report.outcomes:
        _outcome(outcome)


def show_tables(tables: list[Table]) -> None:
    """Print tables alone."""
    for table in tables:
        _table(table)


def show_notes(lines: list[str]) -> None:
    """Print lines that stand below a table."""
    for line in lines:
        _line(line, "dim")


def _line(text: str, style: str = "") -> None:
    cli.out.print(Text(cli.one_line(text), style=style), highlight=False)


def _heading(text: str) -> None:
    cli.out.print()
    _line(text, "bold")


def _outcome(outcome: Outcome) -> None:
    heading = f"For {GOALS[outcome.use_case]}: {outcome.winner or 'no scheme'}"
    _heading(heading + ("" if outcome.decided else " (undecided)"))
    _line(outcome.sentence)
    if outcome.command:
        _line(f"  {outcome.command}", "cyan")
    for command in outcome.to_decide:
        _line(f"  to decide: {command}", "yellow")
    for names, reason in outcome.lost:
        _line(f"  not {names}: {reason}", "dim")


def _table(table: Table) -> None:
    _heading(table.title)
    shown = _one_line(table)
    for columns in _side_by_side(shown):
        _print(shown, columns)
    show_notes(table.notes)


def _one_line(table: Table) -> Table:
    """The table with each of its texts on one line, and harmless."""
    rows = [[replace(cell, text=cli.one_line(cell.text)) for cell in row] for row in table.rows]
    return replace(table, columns=[cli.one_line(name) for name in table.columns], rows=rows)


def _side_by_side(table: Table) -> list[list[int]]:
    """Numbers of columns that fit a terminal together; every part begins with the first."""
    parts: list[list[int]] = [[0]]
    used = 0
    for number, name in enumerate(table.columns):
        lines = [*_broken(name).split("\n"), *(row[number].text for row in table.rows)]
        width = max(map(len, lines)) + GAP
        if number == 0:
            first = used = width
        elif cli.out.is_terminal and used + width > cli.out.width and len(parts[-1]) > 1:
            parts.append([0, number])
            used = first + width
        else:
            parts[-1].append(number)
            used += width
    return parts


def _broken(name: str) -> str:
    return name.replace(", ", ",\n")


def _print(table: Table, columns: list[int]) -> None:
    """Draw some of a table's columns; in a file no cell is cut."""
    drawn = RichTable(box=None, pad_edge=False, header_style="bold")
    wrapped = table.key == "missing"
    for number in columns:
        left = number == 0 or all(row[number].value is None for row in table.rows)
        justify: Literal["left", "right"] = "left" if left else "right"
        drawn.add_column(Text(_broken(table.columns[number])), justify=justify, no_wrap=not wrapped)
    for row in table.rows:
        drawn.add_row(*(_cell(row[number]) for number in columns))
    width = cli.out.measure(drawn, options=cli.out.options.update(width=WIDEST)).maximum
    before = cli.out.width
    cli.out.width = before if wrapped or cli.out.is_terminal else max(before, width)
    cli.out.print(drawn)
    cli.out.width = before


def _cell(cell: Cell) -> Text:
    return Text(cell.text, style=STYLES[cell.tone])


def _write(request: Request, output: Path | None) -> None:
    if output is not None:
        raise UserError(f"{output}: the terminal has no file; name another --format")
    show(request.report)


def _show_changes(comparison: RunComparison, output: Path | None) -> None:
    if output is not None:
        raise UserError(f"{output}: the terminal has no file; name another --format")
    show_tables(comparison.tables)


FORMAT = Format(
    summary="on the terminal, in colours",
    write=_write,
    compare=_show_changes,
    history=_show_changes,
)
