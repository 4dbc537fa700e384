"""How long a checkpoint takes until it can answer, split into phases, and the first request apart.

`load_s` runs from the start of the engine's process to ready. The process is forked with its
imports done, so they are not in it: `import_s` says what a fresh process pays on top. `rest_s` is
what no phase accounts for, `engine_s` the engine's own part of `load_s`. `page_cache` is the share
of the checkpoint that was in memory already, `compile_cache` 1 where the compiled model came from
the cache of an earlier load and 0 where it was compiled.
"""

from typing import Any

from core.measure import Loaded, Measure, Quantity, Raw, Shown, Values, Workload
from core.stats import Estimate, estimate
from core.words import percent
from measures import _requests

PHASES = ("weights_s", "compile_s", "graph_capture_s", "rest_s")
WHOLE = 0.995  # what is written as 100 %
UNLIKE = 0.5  # shares in the page cache that differ by more make load times incomparable


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


def note(machine: dict[str, Any], figures: list[Values]) -> str:
    """What load times leave out, and how much was in memory before: a cold start is slower."""
    cached = [values["page_cache"] for values in figures if "page_cache" in values]
    imports = "a fresh server pays the imports on top"
    if not cached:
        return imports
    least = "all" if min(cached) > WHOLE else f"at least {percent(min(cached))}"
    return f"{imports}; {least} of each checkpoint was in the page cache"


def observe(base: Values, compressed: dict[str, Values]) -> list[str]:
    """Loads from the page cache next to loads from disk."""
    cached = [v["page_cache"] for v in (base, *compressed.values()) if "page_cache" in v]
    if not cached or max(cached) - min(cached) <= UNLIKE:
        return []
    return [
        f"Load times are not alike: {percent(min(cached))} to {percent(max(cached))} of the "
        "checkpoints was in the page cache before loading."
    ]


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
        "page_cache": Quantity(unit="share", better="none", shown_in="%"),
        "compile_cache": Quantity(unit="share", better="none", shown_in="%"),
    },
    run=run,
    figures=figures,
    options=_requests.LoadOptions,
    plan=_requests.plan,
    when="first",
    shown=Shown(
        doing="measuring the first request",
        place=4,
        title="Loading",
        note=note,
        observe=observe,
        headline="load_s",
        headline_title="load",
    ),
)
