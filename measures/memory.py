"""Four numbers, never one: on disk, weights in memory, KV cache, and the peak of the load.

An engine reserves a fixed share of a GPU whatever the scheme, so the peak alone says nothing about
a scheme; the tokens that fit in what the weights leave free do. Peaks are above `idle_bytes`, what
was in use before the load: other processes' memory on a GPU, the libraries on a CPU.
"""

from dataclasses import asdict
from typing import Any

from core.measure import Loaded, Measure, Quantity, Raw, Shown, Values, Workload
from core.stats import Estimate, estimate
from core.words import percent, size
from measures import _requests

SMALL_CHANGE = 0.05


def run(loaded: Loaded, workload: Workload) -> Raw:
    """Read what the session sampled; ask for this measure last, so that the peak is everyone's."""
    return {
        "checkpoint_bytes": loaded.checkpoint_bytes,
        "served": asdict(loaded.description),
        "stages": dict(loaded.memory),
    }


def figures(raw: Raw) -> dict[str, Estimate]:
    """The four numbers, the peaks while loading and at either load, and what there was before."""
    served, stages = raw["served"], raw["stages"]
    idle = stages.get("idle", {}).get("used_bytes")
    # On a CPU a page inherited from the fork server is in both, also where writing has made it a
    # copy of the child's own; inherited pages that were given back would make a peak too small.
    peaks = {
        stage: marks["peak_bytes"] - (idle or 0)
        for stage, marks in stages.items()
        if stage != "idle" and marks.get("peak_bytes", -1) >= (idle or 0)
    }
    answering = [peak for stage, peak in peaks.items() if stage != "loaded"]
    loads = {
        load: [peak for stage, peak in peaks.items() if stage.rpartition(":")[2] == load]
        for load in ("sequential", "batch")
    }
    values: dict[str, float | None] = {
        "checkpoint_bytes": raw["checkpoint_bytes"],
        "weights_bytes": served["weights_bytes"],
        "kv_cache_bytes": served["kv_cache_bytes"],
        "kv_cache_tokens": served["kv_cache_tokens"],
        "max_concurrency": served["max_concurrency"],
        "peak_bytes": max(peaks.values(), default=None),
        "loading_peak_bytes": peaks.get("loaded"),
        "inference_peak_bytes": max(answering, default=None),
        **{f"{load}_peak_bytes": max(reached, default=None) for load, reached in loads.items()},
        "idle_bytes": idle if peaks else None,
    }
    return {name: estimate([float(v)]) for name, v in values.items() if v is not None}


def _bytes(title: str, **shown: Any) -> Quantity:
    return Quantity(unit="bytes", better="lower", title=title, **shown)


def observe(base: Values, compressed: dict[str, Values]) -> list[str]:
    """Weights that shrank while the peak stayed, and the tokens that fit instead."""
    shares = {
        scheme: {name: v / base[name] for name, v in values.items() if base.get(name)}
        for scheme, values in compressed.items()
    }
    stayed = {
        scheme: share
        for scheme, share in shares.items()
        if share.get("weights_bytes", 1) < 1 - SMALL_CHANGE < share.get("peak_bytes", 0)
    }
    sentences = []
    reserved = base.get("kv_cache_bytes", 0)  # or else it grows with what is asked, and is no part
    if stayed and 0 < reserved <= base["peak_bytes"]:
        scheme, share = min(stayed.items(), key=lambda item: item[1]["weights_bytes"])
        sentences.append(
            f"Peak memory hardly moves although weights shrink ({scheme}: weights to "
            f"{percent(share['weights_bytes'])}, peak to {percent(share['peak_bytes'])} of BASE): "
            f"the KV cache alone is given {size(base['kv_cache_bytes'])}, whatever the scheme. "
            "Compare weights and KV tokens instead."
        )
    return sentences + [
        f"{scheme} leaves room for {share['kv_cache_tokens']:.2f}x the KV-cache tokens of BASE."
        for scheme, share in shares.items()
        if share.get("kv_cache_tokens", 0) > 1 + SMALL_CHANGE
    ]


def note(machine: dict[str, Any], figures: list[Values]) -> str:
    """What peaks mean: on a GPU hardly anything."""
    if machine.get("gpus"):
        return (
            "the engine reserves a fixed share of the GPU whatever the scheme: compare weights and "
            "KV tokens, not peaks"
        )
    return "peaks are above what the libraries take before the load; the KV cache is in them"


MEASURE = Measure(
    summary="checkpoint on disk, weights, KV cache, peak",
    kind="performance",
    quantities={
        "checkpoint_bytes": _bytes(
            "on disk", in_summary=True, of_base=True, chart="on disk", change="counted"
        ),
        "weights_bytes": _bytes(
            "weights", in_summary=True, chart="weights in memory", change="counted"
        ),
        "kv_cache_bytes": Quantity(unit="bytes", better="none", title="KV cache"),
        "kv_cache_tokens": Quantity(
            unit="tokens", better="higher", title="KV tokens", in_summary=True, change="counted"
        ),
        "max_concurrency": Quantity(unit="requests", better="higher", title="full requests"),
        "loading_peak_bytes": _bytes("loading peak", chart="peak while loading"),
        "inference_peak_bytes": _bytes("", chart="peak while answering"),
        "sequential_peak_bytes": _bytes("one-user peak"),
        "batch_peak_bytes": _bytes("batch peak"),
        "peak_bytes": _bytes("peak", in_summary=True, change="single"),
        "idle_bytes": Quantity(unit="bytes", better="none"),
    },
    run=run,
    figures=figures,
    options=_requests.LoadOptions,
    plan=_requests.plan,
    when="last",
    counted=True,
    shown=Shown(
        place=3,
        title="Memory",
        note=note,
        observe=observe,
        headline="weights_bytes",
        headline_title="weights",
    ),
)
