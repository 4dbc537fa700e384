"""A folder that appears under its final name only when it is whole.

Work goes into `NAME.partial` next to it, which the process that fills it holds a lock on. On
success the partial folder is renamed; an older folder of that name is moved aside first and deleted
last. A partial folder that nobody holds is of a process that was killed: the next one takes it
over.
"""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from core.cli import say
from core.errors import UserError
from guarding import locks


@contextmanager
def whole(target: Path, replace: bool) -> Iterator[Path]:
    """Yield a fresh folder to fill; it becomes `target` when the block ends without an exception.

    A `target` that is a link stays one: what it leads to is replaced. Raises `UserError` when
    `target` exists and `replace` is off or it is no checkpoint, when another process is making it,
    and when the disk fills up. Whatever ends the block, the half-made folder is removed and an
    existing `target` is untouched; so it is when the whole folder cannot get its name.
    """
    target = _real(target)
    _check(target, replace)
    partial = _partial(target)
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.held(partial))
        except OSError as problem:
            raise UserError(f"cannot write to {target.parent}: {problem.strerror}") from problem
        try:
            _put_back(target)
            shutil.rmtree(_doomed(target), ignore_errors=True)
            _check(target, replace)  # another process may have made it meanwhile
            _empty(partial)
            yield partial
            _readable(partial)
            _flush(partial)
        except BaseException as problem:
            shutil.rmtree(partial, ignore_errors=True)
            if isinstance(problem, Exception) and _disk_full(problem):
                raise UserError(
                    f"the disk of {target.absolute().parent.name}/ filled up while {target.name} "
                    "was written; nothing was kept, and an older checkpoint is as it was"
                ) from problem
            raise
        _swap(partial, target, replace)


def reclaimable(target: Path) -> int:
    """Bytes that making `target` frees first: what a process that was killed left half made."""
    target = _real(target)
    left = [folder for folder in (_partial(target), _doomed(target)) if folder.is_dir()]
    return sum(file.lstat().st_size for folder in left for file in folder.rglob("*"))


def disk(target: Path) -> Path:
    """A folder that is there on the disk which `target` will be on."""
    return next(folder for folder in _real(target).absolute().parents if folder.is_dir())


def restore(target: Path) -> None:
    """Put back a checkpoint whose replacement was cut off between its two renames, if it was."""
    target = _real(target)
    if _replaced(target).exists() and not target.exists():
        with locks.held(_partial(target)):
            _put_back(target)
            shutil.rmtree(_partial(target), ignore_errors=True)


def _real(target: Path) -> Path:
    """Where a link leads; else the target itself."""
    try:
        return target.resolve() if target.is_symlink() else target
    except (OSError, RuntimeError) as problem:  # RuntimeError before Python 3.13
        raise UserError(f"{target}: a link that leads to itself") from problem


def _partial(target: Path) -> Path:
    return target.with_name(target.name + ".partial")


def _check(target: Path, replace: bool) -> None:
    if not target.exists():
        return
    if not replace:
        raise UserError(f"{target} exists already; --force replaces it once the new one is whole")
    if not target.is_dir() or (any(target.iterdir()) and not (target / "config.json").exists()):
        raise UserError(f"{target} is no checkpoint (it has no config.json): --force leaves it")
    if target.is_mount():
        raise UserError(f"{target} is a disk of its own, which nothing can replace: name a folder")


def _put_back(target: Path) -> None:
    """Undo a replacement that was cut off between its two renames."""
    old = _replaced(target)
    if old.exists() and not target.exists():
        old.rename(target)
        say(f"{target.name}: put back, its replacement had been cut off", "yellow")


def _empty(partial: Path) -> None:
    """Remove what a process that was killed left."""
    left = list(partial.iterdir())
    if left:
        say(f"{partial}: left by a process that was killed, taken over", "yellow")
    for entry in left:
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _readable(folder: Path) -> None:
    """Let whoever serves the checkpoint read it: libraries keep weights to their writer (0600)."""
    mask = os.umask(0)
    os.umask(mask)
    for path in (folder, *folder.rglob("*")):
        with suppress(OSError):  # some file systems keep no modes
            path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)


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


def _replaced(target: Path) -> Path:
    return target.with_name(target.name + ".replaced")


def _doomed(target: Path) -> Path:
    return target.with_name(target.name + ".deleted")


def _swap(partial: Path, target: Path, replace: bool) -> None:
    """Give the folder its name. Where that cannot be, it is kept under another: it took hours."""
    old = _replaced(target)
    try:
        _check(target, replace)  # others know no lock, and much time has passed
        _discard(target)
        if target.exists():
            target.rename(old)
        partial.rename(target)
    except (OSError, UserError) as problem:
        _put_back(target)
        kept = target.with_name(f"{target.name}.{time.time_ns()}")
        partial.rename(kept)
        raise UserError(f"{problem}; the new checkpoint is whole, it was kept as {kept}") from None
    _discard(target)


def _discard(target: Path) -> None:
    """Delete the replaced checkpoint under another name: half of it must not be put back."""
    doomed = _doomed(target)
    shutil.rmtree(doomed, ignore_errors=True)
    if _replaced(target).exists():
        _replaced(target).rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
