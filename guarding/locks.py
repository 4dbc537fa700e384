"""One process at a time fills a folder: it holds a lock that ends with it, however it ends.

with held(Path("NAME.partial")):
    ...
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import UserError


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
