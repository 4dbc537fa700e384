"""What rules a scheme out, each gate by itself, and the words for a quality."""

from pathlib import Path
from typing import Any

import pytest

from quality.comparison import Quality
from reporting.deciding import gates
from reporting.deciding.study import Candidate, Study
from reporting.reading.results import Stored
from tests.report_case import figure, memory, record, speed

MIB = 1 << 20


def candidate(*records: Any, verdict: Any = None, scheme: str = "INT8-W8A8") -> Candidate:
    """A scheme with these performance records, and perhaps a quality."""
    made = Candidate(scheme)
    for found in records:
        made.performance[found.measure] = Stored(found, Path("record.json"))
    if verdict:
        made.compared = quality(verdict, "3 points lost")
    return made


def quality(verdict: Any, reason: str) -> Quality:
    return Quality(tasks={}, p_values={}, aggregate=None, verdict=verdict, reason=reason)


def failed(reason: str, measure: str = "sequential") -> Any:
    return record("INT8-W8A8", measure, {}, status="failed", reason=reason)


FAST = speed("INT8-W8A8", [100.0, 101.0])
SMALL = memory("INT8-W8A8", 6 * MIB)  # and 2 MiB for one full request
PLAIN = {"qkv_proj": ["UnquantizedLinearMethod"], "down_proj": ["UnquantizedLinearMethod"]}


def served(kernels: Any, **others: Any) -> Any:
    return speed("INT8-W8A8", [100.0], served={"kernels": kernels, **others})


