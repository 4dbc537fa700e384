"""The report as Markdown for a repository: GitHub's tables, everything from records escaped."""

import re
from pathlib import Path

from core import cli
from reporting.contents.cells import Table
from reporting.contents.changes import RunComparison
from reporting.contents.document import Report, Request
from reporting.deciding.decision import Outcome
from reporting.deciding.reasons import GOALS
from reporting.formats._format import Format, write_text

SPECIAL = re.compile(r"([\\`*_\[\]<>|#!~@$])")
LINK = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp)(?=:)|\bwww(?=\.)")  # GitHub links bare ones
ENTITY = re.compile(r"&(?=#?\w+;)")
LIST = re.compile(r"^(\d*)([-+.)])(?=\s|$)")  # what begins one, at the beginning of a line


def text(report: Report) -> str:
    """The whole page."""
    parts = [f"# {escape(report.title)}", *(_outcome(o) for o in report.outcomes)]
    parts += [table(contents) for contents in report.tables]
    if report.observations:
        parts.append("## Observations\n\n" + bullets(report.observations))
    environment = [f"{name}: {value}" for name, value in report.environment]
    parts.append("## Test environment\n\n" + bullets(environment))
    if report.notes:
        parts.append("## Notes\n\n" + bullets(report.notes))
    return "\n\n".join(parts) + "\n"


def escape(words: str) -> str:
    """Text that Markdown and HTML leave as it is within a line, on one line."""
    plain = ENTITY.sub("&amp;", " ".join(cli.one_line(words).split()))
    marked = SPECIAL.sub(r"\\\1", plain).replace("\\<", "&lt;").replace("\\$", "&#36;")
    return LINK.sub(lambda scheme: f"{scheme[0]}\\", marked)


def paragraph(words: str) -> str:
    """The same, where it begins a line: it is no list."""
    return LIST.sub(r"\1\\\2", escape(words))


def bullets(lines: list[str]) -> str:
    """A list, a line each."""
    return "\n".join(f"* {paragraph(line)}" for line in lines)


def _outcome(outcome: Outcome) -> str:
    state = "" if outcome.decided else " (undecided)"
    parts = [
        f"## For {GOALS[outcome.use_case]}: {escape(outcome.winner or 'no scheme')}{state}",
        paragraph(outcome.sentence),
    ]
    if outcome.command:
        parts.append(code(outcome.command))
    if outcome.to_decide:
        parts.append("To decide:\n\n" + code("\n".join(outcome.to_decide)))
    if outcome.losers:
        parts.append(bullets([f"not {names}: {reason}" for names, reason in outcome.lost]))
    return "\n\n".join(parts)


def code(lines: str) -> str:
    """A fenced block that no line inside can close."""
    shown = cli.printable(lines)
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{shown}\n{fence}"


def table(contents: Table, level: str = "##") -> str:
    """A table with its heading and notes."""
    numbers = [
        any(row[n].value is not None for row in contents.rows) for n in range(len(contents.columns))
    ]
    lines = [
        f"{level} {escape(contents.title)}\n",
        f"| {' | '.join(escape(name) for name in contents.columns)} |",
        f"|{'|'.join('--:' if number else '---' for number in numbers)}|",
        *(f"| {' | '.join(escape(cell.text) for cell in row)} |" for row in contents.rows),
    ]
    notes = [f"\n{paragraph(note)}" for note in contents.notes]
    return "\n".join(lines + notes)


def _write(request: Request, output: Path | None) -> None:
    write_text(text(request.report), output)


def _write_changes(comparison: RunComparison, output: Path | None) -> None:
    write_text("\n\n".join(table(contents) for contents in comparison.tables) + "\n", output)


FORMAT = Format(
    summary="Markdown for a repository",
    suffixes=(".md",),
    write=_write,
    compare=_write_changes,
    history=_write_changes,
)
