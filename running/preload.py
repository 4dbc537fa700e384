"""Imported by the fork server before it forks: brings in the modules named in `PRELOAD_MODULES`.

Children inherit what is imported here, so the seconds are paid once; `SECONDS` says how many, so
that a load time can be separated from the imports it did not have to repeat.

The server outlives a command that is killed, so it removes what that one could not: the folder of
its socket, and what dead processes left in shared memory.
"""

import atexit
import importlib
import os
import shutil
import sys
import time

from running import leftovers

VARIABLE = "PRELOAD_MODULES"
TEMPORARY = "FORK_SERVER_FOLDER"


def _import_all() -> float:
    started = time.perf_counter()
    for name in filter(None, os.environ.get(VARIABLE, "").split(",")):
        importlib.import_module(name)
    return time.perf_counter() - started


def _clean_up(server: int, started: float) -> None:
    """Only in the server itself: its children are forked with this handler."""
    if os.getpid() == server:
        leftovers.sweep(started)
        if TEMPORARY in os.environ:
            shutil.rmtree(os.environ[TEMPORARY], ignore_errors=True)


atexit.register(_clean_up, os.getpid(), time.time())
SECONDS = _import_all()


def cuda_initialized() -> bool:
    """Whether importing made a CUDA context: a forked child could not use the GPU then."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return False
    return bool(torch.cuda.is_initialized() or torch.cuda._is_in_bad_fork())
