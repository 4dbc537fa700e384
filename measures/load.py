"""How long a checkpoint takes until it can answer, split into phases, and the first request apart.

`load_s` runs from the start of the engine's process to ready. The process is forked with its
imports done, so they are not in it: `import_s` says what a fresh process pays on top. `rest_s` is
what no phase accounts for, `engine_s` the engine's own part of `load_s`. `page_cache` is the share
of the checkpoint that was in memory already, `compile_cache` 1 where the compiled model came from
the cache of an earlier load and 0 where it was compiled.
"""

from core.measure import Loaded, Measure, Raw, Unit, Workload
from core.stats import Estimate, estimate

SECONDS = Unit(unit="s", better="lower")
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


MEASURE = Measure(
    summary="seconds from process start to ready, split, and the first request",
    kind="performance",
    units={
        "load_s": SECONDS,
        "engine_s": SECONDS,
        "import_s": SECONDS,
        **dict.fromkeys(PHASES, SECONDS),
        "first_request_ttft_s": SECONDS,
        "page_cache": Unit(unit="share", better="none"),
        "compile_cache": Unit(unit="share", better="none"),
    },
    run=run,
    figures=figures,
)
