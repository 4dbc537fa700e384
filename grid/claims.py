"""What commands that share a folder of records hold while they work, so that each job is done once.

Two locks: of a checkpoint, so that nobody else does what is being done; and of what computes, since
times taken beside another load or a compression say nothing. The system frees both when their owner
ends. A checkpoint is claimed before the device, and nobody waits for one while holding the other.
"""

import contextlib
import platform
from collections.abc import Iterator
from pathlib import Path

from checkpoints import models
from core import plugins
from core.engine import Options
from core.machine import probe
from guarding import locks
from running.progress import Progress
from running.run import Run

FOLDER = ".locks"  # in the folder of records
WAITING = "waiting for another command"


def file(run: Run, name: str) -> Path:
    """A lock file of the run's folder of records."""
    return run.results / FOLDER / f"{name}.lock"


@contextlib.contextmanager
def checkpoint(run: Run, place: models.Place, progress: Progress, wait: bool) -> Iterator[bool]:
    """Claim a checkpoint; yields whether it is ours, which it always is where one may `wait`."""
    path = file(run, f"{place.model}-{place.scheme}")
    with locks.claimed(path, wait, lambda: progress.step(WAITING)) as mine:
        yield mine


@contextlib.contextmanager
def device(run: Run, engine: str, progress: Progress) -> Iterator[None]:
    """Hold what an engine computes on: the GPUs it takes, else this machine's processor."""
    with contextlib.ExitStack() as stack:
        for name in _computing(engine, run.options):
            path = file(run, name)
            stack.enter_context(locks.claimed(path, True, lambda: progress.step(WAITING)))
        yield


def _computing(engine: str, options: Options) -> list[str]:
    here = probe().on(plugins.load("engines", engine).device(options))
    gpus = here.gpus[: options.tensor_parallel_size]
    return sorted(f"{platform.node()}-{gpu.uuid}" for gpu in gpus) or [f"{platform.node()}-cpu"]
