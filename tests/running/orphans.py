"""Tasks of a child that go on for ever, whatever happens to the command; each tells its number."""

import os
import re
import signal

from running.child import Emit


def loops(emit: Emit) -> None:
    """As a chat template does that never ends."""
    emit(os.getpid())
    while True:
        pass


def holds_the_interpreter(emit: Emit) -> None:
    """Code in C that lets no thread and no handler of Python run."""
    emit(os.getpid())
    re.match(r"(a+)+$", "a" * 60 + "b")


def has_a_worker(emit: Emit) -> None:
    """A process of its own, which ignores what asks it to end."""
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
    emit(os.getpid())
    signal.pause()
