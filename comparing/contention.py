"""Whether something else the machine did spoils the times of a record.

What it did is measured in `running/contention.py`.
"""

import re
from collections.abc import Iterator

from core.words import percent, size

SHORTEST_S = 1.0  # CPU time is counted in ticks of 10 ms: a shorter window says too little
# Shares. What is taken from a core shows in the time of an engine that computes on all of them; one
# that computes on a GPU needs a core or two. A desktop's and a system's own work stay below.
OTHERS = 0.10  # of the cores' time
OTHERS_BESIDE_GPU = 0.5  # of the cores' time
STOLEN = 0.05  # of the cores' time
THROTTLED = 0.05  # of a CPU quota's periods, of a GPU's time
FOREIGN_SM = 0.05  # of a GPU's time
FOREIGN_BYTES = 1 << 30  # of a GPU: what computes there holds as much, a desktop less


def contended(contention: dict[str, float] | None) -> str | None:
    """What of a record's `contention` would spoil a timed figure, as a sentence, or None.

    The first thing of several. Records of schema 1 hold nothing about it: None.
    """
    return next(_spoiling(contention or {}), None)


def _spoiling(seen: dict[str, float]) -> Iterator[str]:
    cores, others = seen.get("cores", 0.0), seen.get("other_cores", 0.0)
    long_enough = seen.get("window_s", 0.0) >= SHORTEST_S
    on_gpu = any(name.startswith("gpu") for name in seen)
    if long_enough and others > cores * (OTHERS_BESIDE_GPU if on_gpu else OTHERS):
        yield f"other processes used {others:.1f} of {cores:.0f} cores"
    if long_enough and seen.get("stolen_share", 0.0) > STOLEN:
        yield f"{percent(seen['stolen_share'])} of CPU time was stolen by the hypervisor"
    if seen.get("throttled_share", 0.0) > THROTTLED:
        yield f"the CPU quota was used up in {percent(seen['throttled_share'])} of its periods"
    for gpu in sorted({match[1] for name in seen if (match := re.match(r"gpu(\d+)_", name))}):
        own = {name.removeprefix(f"gpu{gpu}_"): value for name, value in seen.items()}
        yield from _spoiling_gpu(gpu, own, long_enough)


def _spoiling_gpu(gpu: str, seen: dict[str, float], long_enough: bool) -> Iterator[str]:
    if seen.get("foreign_bytes", 0.0) > FOREIGN_BYTES:
        yield f"another process holds {size(seen['foreign_bytes'])} of GPU {gpu}"
    if seen.get("used_before_bytes", 0.0) > FOREIGN_BYTES:
        yield f"{size(seen['used_before_bytes'])} of GPU {gpu} were in use before the load"
    if seen.get("foreign_sm_share", 0.0) > FOREIGN_SM:
        share = percent(seen["foreign_sm_share"])
        yield f"another process kept GPU {gpu} busy for {share} of the time"
    heat = seen.get("thermal_share", 0.0) > THROTTLED and long_enough
    if heat or seen.get("thermal_slowdown"):
        yield f"GPU {gpu} was throttled: thermal"
