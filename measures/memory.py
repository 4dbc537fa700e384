"""Four numbers, never one: on disk, weights in memory, KV cache, and the peak of the process.

An engine reserves a fixed share of a GPU whatever the scheme, so the peak alone says nothing about
a scheme; the tokens that fit in what the weights leave free do.
"""

from dataclasses import asdict
from typing import Any

from core.measure import Loaded, Measure, Quantity, Raw, Workload
from core.stats import Estimate, estimate
from measures import _requests


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


def _bytes(title: str, **shown: Any) -> Quantity:
    return Quantity(unit="bytes", better="lower", title=title, **shown)


def note(machine: dict[str, Any]) -> str:
    """What peaks mean: on a GPU hardly anything."""
    if machine.get("gpus"):
        return (
            "the engine reserves a fixed share of the GPU whatever the scheme: compare weights and "
            "KV tokens, not peaks"
        )
    return "peaks are of the whole process, libraries and KV cache included"


MEASURE = Measure(
    summary="checkpoint on disk, weights, KV cache, peak",
    kind="performance",
    quantities={
        "checkpoint_bytes": _bytes("on disk", in_summary=True, chart="on disk", change="counted"),
        "weights_bytes": _bytes(
            "weights", in_summary=True, chart="weights in memory", change="counted"
        ),
        "kv_cache_bytes": Quantity(unit="bytes", better="none", title="KV cache"),
        "kv_cache_tokens": Quantity(
            unit="tokens", better="higher", title="KV tokens", in_summary=True, change="counted"
        ),
        "max_concurrency": Quantity(unit="requests", better="higher", title="full requests"),
        "loading_peak_bytes": _bytes("loading peak", chart="peak while loading"),
        "inference_peak_bytes": _bytes("inference peak", chart="peak while answering"),
        "peak_bytes": _bytes("peak", in_summary=True, change="single"),
    },
    run=run,
    figures=figures,
    options=_requests.LoadOptions,
    plan=_requests.plan,
    when="last",
    place=2,
    title="Memory",
    note=note,
    headline="weights_bytes",
    headline_title="weights",
)
