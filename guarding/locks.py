"""Locks that end with the process that holds them, however it ends.

with held(Path("NAME.partial")):  # one process at a time fills a folder
    ...
with claimed(Path("NAME.lock"), wait=True):  # commands share work
    ...

A folder is locked itself, so that nothing is left beside it and the lock goes where it is renamed
to. What is no folder has a lock file, which stays: filelock's.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import UserError

POLL_S = 0.1


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder where there is none, and hold it.

    Raises `UserError` when another process holds it, `OSError` when it cannot be made. A file
    system that knows no locks goes without.
    """
    descriptor = _lock(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path) -> int:
    """A descriptor of the folder that has the name now, locked: another may just have moved it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                raise UserError(
                    f"another process is writing {folder} right now: wait until it has ended"
                ) from None
            except OSError:  # no locks on this file system
                return descriptor
            if os.path.samestat(os.fstat(descriptor), folder.stat()):
                return descriptor
            os.close(descriptor)


@contextmanager
def claimed(path: Path, wait: bool, on_wait: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Hold a lock file; yields whether it is held, which it always is where one may `wait`.

    `on_wait` is called when another process has it. Raises `UserError` where there can be none.
    """
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = _acquired(lock)
        if wait and not mine:
            on_wait()
            lock.acquire(poll_interval=POLL_S)
            mine = True
    except OSError as problem:
        raise UserError(f"cannot lock {path}: {problem.strerror or problem}") from problem
    try:
        yield mine
    finally:
        if mine:
            lock.release()


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True
