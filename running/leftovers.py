"""What libraries leave behind in shared memory when their process ends without cleaning up.

Our children end by `os._exit` or by a signal, so nobody unregisters what Intel's OpenMP and
joblib's loky (lm-eval imports it) have made under the number of the process.
"""

import contextlib
import os
import re
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
MADE_BY = re.compile(r"(?:__KMP_REGISTERED_LIB_|sem\.loky-)(\d+)[_-]")


def sweep(since: float, ending: int | None = None) -> None:
    """Remove what our own dead processes left, where it was made after `since` (Unix time).

    The process of the number `ending` counts as dead: it is about to end without cleaning up.
    """
    entries = SHARED_MEMORY.iterdir() if SHARED_MEMORY.is_dir() else ()
    for entry in entries:
        made_by = MADE_BY.match(entry.name)
        if made_by is None or (made_by[1] != str(ending) and _lives(made_by[1])):
            continue
        with contextlib.suppress(OSError):  # another sweep was faster
            status = entry.lstat()
            if status.st_uid == os.getuid() and status.st_mtime >= since:
                entry.unlink()


def _lives(number: str) -> bool:
    """Whether there is such a process; one that only waits to be asked about has ended."""
    try:
        state = Path("/proc", number, "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