WRONG = "served without a compressed kernel: UnquantizedLinearMethod"
GATES: list[tuple[Candidate, int | None, str | None]] = [
    (candidate(FAST, SMALL), None, None),
    (candidate(FAST, SMALL, verdict="pass"), None, None),
    (candidate(FAST, SMALL, verdict="undecided"), None, None),
    (candidate(), None, "speed and memory were not measured"),
    # all failed, the first says why
    (candidate(failed("no room"), failed("gone", "memory")), None, "not served: no room"),
    (candidate(failed("out of memory"), SMALL), None, None),
    (
        candidate(failed("INT8-W8A8 is not served natively here: no kernel")),
        None,
        "not served natively here: no kernel",
    ),
    (candidate(failed("not compressed: 128 columns")), None, "not compressed: 128 columns"),
    (candidate(served(PLAIN)), None, WRONG),
    (candidate(served(PLAIN), scheme="BASE"), None, None),
    (candidate(served({**PLAIN, "o_proj": ["Marlin"]})), None, None),
    (candidate(served({**PLAIN, "qkv_proj": ["Unquantized", "Marlin"]})), None, None),
    (candidate(served({"lm_head": ["Unquantized"], "embed_tokens": ["Unquantized"]})), None, None),
    (candidate(served(None)), None, None),
    (candidate(FAST, verdict="fail"), None, "quality failed: 3 points lost"),
    (candidate(served(PLAIN), verdict="fail"), None, WRONG),
    (candidate(FAST), 9 * MIB, "whether it fits the memory budget is not known: memory was not m"),
    (candidate(FAST, SMALL), 8 * MIB, None),
    (
        candidate(FAST, SMALL),
        8 * MIB - 1,
        "does not fit: serving one full request takes 8.00 MiB of 8.00 MiB",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("found", "budget", "why"), GATES)
def test_gates(found: Candidate, budget: int | None, why: str | None) -> None:
    reason = gates.gate(found, budget)
    assert reason is None if why is None else reason is not None and reason.startswith(why)


def without(*names: str) -> Any:
    figures = {name: f for name, f in SMALL.figures.items() if name not in names}
    return candidate(SMALL.model_copy(update={"figures": figures}))


@pytest.mark.parametrize(
    ("found", "need"),
    [
        (candidate(SMALL), 8 * MIB),  # 1 GiB of cache holds 512 full requests
        (without("kv_cache_bytes"), 6 * MIB),
        (without("max_concurrency"), 6 * MIB),
        (without("weights_bytes"), None),
        (candidate(FAST), None),
    ],
)
def test_memory_needed(found: Candidate, need: int | None) -> None:
    assert gates.memory_needed(found) == need


def study(*candidates: Candidate) -> Study:
    return Study(model="tiny", candidates=list(candidates), context={}, margins={})


LARGE = candidate(memory("BASE", 10 * MIB), scheme="BASE")
BROKEN = candidate(memory("INT4-W4A16", 1 * MIB), verdict="fail", scheme="INT4-W4A16")
TOO_LARGE: list[tuple[Study, int, str | None]] = [
    (study(LARGE, candidate(SMALL)), 8 * MIB, None),  # INT8 fits exactly
    (
        study(LARGE, candidate(SMALL)),
        7 * MIB,
        "No scheme fits 7.00 MiB: the smallest, INT8-W8A8, needs 8.00 MiB.",
    ),
    (study(LARGE, BROKEN), 7 * MIB, "No scheme fits 7.00 MiB: the smallest, BASE, needs 12.0 MiB."),
    (study(LARGE, candidate(FAST)), 7 * MIB, None),  # one is not known
    (study(BROKEN), 7 * MIB, None),
]  # fmt: skip


@pytest.mark.parametrize(("compared", "budget", "sentence"), TOO_LARGE)
def test_no_scheme_fits(compared: Study, budget: int, sentence: str | None) -> None:
    assert gates.too_large(compared, budget) == sentence


@pytest.mark.parametrize(
    ("scheme", "verdict", "accepted"),
    [
        ("BASE", None, True),
        ("INT8-W8A8", "pass", True),
        ("INT8-W8A8", "undecided", False),
        ("INT8-W8A8", "fail", False),
        ("INT8-W8A8", None, False),
    ],
)
def test_what_may_be_deployed(scheme: str, verdict: Any, accepted: bool) -> None:
    assert bool(gates.accepted(candidate(FAST, scheme=scheme, verdict=verdict))) is accepted


@pytest.mark.parametrize(
    ("compared", "words"),
    [
        (None, "cannot be judged: the base was not measured"),
        (quality("pass", "as good"), "passed (as good)"),
        (quality("fail", "worse"), "failed (worse)"),
        (quality("undecided", "few documents"), "is undecided (few documents)"),
        (quality(None, "no task was scored"), "is not known: no task was scored"),
        (quality(None, ""), "is not known"),
    ],
)
def test_a_quality_in_words(compared: Quality | None, words: str) -> None:
    found = Candidate("INT8-W8A8", compared=compared)
    assert gates.quality_state(found) == words


def measured(weights: float, **bytes_of: float) -> Candidate:
    """A scheme whose memory record has these figures in addition to its weights, all in MiB."""
    sizes = {"kv_cache_bytes": 1024.0, "max_concurrency": 512 / MIB, **bytes_of}
    figures = {
        name: figure([value * MIB], "bytes", "lower")
        for name, value in ({"weights_bytes": weights} | sizes).items()
    }
    return candidate(record("INT8-W8A8", "memory", figures, {}))


NEEDS = [
    # of the KV cache of 1,024 MiB one of 512 requests takes 2 MiB
    ({"peak_bytes": 1100.0, "idle_bytes": 531.0}, 1100 - 1024 + 2),
    ({"peak_bytes": 72_000.0, "idle_bytes": 0.0, "kv_cache_bytes": 51_200.0}, 20_800 + 100),
    ({"peak_bytes": 1028.0, "idle_bytes": 531.0}, 6 + 2),  # weights that others' memory hides
    ({"peak_bytes": 1631.0}, 6 + 2),  # an older record: what was in use before is in its peak
    ({}, 6 + 2),
]


@pytest.mark.parametrize(("bytes_of", "mib"), NEEDS)
def test_memory_needed_is_the_peak_with_one_request(bytes_of: dict[str, float], mib: float) -> None:
    assert gates.memory_needed(measured(6, **bytes_of)) == pytest.approx(mib * MIB)


def test_memory_needed_without_a_cache_or_weights() -> None:
    served = candidate(
        record("INT8-W8A8", "memory", {"weights_bytes": figure([5], "bytes", "lower")})
    )
    assert gates.memory_needed(served) == 5
    assert gates.memory_needed(candidate(FAST)) is None
