"""How long a checkpoint takes until it can answer, split into phases, and the first request apart.

`load_s` runs from the start of the engine's process to ready. The process is forked with its
imports done, so they are not in it: `import_s` says what a fresh process pays on top. `rest_s` is
what no phase accounts for, `engine_s` the engine's own part of `load_s`. `page_cache` is the share
of the checkpoint that was in memory already, `compile_cache` 1 where the compiled model came from
the cache of an earlier load and 0 where it was compiled.
"""

from typing import Any

from core.measure import Loaded, Measure, Quantity, Raw, Workload
from core.stats import Estimate, estimate
from measures import _requests

PHASES = ("weights_s", "compile_s", "graph_capture_s", "rest_s")


def run(loaded: Loaded, workload: Workload) -> Raw:
    """Read the session's marks and time the very first request."""
    prompt = loaded.prompts(1, workload)
    answer = loaded.engine.generate(prompt, workload.sampling)[0]
    first = {"first_request_ttft_s": answer.first_token_s - answer.sent_s}
    return {"timing": {**loaded.timing, **first}, "phases": loaded.engine.load_phases}


def figures(raw: Raw) -> dict[str, Estimate]:
    """One load, so no intervals: repeat whole runs for those."""
    timing, phases = raw["timing"], raw["phases"]
    known = {name: phases[name] for name in PHASES if name in phases}
    rest = {"rest_s": max(0.0, timing["load_s"] - sum(known.values()))}
    values = {**timing, **known, **rest}
    return {name: estimate([value]) for name, value in values.items() if value is not None}


def _seconds(title: str = "", **shown: Any) -> Quantity:
    return Quantity(unit="s", better="lower", title=title, **shown)


MEASURE = Measure(
    summary="seconds from process start to ready, split, and the first request",
    kind="performance",
    quantities={
        "load_s": _seconds("load", in_summary=True, change="single"),
        "weights_s": _seconds("weights"),
        "compile_s": _seconds("compile"),
        "graph_capture_s": _seconds("graph capture"),
        "rest_s": _seconds("rest"),
        "import_s": _seconds("imports"),
        "first_request_ttft_s": _seconds("first request", shown_in="ms"),
        "engine_s": _seconds(),
        "page_cache": Quantity(unit="share", better="none"),
        "compile_cache": Quantity(unit="share", better="none"),
    },
    run=run,
    figures=figures,
    options=_requests.LoadOptions,
    plan=_requests.plan,
    when="first",
    place=1,
    title="Loading",
    note=lambda machine: "a fresh server pays the imports on top",
    headline="load_s",
    headline_title="load",
)
