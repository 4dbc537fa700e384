"""What every case against an evil hub ends with: one sentence in time, and nothing elsewhere."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from core.plugins import ROOT
from tests.hub.conftest import Download
from tests.hub.hub_case import MODEL

PARTIAL = Path("tiny-llama.partial")
SECONDS = 30.0


@contextmanager
def in_time(seconds: float = SECONDS) -> Iterator[None]:
    """Fail when it takes longer: a case that hangs would hang every test."""

    def give_up(*_: object) -> None:
        pytest.fail(f"not over in {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def check_refused(download: Download, says: str) -> None:
    """The command ends with one sentence, and writes nothing but `tiny-llama.partial`."""
    with in_time():
        done = download()
    check_sentence(done, says)
    check_place()


def check_sentence(done: subprocess.CompletedProcess[str], says: str) -> None:
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert last.startswith("error:") and says in last and len(last) < 600, done.stderr[-2000:]
    assert "\x1b" not in done.stderr


def check_place() -> None:
    """Nothing lies next to the unfinished folder, and no link or half file in it."""
    assert {path.name for path in Path().iterdir()} <= {PARTIAL.name}
    assert not list(Path().parent.rglob("evil*"))
    assert not list(PARTIAL.rglob("*.incomplete"))
    assert not [path for path in PARTIAL.rglob("*") if path.is_symlink()]


class Measured(NamedTuple):
    """A run of the command in a process of its own."""

    done: subprocess.CompletedProcess[str]
    peak_bytes: int
    seconds: float


# The command, which tells its own peak at the end: what the system counts for a process has that
# of the process it was forked from in it, and a test's has imported much.
TELLING = """
import atexit, os, re, runpy, sys
told, program = int(sys.argv[1]), sys.argv[2]
sys.argv = sys.argv[2:]
sys.path[0] = os.path.dirname(program)
peak = lambda: re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
atexit.register(lambda: os.write(told, peak().encode()))
runpy.run_path(program, run_name="__main__")
"""


def measure(largest_file: int, *options: str) -> Measured:
    """Run the command where no file may grow beyond `largest_file` bytes."""

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    ours, theirs = os.pipe()
    program = str(ROOT / "download_model.py")
    line = [sys.executable, "-c", TELLING, str(theirs), program, MODEL, *options]
    began = time.monotonic()
    try:
        done = subprocess.run(
            line,
            capture_output=True,
            text=True,
            preexec_fn=bound,
            pass_fds=[theirs],
            timeout=2 * SECONDS,
        )
    finally:
        os.close(theirs)
    with os.fdopen(ours) as told:
        peak = int(told.read()) * 1024
    return Measured(done, peak, time.monotonic() - began)
