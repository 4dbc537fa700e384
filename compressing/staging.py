"""A folder that appears under its final name only when it is whole.

Work goes into `NAME.partial` beside it. On success the partial folder is renamed; an older folder
of that name is moved aside first and deleted last, so that at no moment is there nothing.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import UserError


@contextmanager
def whole(target: Path, replace: bool) -> Iterator[Path]:
    """Yield a fresh folder to fill; it becomes `target` when the block ends without an exception.

    Raises `UserError` when `target` exists and `replace` is off, and when the disk fills up.
    Whatever ends the block, the half-made folder is removed and an existing `target` is untouched.
    """
    if target.exists() and not replace:
        raise UserError(f"{target} exists already; --force replaces it once the new one is whole")
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
    except OSError as problem:
        raise UserError(f"cannot write to {target.parent}: {problem.strerror}") from problem
    try:
        yield partial
        _flush(partial)
        _swap(partial, target)
    except BaseException as problem:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(problem, Exception) and _disk_full(problem):
            raise UserError(
                f"the disk of {target.absolute().parent.name}/ filled up while {target.name} was "
                "written; nothing was kept, and an older checkpoint is as it was"
            ) from problem
        raise


def _disk_full(problem: Exception) -> bool:
    """Whether an error is a full disk: Python gives a number, safetensors' writer words."""
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    words = ("No space left on device", "File too large", "Disk quota exceeded")
    number = problem.errno if isinstance(problem, OSError) else None
    return number in numbers or any(word in str(problem) for word in words)


def _flush(folder: Path) -> None:
    """Push every file to disk, so that a power cut cannot leave a renamed folder of holes."""
    for file in folder.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


def _swap(partial: Path, target: Path) -> None:
    old = target.with_name(target.name + ".replaced")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)
