"""Many users at once: `batch_size` requests sent together, timed until the last is answered."""

from dataclasses import replace

from core.engine import Completion, TokenIds
from core.measure import Loaded, Measure, Raw, ServedBase, Shown, Workload
from measures import _requests


def _together(loaded: Loaded, prompts: list[TokenIds], workload: Workload) -> list[Completion]:
    return loaded.engine.generate(prompts, workload.sampling)


def run(loaded: Loaded, workload: Workload) -> Raw:
    """`workload.batch_size` prompts at the same time, per repeat.

    Raises `InvalidLoad` when they do not all fit into the KV cache: they would wait for each other.
    """
    tokens = workload.batch_size * (workload.prompt_tokens + workload.max_new_tokens)
    capacity = loaded.description.kv_cache_tokens
    if not workload.texts and tokens > capacity:
        raise _requests.InvalidLoad(
            f"{workload.batch_size} requests take {tokens:,} tokens, "
            f"the KV cache holds {capacity:,}"
        )
    return _requests.timed(loaded, workload, workload.batch_size, _together)


def plan(options: _requests.LoadOptions, base: ServedBase) -> list[Workload]:
    """One job a batch size."""
    workloads = _requests.plan(options, base)
    return [replace(w, batch_size=size) for w in workloads for size in options.sizes()]


MEASURE = Measure(
    summary="requests sent together: throughput at a given number of users",
    kind="performance",
    quantities=_requests.QUANTITIES
    | {"output_tokens_per_s": replace(_requests.QUANTITIES["output_tokens_per_s"], change="timed")},
    run=run,
    figures=_requests.figures,
    options=_requests.LoadOptions,
    plan=plan,
    varies="batch_size",
    shown=Shown(
        place=2,
        title="Speed",
        load="{} users",
        load_of_one="one user (batch 1)",
        step=_requests.STEP,
        derive=_requests.total("batch_size"),
        headline="output_tokens_per_s",
        headline_title="throughput, {}",
    ),
)
