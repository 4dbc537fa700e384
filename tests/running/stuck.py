"""A command of our kind whose children never end by themselves; `test_orphans.py` kills it.

    python -m tests.running.stuck in_c

Prints the numbers of its processes, a line each, once they are busy.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from running import child, server

SLOW = "tests.running.slow_to_import"


def in_python(emit: child.Emit) -> None:
    """As a template that loops does."""
    _workers(emit)
    while True:
        pass


def in_c(emit: child.Emit) -> None:
    """Without a moment for Python's own signal handlers or other threads."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _workers(emit)
    sum(range(10**13))


def _workers(emit: child.Emit) -> None:
    """One process forked, one started: engines and data sets do both."""
    forked = os.fork()
    if forked == 0:
        while True:
            time.sleep(1)
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    emit([os.getpid(), forked, started.pid])


def _tell(numbers: list[int]) -> None:
    """These, and the fork server and resource tracker."""
    helpers = [process.pid for process in psutil.Process().children()]
    print(*numbers, *helpers, flush=True)


if __name__ == "__main__":
    task = sys.argv[1]
    if task == "importing":
        server.start((SLOW,), {}, Path("server.log"))
    server.start((), {}, Path("server.log"))
    from tests.running import stuck  # children know it by this name

    child.run(getattr(stuck, task), (), Path("log"), 3600, _tell)
