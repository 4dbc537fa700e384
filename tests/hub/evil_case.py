"""What every case against an evil hub ends with: one sentence in time, and nothing elsewhere."""

import os
import resource
import signal
import subprocess
import sys
import threading
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


def measure(largest_file: int, *options: str) -> Measured:
    """Run the command where no file may grow beyond `largest_file` bytes."""

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    line = [sys.executable, str(ROOT / "download_model.py"), MODEL, *options]
    began = time.monotonic()
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=bound
    ) as running:
        timer = threading.Timer(2 * SECONDS, running.kill)
        timer.start()
        assert running.stdout and running.stderr
        stdout, stderr = running.stdout.read(), running.stderr.read()
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        timer.cancel()
    done = subprocess.CompletedProcess(line, running.returncode, stdout, stderr)
    return Measured(done, usage.ru_maxrss * 1024, time.monotonic() - began)
