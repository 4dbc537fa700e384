"""What the commands share: the application object, the console, exit codes, `--json`.

Progress and messages go to stderr; stdout carries the result, and with `--json` its last line is
one JSON document. Exit codes: 0 done, 1 something failed (the rest went on), 2 bad input,
130 interrupted, 143 and 129 terminated or hung up: those three end alike.
"""

import functools
import json
import os
import signal
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperCommand

from core import machine
from core.errors import UserError
from core.options import flattened
from core.plugins import ROOT
from core.spellings import ours
from core.words import wrapped

Tell = Callable[[str, int, int], None]  # of a step, how much of it is done, of how much
UNDER_ITS_NAME = " under its final name"
FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
ENDED_BY = (signal.SIGTERM, signal.SIGHUP)  # as Ctrl-C, unless they are ignored (nohup)

TEXT_WIDTH = 48  # columns that --help leaves what it says of options, where there are 80
ERROR = "error:"
NARROWEST = 20  # columns that lines are broken at
JOINERS = "\u200c\u200d"  # in words of Persian and Hindi, and in emoji


class _Result(Console):
    """Standard output: where its reader has gone (`| head`), the command ends without a word."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(FAILED)


class _Messages(Console):
    """Standard error: a terminal that is gone takes no line more, and the work goes on."""

    def _check_buffer(self) -> None:
        try:
            super()._check_buffer()
        except OSError:
            self.quiet = True

    def on_broken_pipe(self) -> None:
        self.quiet = True


out = _Result(soft_wrap=True)
err = _Messages(stderr=True, soft_wrap=True)


def application(command: Callable[..., Any]) -> typer.Typer:
    """A one-command typer application; `UserError`, Ctrl-C and signals end it with exit codes.

    Parameters may be groups of options (`core.options`).
    """
    flat = flattened(command)

    @functools.wraps(flat)
    def guarded(*args: Any, **options: Any) -> Any:
        try:
            _check_words(sys.argv)
            return flat(*args, **options)
        except UserError as problem:
            _refuse(problem)
        except SystemExit as problem:  # none of ours: commands raise typer.Exit
            say(f"{ERROR} code that an option names called sys.exit({problem.code!r})")
            sys.exit(BAD_INPUT)
        except Terminated as problem:
            say(f"ended by {problem.signal.name}: nothing unfinished was kept{UNDER_ITS_NAME}")
            sys.exit(128 + problem.signal)
        except KeyboardInterrupt:
            say(f"interrupted: nothing unfinished was kept{UNDER_ITS_NAME}")
            sys.exit(INTERRUPTED)
        except EOFError as problem:  # of which click would say "Aborted!" and nothing else
            raise RuntimeError(
                "a process or a file ended before it was read to its end"
            ) from problem

    app = _Program(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(cls=_Command, context_settings={"token_normalize_func": _underscores})(guarded)
    return app


def _refuse(problem: UserError) -> NoReturn:
    """End the command with a sentence about what it was given."""
    say(f"{ERROR} {problem}")
    sys.exit(BAD_INPUT)


class _Command(TyperCommand):
    """A command whose help leaves the texts room where the terminal is narrow."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        options = max(16, min(30, formatter.width - TEXT_WIDTH))
        formatter.write_dl = functools.partial(formatter.write_dl, col_max=options)
        super().format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Also of a line with other scripts' options, where they mean the same here."""
        spelled = (name for p in self.params for name in (*p.opts, *p.secondary_opts))
        known = {"help", *(_underscores(name.lstrip("-")) for name in spelled)}
        try:
            return super().parse_args(ctx, ours(args, known, machine.check_device))
        except UserError as problem:
            _refuse(problem)


class _Program(typer.Typer):
    """An application that has a process of its own when it is called (tests invoke it in theirs).

    No process it starts imports from the current folder, which may be a stranger's.
    """

    def __call__(self, *args: Any, **options: Any) -> Any:
        _leave_current_folder()
        _end_as_ctrl_c_does()
        return super().__call__(*args, **options)


def _leave_current_folder() -> None:
    """Also where an empty entry of PYTHONPATH stands for it: children take over sys.path."""
    os.environ["PYTHONSAFEPATH"] = "1"
    if "" in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        here = str(Path.cwd())
        sys.path[:] = [path for path in sys.path if path != here or here == str(ROOT)]


class Terminated(KeyboardInterrupt):
    """Another program asked the command to end; what it had half done is removed as on Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


def _end_as_ctrl_c_does() -> None:
    """Let the signals that end a job raise `Terminated`, once: a second one ends it at once."""

    def terminate(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Terminated(number)

    for number in ENDED_BY:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, terminate)


def _check_words(words: list[str]) -> None:
    """Raise `UserError` for a command line that no record could hold: bytes that are not UTF-8."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as problem:
            raise UserError(f"{word!a} on the command line is not UTF-8") from problem


def _underscores(token: str) -> str:
    """`--max-new-tokens` is `--max_new_tokens`: options are spelled with underscores."""
    return token.replace("-", "_")


def printable(text: str) -> str:
    """Text from files and models, safe to show: what acts on a terminal or hides is escaped.

    Lines, tabs and spaces of all kinds stay, and what joins letters.
    """
    if text.isprintable():
        return text
    whole = text.replace("\r\n", "\n")
    return "".join(c if _harmless(c) else ascii(c)[1:-1] for c in whole)


def _harmless(character: str) -> bool:
    kept = character.isprintable() or character in "\n\t" or character in JOINERS
    return kept or unicodedata.category(character) == "Zs"


def one_line(text: str) -> str:
    """`printable` text on one line: of a table's cell, a list's item, a heading."""
    return printable(text).replace("\n", " ").replace("\t", " ")


def width(console: Console) -> int | None:
    """Columns that lines are broken at: the terminal's, or what COLUMNS says.

    None in a file or a pipe without COLUMNS: lines are as long as they are.
    """
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal():
        return max(NARROWEST, int(given))
    return max(NARROWEST, console.width) if console.is_terminal else None


def show(text: str, style: str = "") -> None:
    """A line of the result on stdout, broken between words where it is wider than the terminal."""
    _print(out, text, style)


def show_command(text: str, style: str = "") -> None:
    """A line with a command to copy: the terminal breaks it, where copying does not notice."""
    out.print(Text(one_line(text), style=style), highlight=False)


def say(message: str, style: str = "") -> None:
    """One line of progress on stderr, broken between words as `show` does."""
    _print(err, message, style)


def _print(console: Console, text: str, style: str) -> None:
    columns, line = width(console), one_line(text)
    for part in [line] if columns is None else wrapped(line, columns):
        shown = Text(part, style=style)
        if part.startswith(ERROR) and not style:
            shown.stylize("red", 0, len(ERROR))
        console.print(shown, highlight=False)


def print_json(document: Any) -> None:
    """One JSON document on one line of stdout."""
    sys.stdout.write(json_text(document) + "\n")
    sys.stdout.flush()


def json_text(document: Any, **options: Any) -> str:
    """JSON in which only what `printable` would escape is escaped, lone surrogates included.

    `options` are those of `json.dumps`.
    """
    text = json.dumps(document, ensure_ascii=False, **options)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
