"""The engine's GPUs as NVIDIA's driver sees them: who else is on them, what slows them down.

NVML makes no CUDA context and is asked between timed jobs only.
"""

import statistics
import time
from collections.abc import Container
from contextlib import suppress
from typing import Any

from core.machine import Gpu

Bytes = dict[int, int]  # what processes hold of a GPU, by their numbers


class Gpus:
    """Make it before the engine is loaded, so that what is there already is not ours.

    `own` are the numbers of our processes.
    """

    def __init__(self, gpus: tuple[Gpu, ...], own: Container[int]) -> None:
        import pynvml

        pynvml.nvmlInit()
        self.nvml: Any = pynvml
        # what a driver says of a question it does not know, or one too old to know its form
        self.refusals = (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError)
        self.handles: dict[int, Any] = {}
        for gpu in gpus:
            with suppress(*self.refusals):
                self.handles[gpu.index] = pynvml.nvmlDeviceGetHandleByUUID(gpu.uuid)
        self.used_before = {index: self._used(index) for index in self.handles}
        self.there_before = {
            index: {pid for pid in self._processes(index) or {} if pid not in own}
            for index in self.handles
        }
        self.since_us = _now_us()

    def counters(self) -> dict[str, float]:
        """Seconds for which heat, and the power limit, held each GPU's clocks down."""
        found: dict[str, float] = {}
        for index, handle in self.handles.items():
            for name in ("thermal", "power"):
                policy = getattr(self.nvml, f"NVML_PERF_POLICY_{name.upper()}")
                with suppress(*self.refusals):
                    violation = self.nvml.nvmlDeviceGetViolationStatus(handle, policy)
                    found[f"gpu{index}_{name}_s"] = violation.violationTime / 1e9
        return found

    def users(self, own: Container[int]) -> dict[str, float]:
        """What others hold of each GPU, how busy they kept it since the last call, and heat now."""
        found: dict[str, float | None] = {}
        for index in self.handles:
            held = self._processes(index)
            found[f"gpu{index}_used_before_bytes"] = self.used_before[index]
            found[f"gpu{index}_thermal_slowdown"] = self._hot(index)
            if held is not None:
                others = foreign(held, own, self.there_before[index])
                found[f"gpu{index}_foreign_bytes"] = sum(held[pid] for pid in others)
                found[f"gpu{index}_foreign_sm_share"] = self._busy(index, others)
        self.since_us = _now_us()
        return {name: float(value) for name, value in found.items() if value is not None}

    def _processes(self, index: int) -> Bytes | None:
        """Bytes of each process that computes on a GPU; None where the driver does not say."""
        try:
            listed = self.nvml.nvmlDeviceGetComputeRunningProcesses(self.handles[index])
        except self.refusals:
            return None
        return {process.pid: process.usedGpuMemory or 0 for process in listed}

    def _used(self, index: int) -> int | None:
        """Bytes of a GPU in use without those the driver keeps for itself."""
        try:
            version = self.nvml.nvmlMemory_v2
            return int(self.nvml.nvmlDeviceGetMemoryInfo(self.handles[index], version).used)
        except self.refusals:
            return None

    def _hot(self, index: int) -> bool | None:
        """Whether heat holds the clocks down at this moment."""
        hot = (
            self.nvml.nvmlClocksThrottleReasonSwThermalSlowdown
            | self.nvml.nvmlClocksThrottleReasonHwThermalSlowdown
        )
        try:
            reasons = self.nvml.nvmlDeviceGetCurrentClocksThrottleReasons(self.handles[index])
        except self.refusals:
            return None
        return bool(reasons & hot)

    def _busy(self, index: int, others: set[int]) -> float | None:
        """Share of the multiprocessors' time that others took since the last call."""
        if not others:
            return 0.0
        try:
            samples = self.nvml.nvmlDeviceGetProcessUtilization(self.handles[index], self.since_us)
        except self.refusals:  # not on every GPU, and where nothing was sampled yet
            return None
        used = [[s.smUtil for s in samples if s.pid == pid] for pid in others]
        return sum(statistics.fmean(shares) for shares in used if shares) / 100


def foreign(held: Bytes, own: Container[int], before: set[int]) -> set[int]:
    """The processes on a GPU that are not ours.

    In a container NVML may number processes otherwise than the kernel does. While none of ours is
    among those listed, only what was there before our load counts as foreign.
    """
    if any(pid in own for pid in held):
        return {pid for pid in held if pid not in own}
    return held.keys() & before


def _now_us() -> int:
    """NVML's clock: microseconds since 1970."""
    return time.time_ns() // 1000
