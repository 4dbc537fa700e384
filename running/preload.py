"""Imported by the fork server before it forks: brings in the modules named in `PRELOAD_MODULES`.

Children inherit what is imported here, so the seconds are paid once; `SECONDS` says how many, so
that a load time can be separated from the imports it did not have to repeat.

The server outlives a command that is killed, so it removes what that one could not: the folder of
its socket, and what dead processes left in shared memory. While it imports it would not notice that
the command is gone, so that it has the kernel tell it.
"""

import atexit
import contextlib
import importlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from guarding.parent_death import signal_when_parent_ends
from running import leftovers

VARIABLE = "PRELOAD_MODULES"
TEMPORARY = "FORK_SERVER_FOLDER"
COMMAND = "FORK_SERVER_COMMAND"  # number of the process that the server is for


def _import_all() -> float:
    started = time.perf_counter()
    with contextlib.chdir(Path(__file__).parent):  # some read settings in the current folder
        for name in filter(None, os.environ.get(VARIABLE, "").split(",")):
            importlib.import_module(name)
    return time.perf_counter() - started


def _clean_up(server: int, started: float, ending: int | None = None) -> None:
    """Only in the server itself: its children are forked with this handler."""
    if os.getpid() == server:
        leftovers.sweep(started, ending)
        if TEMPORARY in os.environ and _command_is_gone():  # which else removes it
            shutil.rmtree(os.environ[TEMPORARY], ignore_errors=True)


def _command_is_gone() -> bool:
    """Whether the command has ended; one that is just ending closes its pipes first."""
    for _ in range(100):
        if command != str(os.getppid()):
            return True
        time.sleep(0.01)
    return False


@contextlib.contextmanager
def _ending_with_the_command() -> Iterator[None]:
    """End this process when the command ends while the block runs (on Linux)."""

    def end(*_: object) -> None:
        if command != str(os.getppid()):
            # the libraries' own handlers will not run
            _clean_up(os.getpid(), STARTED, ending=os.getpid())
            os._exit(1)

    if not sys.platform.startswith("linux"):
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    signal_when_parent_ends(signal.SIGTERM)
    end()  # it may have ended already
    yield
    signal_when_parent_ends(0)
    signal.signal(signal.SIGTERM, before)


STARTED = time.time()
# only the server finds the number: its children do not, and the command has none
command = os.environ.pop(COMMAND, None)
atexit.register(_clean_up, os.getpid(), STARTED)
with _ending_with_the_command() if command else contextlib.nullcontext():
    SECONDS = _import_all()


def cuda_initialized() -> bool:
    """Whether importing made a CUDA context: a forked child could not use the GPU then."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return False
    return bool(torch.cuda.is_initialized() or torch.cuda._is_in_bad_fork())
