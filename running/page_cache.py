"""How much of a checkpoint is in memory already: warm and cold loads are different figures."""

import ctypes
import mmap
from collections.abc import Callable, Iterable
from pathlib import Path


def resident_share(files: Iterable[Path]) -> float | None:
    """Share of the files' pages in the page cache (mincore(2)); None where it cannot be asked."""
    try:
        mincore = ctypes.CDLL(None, use_errno=True).mincore
    except (OSError, AttributeError):
        return None
    resident = pages = 0
    for path in files:
        if path.stat().st_size == 0:
            continue
        flags = _pages(path, mincore)
        if flags is None:
            return None
        resident += sum(flag & 1 for flag in flags)
        pages += len(flags)
    return resident / pages if pages else None


def _pages(path: Path, mincore: Callable[..., int]) -> bytes | None:
    """One byte a page, its lowest bit set when the page is in memory. Nothing is read in."""
    size = path.stat().st_size
    flags = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
    with path.open("rb") as file:
        protection = mmap.PROT_READ | mmap.PROT_WRITE  # ctypes wants a writable buffer
        with mmap.mmap(file.fileno(), size, mmap.MAP_PRIVATE, protection) as view:
            anchor = ctypes.c_char.from_buffer(view)
            failed = mincore(
                ctypes.c_void_p(ctypes.addressof(anchor)), ctypes.c_size_t(size), flags
            )
            del anchor  # a mapping with a pointer into it cannot be closed
    return None if failed else bytes(flags)
