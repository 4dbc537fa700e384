"""What a file of this room exports as `FORMAT`: one way in which a report can be made.

`report.py --format NAME` finds it by file name (`core.plugins`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from core import cli
from core.errors import UserError

if TYPE_CHECKING:
    from reporting.contents.changes import RunComparison
    from reporting.contents.document import Request


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format: `write` makes a report into a file, or onto stdout without one.

    An output file with one of `suffixes` asks for it. `compare` and `history` do the same for two
    runs and for all of them, None where this format cannot show them. They raise `UserError` for
    what cannot be written. A format that is read `here` has commands for this folder and machine;
    others are given to people elsewhere, and name no place of this machine.
    """

    summary: str
    write: "Callable[[Request, Path | None], None]"
    suffixes: tuple[str, ...] = ()
    here: bool = False
    compare: "Callable[[RunComparison, Path | None], None] | None" = None
    history: "Callable[[RunComparison, Path | None], None] | None" = None


def write_text(text: str, output: Path | None) -> None:
    """To the file, or to stdout when there is none."""
    if output is None:
        typer.echo(text.rstrip("\n"))
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as problem:
        raise UserError(f"cannot write {output}: {problem.strerror}") from problem
    cli.say(f"wrote {output}")
