"""What else the machine did while something was timed, by differences of counters.

Nothing is sampled meanwhile: the counters of the kernel and of NVIDIA's driver are read before and
after. Which of them there are differs from machine to machine; a figure that cannot be had is
absent, and what is absent spoils nothing.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.machine import Gpu, own_cores
from running.gpus import Gpus

STAT = Path("/proc/stat")
PRESSURE = Path("/proc/pressure/cpu")
OWN_CGROUPS = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")
BUSY = (0, 1, 2, 5, 6)  # user, nice, system, irq, softirq of a line of /proc/stat (proc(5))
STEAL = 7


class Watch:
    """Figures of what others did between marks; a process and all below it (`root`) are ours.

    The cores are those `root` may use: an engine may be bound to single ones.
    """

    def __init__(self, root: int, gpus: tuple[Gpu, ...] = ()) -> None:
        self.root, self.cores = root, own_cores(root)
        self.gpus = Gpus(gpus, _family(root)) if gpus else None
        self._before = self._counters()

    def mark(self) -> dict[str, float]:
        """Since the last mark, or the beginning."""
        after = self._counters()
        found = figures(self._before, after)
        self._before = after
        with suppress(OSError):
            found["load_average_1min"] = os.getloadavg()[0]
        return found | (self.gpus.users(_family(self.root)) if self.gpus else {})

    def _counters(self) -> dict[str, float]:
        return {
            "at_s": time.monotonic(),
            **_cpu_counters(self.cores),
            **_own_cpu(self.root),
            **_pressure(),
            **_quota(),
            **(self.gpus.counters() if self.gpus else {}),
        }


def figures(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What two readings of the counters say; a counter that one of them lacks says nothing."""
    change = {name: after[name] - before[name] for name in before if name in after}
    window = change["at_s"]
    found = {"window_s": window}
    if "cores" in after and "busy_s" in change:
        found["cores"] = after["cores"]
        found["stolen_share"] = change["stolen_s"] / (window * after["cores"])
        if "own_s" in change:  # they are counted differently, by ticks and exactly
            found["other_cores"] = max(0.0, change["busy_s"] - change["own_s"]) / window
    if "pressure_s" in change:
        found["cpu_pressure_share"] = change["pressure_s"] / window
    if change.get("quota_periods"):
        found["throttled_share"] = change["throttled_periods"] / change["quota_periods"]
    slowed = {name: value for name, value in change.items() if name.startswith("gpu")}
    return found | {f"{name.removesuffix('_s')}_share": s / window for name, s in slowed.items()}


def _cpu_counters(cores: set[int]) -> dict[str, float]:
    """Busy and stolen seconds of these cores, whoever used them."""
    ours = {f"cpu{number}" for number in cores}
    try:
        lines = [line.split() for line in STAT.read_text().splitlines()]
    except OSError:
        return {}
    ticks = [[int(number) for number in line[1:]] for line in lines if line[0] in ours]
    second = os.sysconf("SC_CLK_TCK")
    return {
        "cores": float(len(ticks)),
        "busy_s": sum(core[column] for core in ticks for column in BUSY) / second,
        "stolen_s": sum(core[STEAL] for core in ticks) / second,
    }


def _family(root: int) -> dict[int, Any]:
    """A process and all below it by number; nothing where it is gone."""
    import psutil

    try:
        first = psutil.Process(root)
        return {process.pid: process for process in [first, *first.children(recursive=True)]}
    except psutil.Error:
        return {}


def _own_cpu(root: int) -> dict[str, float]:
    """CPU seconds of our processes, and of those of them that have ended."""
    import psutil

    seconds = 0.0
    family = _family(root)
    for process in family.values():
        with suppress(psutil.Error):
            used = process.cpu_times()
            seconds += used.user + used.system + used.children_user + used.children_system
    return {"own_s": seconds} if family else {}


def _pressure() -> dict[str, float]:
    """Seconds in which something on the machine, ours too, waited for a core (PSI)."""
    try:
        total = re.search(r"^some .*total=(\d+)", PRESSURE.read_text())
    except OSError:
        return {}
    return {"pressure_s": int(total[1]) / 1e6} if total else {}


def _quota() -> dict[str, float]:
    """Periods of the container's CPU quota, and those in which it was used up."""
    for path in _quota_files():
        with suppress(OSError, ValueError):
            fields = dict(line.split() for line in path.read_text().splitlines())
            if "nr_periods" in fields:
                return {
                    "quota_periods": float(fields["nr_periods"]),
                    "throttled_periods": float(fields["nr_throttled"]),
                }
    return {}


def _quota_files() -> Iterator[Path]:
    """Where `cpu.stat` may be: of the own control group, version 2 or 1, or of the container."""
    with suppress(OSError):
        for line in OWN_CGROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or "cpu" in controllers.split(","):
                yield CGROUPS / controllers / path.lstrip("/") / "cpu.stat"
                yield CGROUPS / controllers / "cpu.stat"
