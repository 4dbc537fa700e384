"""Imported by the fork server before it forks: brings in the modules named in `PRELOAD_MODULES`.

Children inherit what is imported here, so the seconds are paid once; `SECONDS` says how many, so
that a load time can be separated from the imports it did not have to repeat.
"""

import importlib
import os
import sys
import time

VARIABLE = "PRELOAD_MODULES"


def _import_all() -> float:
    started = time.perf_counter()
    for name in filter(None, os.environ.get(VARIABLE, "").split(",")):
        importlib.import_module(name)
    return time.perf_counter() - started


SECONDS = _import_all()


def cuda_initialized() -> bool:
    """Whether importing made a CUDA context: a forked child could not use the GPU then."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return False
    return bool(torch.cuda.is_initialized() or torch.cuda._is_in_bad_fork())
