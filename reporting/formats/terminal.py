"""The report on the terminal: the decision first, then tables and observations."""

from pathlib import Path

from core import cli
from core.errors import UserError
from reporting.contents.cells import Table
from reporting.contents.changes import RunComparison
from reporting.contents.document import Report, Request
from reporting.deciding.decision import Outcome
from reporting.deciding.reasons import GOALS
from reporting.formats._columns import Column, draw
from reporting.formats._format import Format

STYLES = {"": "", "good": "green", "bad": "red", "open": "yellow"}


def show(report: Report) -> None:
    """Print a report on stdout."""
    show_decision(report)
    for table in report.tables:
        _table(table)
    if report.observations:
        _heading("Observations")
    for text in report.observations:
        cli.show(f"- {text}")
    _heading("Test environment")
    cli.show(" | ".join(f"{name}: {value}" for name, value in report.environment))
    if report.notes:
        _heading("Notes")
    for note in report.notes:
        cli.show(f"- {note}")


def show_decision(report: Report) -> None:
    """Print which scheme to deploy for each use case, and why."""
    cli.show(report.title, "bold")
    for outcome in report.outcomes:
        _outcome(outcome)


def show_tables(tables: list[Table]) -> None:
    """Print tables alone."""
    for table in tables:
        _table(table)


def show_columns(columns: list[Column]) -> None:
    """Print a table of columns that are made already, without a title."""
    for line in draw(columns, cli.width(cli.out)):
        cli.out.print(line, highlight=False)


def show_notes(lines: list[str]) -> None:
    """Print lines that stand below a table."""
    for line in lines:
        cli.show(line, "dim")


def _heading(text: str) -> None:
    cli.out.print()
    cli.show(text, "bold")


def _outcome(outcome: Outcome) -> None:
    heading = f"For {GOALS[outcome.use_case]}: {outcome.winner or 'no scheme'}"
    _heading(heading + ("" if outcome.decided else " (undecided)"))
    cli.show(outcome.sentence)
    if outcome.command:
        cli.show_command(f"  {outcome.command}", "cyan")
    for command in outcome.to_decide:
        cli.show_command(f"  to decide: {command}", "yellow")
    for names, reason in outcome.lost:
        cli.show(f"  not {names}: {reason}", "dim")


def _table(table: Table) -> None:
    _heading(table.title)
    if table.rows:
        show_columns(_columns(table))
    show_notes(table.notes)


def _columns(table: Table) -> list[Column]:
    """A table's columns, each of its texts on one line and harmless."""
    return [
        Column(
            heading=cli.one_line(heading),
            cells=[cli.one_line(row[number].text) for row in table.rows],
            styles=[STYLES[row[number].tone] for row in table.rows],
            texts=number == 0 or all(row[number].value is None for row in table.rows),
            names=number < table.names,
            important=heading in table.important,
        )
        for number, heading in enumerate(table.columns)
    ]


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
    here=True,
    compare=_show_changes,
    history=_show_changes,
)
