"""One user's experience: requests sent one at a time, each after the last has been answered."""

from dataclasses import replace

from core.engine import Completion, TokenIds
from core.measure import Loaded, Measure, Raw, Shown, Workload
from measures import _requests


def _one_by_one(loaded: Loaded, prompts: list[TokenIds], workload: Workload) -> list[Completion]:
    completions = []
    for prompt in prompts:
        completions += loaded.engine.generate([prompt], workload.sampling)
        loaded.tick()
    return completions


def run(loaded: Loaded, workload: Workload) -> Raw:
    """`workload.requests` prompts, one at a time, per repeat."""
    return _requests.timed(loaded, workload, workload.requests, _one_by_one)


MEASURE = Measure(
    summary="requests one at a time: what a single user waits",
    kind="performance",
    quantities=_requests.QUANTITIES
    | {
        "tpot_s": replace(_requests.QUANTITIES["tpot_s"], in_summary=True),
        "ttft_s": replace(_requests.QUANTITIES["ttft_s"], in_summary=True),
        "e2e_latency_s": replace(_requests.QUANTITIES["e2e_latency_s"], change="timed"),
    },
    run=run,
    figures=_requests.figures,
    options=_requests.LoadOptions,
    plan=_requests.plan,
    shown=Shown(
        place=1,
        title="Speed",
        load="one user",
        step=_requests.STEP,
        derive=_requests.total("requests"),
        headline="e2e_latency_s",
        headline_title="latency, {}",
    ),
)
