"""What is done now and how long the rest may take, on stderr.

A terminal has one line that moves once a second: at rich's own pace, 12 times, it would wake up
next to what is being timed and take over 1 % of a core. Elsewhere (nohup, Slurm, CI) every step is
a line with its time, and so is what goes on in a long one.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from core import cli
from running import server
from running.progress import Progress, Turn

QUIET_S = 8.0  # at the most, between two lines of a log


@contextmanager
def progress(subject: str, step: str = "starting") -> Iterator[Progress]:
    """Draws what is told to the `Progress` it yields, which begins with a step of `subject`."""
    drawn = _Line() if cli.err.is_terminal and not cli.err.is_dumb_terminal else _Log()
    drawn.told.begin(Turn(subject=subject))
    drawn.told.step(step)
    with drawn.shown() as told:
        yield told


@contextmanager
def libraries_to(log: Path) -> Iterator[None]:
    """What libraries print goes to a file; what we say goes where it went before."""
    try:
        ours = os.dup(cli.err.file.fileno())
    except OSError:  # a test's, which no library prints to
        yield
        return
    with os.fdopen(ours, "w", encoding=cli.err.encoding, errors="backslashreplace") as file:
        cli.err.file = file
        try:
            with server.output_to(log):
                yield
        finally:
            cli.err.file = None  # type: ignore[assignment]  # standard error, whatever it is then


class _Line:
    """One line on a terminal."""

    def __init__(self) -> None:
        self.told = Progress()

    def __rich__(self) -> Text:
        told, place = self.told, self.told.turn.place
        subject = f"{place[0]} ({told.turn.subject})" if place else told.turn.subject
        of_turn = ", ".join((subject, *place[1:]))
        parts = [f"{of_turn}: {_step(told)}", *_left(told)]
        return Text(cli.one_line(", ".join(parts)))

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        line = Live(
            Spinner("dots", self),
            console=cli.err,
            refresh_per_second=1,
            transient=True,
            redirect_stdout=False,  # whatever libraries print there is none of ours
            redirect_stderr=False,
        )
        with line:
            yield self.told


class _Log:
    """Lines with times: one a step, and one whenever nothing was said for `QUIET_S` seconds."""

    def __init__(self) -> None:
        self.told = Progress(changed=self._say)
        self._said = time.monotonic()
        self._ended = threading.Event()

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        watch = threading.Thread(target=self._watch, daemon=True)
        watch.start()
        try:
            yield self.told
        finally:
            self._ended.set()
            watch.join()

    def _watch(self) -> None:
        while not self._ended.wait(max(0.1, self._said + QUIET_S - time.monotonic())):
            if time.monotonic() - self._said >= QUIET_S:
                self._say(f", {self.told.elapsed_s():.0f} s")

    def _say(self, since: str = "") -> None:
        self._said = time.monotonic()
        where = ", ".join((*self.told.turn.place, *_left(self.told)))
        line = f"{self.told.turn.subject}: {_step(self.told)}{since}"
        cli.say(f"{time.strftime('%H:%M:%S')} {line}" + (f" ({where})" if where else ""))


def _step(told: Progress) -> str:
    """`compressing, layer 12 of 32, 40 %`."""
    now = told.now
    share = "" if now.share is None else f"{now.share:.0%}".replace("%", " %")
    return ", ".join(filter(None, (now.name or "starting", now.detail, share)))


def _left(told: Progress) -> list[str]:
    """`about 6 min left`, where there is something to go on."""
    seconds = told.left_s()
    if seconds is None:
        return []
    if seconds < 60:
        return ["less than a minute left"]
    hours, minutes = divmod(round(seconds / 60), 60)
    return [f"about {f'{hours} h ' if hours else ''}{minutes} min left"]
