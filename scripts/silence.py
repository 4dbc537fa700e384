"""How long a command says nothing, on a terminal and in a log, and what it says first.

    python scripts/silence.py
    python scripts/silence.py "make demo"

Runs a small real pipeline (or the command that is given) twice, once with its output in a pipe and
once on a pseudo-terminal of 80 columns, and prints what came in the first seconds, the longest
silence, and lines that are not ours: progress bars, warnings and logs of libraries. Exit code 1
where there are any, or nothing came for ten seconds, or for the first five.
"""

import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FIRST_S = 5.0
MOST_S = 10.0  # of silence
SIZE = (24, 80)  # lines and columns of the terminal
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\r")
FOREIGN = re.compile(r"it/s|\d%\|.*\||\b(WARNING|INFO|DEBUG|ERROR)\b|Warning:|warn\(|Traceback")


@dataclass(kw_only=True)
class Watched:
    """What came from a command, each piece with seconds since its start and since the last."""

    code: int = 0
    took_s: float = 0.0
    pieces: list[tuple[float, float, str]] = field(default_factory=list)

    @property
    def first_s(self) -> float:
        """Seconds until something came."""
        return self.pieces[0][0] if self.pieces else self.took_s

    @property
    def silence(self) -> tuple[float, str]:
        """The longest, in seconds, and what ended it."""
        last = self.pieces[-1][0] if self.pieces else 0.0
        quiet = [(since, text.strip()) for _, since, text in self.pieces]
        return max([*quiet, (self.took_s - last, "the end")])

    @property
    def lines(self) -> list[str]:
        """What was said, without control characters; one line that changes counts once."""
        whole = CONTROL.sub("\n", "".join(text for *_, text in self.pieces))
        return list(dict.fromkeys(line.strip() for line in whole.splitlines() if line.strip()))

    @property
    def foreign(self) -> list[str]:
        """Lines that libraries said."""
        return [line for line in self.lines if FOREIGN.search(line)]


def watch(line: list[str], folder: Path, terminal: bool) -> Watched:
    """Run a command in a folder, all it says read as it comes."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    if terminal:
        termios.tcsetwinsize(theirs, SIZE)
    watched, started = Watched(), time.monotonic()
    environment = {**os.environ, "TERM": "xterm", "PYTHONUNBUFFERED": "1"}
    environment.pop("COLUMNS", None)
    with subprocess.Popen(
        line, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    ) as running:
        os.close(theirs)
        last = started
        while piece := _read(ours):
            now = time.monotonic()
            watched.pieces.append((now - started, now - last, piece.decode(errors="replace")))
            last = now
    os.close(ours)
    watched.code, watched.took_s = running.returncode, time.monotonic() - started
    return watched


def _read(descriptor: int) -> bytes:
    """What is there next; nothing once all that could write have ended."""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # a terminal whose other side is closed
        return b""


def told(watched: Watched) -> str:
    """The figures, and what came first."""
    quiet, before = watched.silence
    early = Watched(pieces=[piece for piece in watched.pieces if piece[0] <= FIRST_S]).lines
    return "\n".join(
        [
            f"exit code {watched.code} after {watched.took_s:.0f} s",
            f"first output after {watched.first_s:.1f} s; in the first {FIRST_S:.0f} s:",
            *(f"  {line}" for line in early),
            f"longest silence {quiet:.1f} s, before: {before[:100]}",
            f"{len(watched.foreign)} lines of libraries",
            *(f"  {line[:150]}" for line in watched.foreign),
        ]
    )


def small_pipeline() -> list[str]:
    """A pipeline of minutes that does everything."""
    from scripts.crash_test import PIPELINE

    return [sys.executable, str(ROOT / "pipeline.py"), *PIPELINE]


def main(
    command: Annotated[str, typer.Argument(help="as a shell takes it; a small pipeline")] = "",
) -> None:
    """Print how long a command says nothing, in a log and on a terminal."""
    line, bad = ["sh", "-c", command] if command else small_pipeline(), False
    print(f"$ {command or shlex.join(line)}")
    for terminal in (False, True):
        with tempfile.TemporaryDirectory(prefix="s") as folder:
            here = Path.cwd() if command else Path(folder)
            watched = watch(line, here, terminal)
        print(f"\n{'on a terminal' if terminal else 'in a log'}: {told(watched)}", flush=True)
        quiet, _ = watched.silence
        late = quiet > MOST_S or watched.first_s > FIRST_S
        bad |= late or bool(watched.foreign or watched.code)
    raise typer.Exit(bad)


if __name__ == "__main__":
    typer.run(main)
