"""Memory of this process: resident bytes on a CPU, device bytes on a GPU.

How much of a checkpoint is in memory before it is loaded, too: warm and cold loads are different
figures.

On a CPU the kernel keeps the peak itself and lets a process reset it, so nothing need be sampled.
On an NVIDIA GPU a second process (this file, run as a program) asks NVML every 20 ms and prints a
JSON line per request, so that watching costs the measured process nothing:

    python -m running.memory GPU-uuid [GPU-uuid ...]

An Apple GPU's bytes only the process itself can ask for. PyTorch keeps what it was given once, so
that what it holds at a mark was the peak since the mark before, which gave back what was free.
"""

import ctypes
import json
import mmap
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from core.plugins import ROOT

INTERVAL_S = 0.02
STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
Used = Callable[[], int]  # bytes in use now
RESET_PEAK = "5"  # proc(5): resets VmHWM to the current resident size


class Watch:
    """Marks of used and peak bytes; use as a context manager around an engine's life."""

    def __init__(self, gpu_uuids: list[str], device: str = "") -> None:
        self.uuids, self.device = gpu_uuids, device
        self._stack = ExitStack()
        self._sampler: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if self.uuids:
            command = [sys.executable, "-m", "running.memory", *self.uuids]
            pipe = subprocess.PIPE
            self._sampler = self._stack.enter_context(
                subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
            )
        return self

    def __exit__(self, *error: object) -> None:
        if self._sampler and self._sampler.stdin:
            self._sampler.stdin.close()
        self._stack.close()

    def mark(self) -> dict[str, int]:
        """`used_bytes` now and `peak_bytes` since the last mark; empty where it is not known."""
        if self._sampler is None:
            return _metal() if self.device == "mps" else _resident()
        assert self._sampler.stdin and self._sampler.stdout
        try:
            self._sampler.stdin.write("mark\n")
            self._sampler.stdin.flush()
            marks: dict[str, int] = json.loads(self._sampler.stdout.readline())
        except (OSError, json.JSONDecodeError):  # the sampler died: no figure, not a wrong one
            return {}
        return marks


def _metal() -> dict[str, int]:
    import torch

    peak = torch.mps.driver_allocated_memory()
    torch.mps.empty_cache()
    return {"used_bytes": torch.mps.driver_allocated_memory(), "peak_bytes": peak}


def _resident() -> dict[str, int]:
    if not STATUS.exists():  # macOS keeps a peak that nobody can reset
        return {}
    fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    kib = {name: int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM")}
    with suppress(OSError):  # not allowed everywhere; the peak is then since the start
        CLEAR.write_text(RESET_PEAK)
    return {"used_bytes": kib["VmRSS"] * 1024, "peak_bytes": kib["VmHWM"] * 1024}


class _Sampler:
    """Asks NVML in a thread; `mark` gives used and peak bytes over all watched GPUs."""

    def __init__(self, used: Used) -> None:
        self.used, self.lock = used, threading.Lock()
        self.peak = self.now = used()
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while True:
            self._look()
            time.sleep(INTERVAL_S)

    def _look(self) -> None:
        now = self.used()
        with self.lock:
            self.now, self.peak = now, max(self.peak, now)

    def mark(self) -> dict[str, int]:
        self._look()
        with self.lock:
            marks = {"used_bytes": self.now, "peak_bytes": self.peak}
            self.peak = self.now
        return marks


def _nvml_used(uuids: list[str]) -> Used:
    """A function giving the bytes in use on these GPUs, whoever uses them."""
    import pynvml

    pynvml.nvmlInit()
    handles = [pynvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in uuids]
    return lambda: sum(int(pynvml.nvmlDeviceGetMemoryInfo(handle).used) for handle in handles)


def serve(used: Used) -> None:
    """Answer every line on stdin with one JSON line of marks, until stdin closes."""
    sampler = _Sampler(used)
    for _ in sys.stdin:
        sys.stdout.write(json.dumps(sampler.mark()) + "\n")
        sys.stdout.flush()


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


if __name__ == "__main__":
    serve(_nvml_used(sys.argv[1:]))
