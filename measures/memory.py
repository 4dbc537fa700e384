"""Four numbers, never one: on disk, weights in memory, KV cache, and the peak of the process.

An engine reserves a fixed share of a GPU whatever the scheme, so the peak alone says nothing about
a scheme; the tokens that fit in what the weights leave free do.
"""

from dataclasses import asdict

from core.measure import Loaded, Measure, Raw, Unit, Workload
from core.stats import Estimate, estimate

BYTES = Unit(unit="bytes", better="lower")


def run(loaded: Loaded, workload: Workload) -> Raw:
    """Read what the session sampled; ask for this measure last, so that the peak is everyone's."""
    return {
        "checkpoint_bytes": loaded.checkpoint_bytes,
        "served": asdict(loaded.description),
        "stages": loaded.memory,
    }


def figures(raw: Raw) -> dict[str, Estimate]:
    """The four numbers, and the peak while loading and while answering."""
    served, stages = raw["served"], raw["stages"]
    peaks = {stage: m["peak_bytes"] for stage, m in stages.items() if "peak_bytes" in m}
    answering = [peak for stage, peak in peaks.items() if stage not in ("idle", "loaded")]
    values: dict[str, float | None] = {
        "checkpoint_bytes": raw["checkpoint_bytes"],
        "weights_bytes": served["weights_bytes"],
        "kv_cache_bytes": served["kv_cache_bytes"],
        "kv_cache_tokens": served["kv_cache_tokens"],
        "max_concurrency": served["max_concurrency"],
        "peak_bytes": max(peaks.values(), default=None),
        "loading_peak_bytes": peaks.get("loaded"),
        "inference_peak_bytes": max(answering, default=None),
    }
    return {name: estimate([float(v)]) for name, v in values.items() if v is not None}


MEASURE = Measure(
    summary="checkpoint on disk, weights, KV cache, peak",
    kind="performance",
    units={
        "checkpoint_bytes": BYTES,
        "weights_bytes": BYTES,
        "kv_cache_bytes": Unit(unit="bytes", better="none"),
        "kv_cache_tokens": Unit(unit="tokens", better="higher"),
        "max_concurrency": Unit(unit="requests", better="higher"),
        "peak_bytes": BYTES,
        "loading_peak_bytes": BYTES,
        "inference_peak_bytes": BYTES,
    },
    run=run,
    figures=figures,
)
