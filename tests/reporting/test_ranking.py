"""Which of several schemes is best, where two tie and what breaks the tie."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.records import Record
from core.stats import NOISY
from quality.comparison import Quality
from quality.paired import compare
from reporting.deciding import ranking
from reporting.deciding.ranking import Rated, UseCase
from reporting.deciding.study import Candidate, Study
from reporting.reading.results import Stored
from tests.report_case import figure, record


def rated(
    scheme: str,
    values: Sequence[float],
    better: str = "lower",
    kl: float | None = None,
    fallen: float = 0.0,
) -> Rated:
    """A candidate with a figure, perhaps a divergence and a sure loss of the mean task score."""
    candidate = Candidate(scheme)
    if kl is not None:
        found = record(scheme, "divergence", {"kl_mean": figure([kl], "nats", "lower")})
        candidate.quality["divergence"] = stored(found)
    if fallen:
        aggregate = replace(compare([1.0] * 20, [1.0] * 20), high=-fallen)
        candidate.compared = Quality(
            tasks={}, p_values={}, aggregate=aggregate, verdict="pass", reason=""
        )
    return Rated(candidate, figure(values, "s", better))


def stored(found: Record) -> Stored:
    return Stored(found, Path("record.json"))


def around(value: float, spread: float = 0.005) -> list[float]:
    return [value * (1 - spread), value, value * (1 + spread)]


SEPARATED: list[tuple[UseCase, list[float], list[float], bool]] = [
    ("latency", around(1.0), around(1.2), True),
    ("latency", around(1.0, 0.2), around(1.2, 0.2), False),
    ("latency", [1.0], [1.2], False),  # a single repeat has no interval
    # sizes are counted: up to 1 % apart they tie, whatever an interval of one value would say
    ("memory", [1000.0], [1009.0], False),
    ("memory", [1000.0], [991.0], False),
    ("memory", [1000.0], [1011.0], True),
    ("memory", [1000.0], [980.0], True),
    ("memory", around(1000.0, 0.2), around(1020.0, 0.2), True),
    ("memory", around(1000.0, 0.0001), around(1005.0, 0.0001), False),
    # no ratio of what is not above zero
    ("memory", [0.0], [1.0], True),
    ("latency", [0.0], [0.0], False),
]


@pytest.mark.parametrize(("use_case", "one", "other", "apart"), SEPARATED)
def test_whether_two_differ(
    use_case: UseCase, one: list[float], other: list[float], apart: bool
) -> None:
    first, second = rated("INT8-W8A8", one), rated("FP8-W8A8", other)
    assert ranking.separated(first, second, use_case) is apart
    assert ranking.separated(second, first, use_case) is apart


DROWNED: list[tuple[UseCase, list[float], list[float], bool]] = [
    # the leader's figure and that of one it ties with, in seconds
    ("latency", around(1.0, 0.005), around(0.9, 0.3), True),
    ("latency", around(1.0, 0.3), around(0.9, 0.005), True),
    ("latency", around(1.0, 0.04), around(0.9, 0.04), False),  # no noise that repeats would cure
    ("latency", around(1.0, 0.3), around(0.97, 0.3), False),  # not worth more repeats
    ("latency", around(1.0, 0.3), around(0.94, 0.3), True),
    ("latency", around(1.0, 0.3), around(1.1, 0.3), False),  # looks worse
    ("memory", around(1.0, 0.3), around(0.9, 0.3), False),
    ("latency", [1.0], [0.9], False),  # nothing is known of its noise
    ("latency", [0.0], [0.9], False),
]


@pytest.mark.parametrize(("use_case", "lead", "other", "hidden"), DROWNED)
def test_noise_that_hides_a_gain_of_five_percent(
    use_case: UseCase, lead: list[float], other: list[float], hidden: bool
) -> None:
    first, second = rated("INT8-W8A8", lead), rated("FP8-W8A8", other)
    drowned = ranking.drowned(first, [first, second], use_case)
    assert drowned is (second if hidden else None)


@pytest.mark.parametrize(("cv", "hidden"), [(NOISY, False), (NOISY + 1e-9, True), (None, False)])
def test_noise_begins_above_its_bound(cv: float | None, hidden: bool) -> None:
    lead, other = rated("INT8-W8A8", around(1.0)), rated("FP8-W8A8", around(0.9))
    noisy = replace(other, figure=other.figure.model_copy(update={"cv": cv}))
    assert ranking.drowned(lead, [lead, noisy], "latency") is (noisy if hidden else None)


UNREPEATED: list[tuple[UseCase, list[float], list[float], bool]] = [
    ("latency", [1.0], [1.1], True),
    ("latency", [1.0], around(1.1), True),
    ("latency", around(1.0), [1.1], True),
    ("latency", [1.0, 1.1], [1.2, 1.3], False),
    ("latency", [1.0], [1.0], False),
    ("memory", [1.0], [1.1], False),
]


@pytest.mark.parametrize(("use_case", "one", "other", "single"), UNREPEATED)
def test_the_lack_of_repeats(
    use_case: UseCase, one: list[float], other: list[float], single: bool
) -> None:
    pair = rated("INT8-W8A8", one), rated("FP8-W8A8", other)
    assert ranking.unrepeated(*pair, use_case) is single


INT8, INT4, RTN, AWQ = "INT8-W8A8", "INT4-W4A16", "INT8-W8A8-RTN", "INT4-W4A16-AWQ"
FP8, W8A16 = "FP8-W8A8", "INT8-W8A16"
WINNERS: list[tuple[list[Rated], str, set[str]]] = [
    ([rated("BASE", around(1.0)), rated(INT8, around(0.8))], INT8, {INT8}),
    ([rated("BASE", around(1.0)), rated(INT8, around(1.2))], "BASE", {"BASE"}),
    ([rated("BASE", around(1.0, 0.2)), rated(INT8, around(0.95, 0.2))], "BASE", {"BASE", INT8}),
    # more is better
    ([rated("BASE", around(1.0), "higher"), rated(INT8, around(0.8), "higher")], "BASE", {"BASE"}),
    ([rated(INT4, around(9.0), "higher"), rated(INT8, around(8.0), "higher")], INT4, {INT4}),
    # told from the best by nobody, but not from the base either
    (
        [rated("BASE", around(1.0)), rated(INT8, around(0.9, 0.15)), rated(INT4, around(0.85))],
        INT4,
        {INT4},
    ),
    # by what the tasks lost, then by divergence, then by bits, then by simplicity, then by name
    ([rated(INT8, [1.0, 1.1], fallen=0.02), rated(INT4, [1.0, 1.1])], INT4, {INT8, INT4}),
    (
        [rated(INT8, [1.0, 1.1], kl=0.02), rated(INT4, [1.0, 1.1], kl=0.01)],
        INT4,
        {INT8, INT4},
    ),
    ([rated(INT8, [1.0, 1.1]), rated(INT4, [1.0, 1.1], kl=0.01)], INT8, {INT8, INT4}),
    ([rated(W8A16, [1.0, 1.1]), rated(INT8, [1.0, 1.1])], W8A16, {W8A16, INT8}),
    ([rated(FP8, [1.0, 1.1]), rated("MXFP8", [1.0, 1.1])], FP8, {FP8, "MXFP8"}),
    ([rated(INT8, [1.0, 1.1]), rated(RTN, [1.0, 1.1])], RTN, {INT8, RTN}),
    ([rated(INT4, [1.0, 1.1]), rated(AWQ, [1.0, 1.1])], INT4, {INT4, AWQ}),
    ([rated("unknown", [1.0, 1.1]), rated(AWQ, [1.0, 1.1])], AWQ, {"unknown", AWQ}),
    ([rated("b", [1.0, 1.1]), rated("a", [1.0, 1.1])], "a", {"a", "b"}),
]  # fmt: skip


@pytest.mark.parametrize(("candidates", "best", "tied"), WINNERS)
def test_the_winner_and_those_that_tie(candidates: list[Rated], best: str, tied: set[str]) -> None:
    for order in (candidates, candidates[::-1]):
        lead, alike = ranking.winner(order, "latency")
        assert lead.candidate.scheme == best
        assert {one.candidate.scheme for one in alike} == tied


NEARER, BITS = "is nearer to the base's predictions", "keeps more bits"
FINER: list[tuple[Rated, Rated, str]] = [
    (rated("BASE", [1.0]), rated(INT8, [1.0]), "is the uncompressed model"),
    (rated(INT8, [1.0]), rated(INT4, [1.0], fallen=0.1), "loses less on the tasks"),
    (rated(INT4, [1.0], kl=0.1), rated(INT8, [1.0], kl=0.2), NEARER),
    (rated(INT8, [1.0]), rated(INT4, [1.0]), BITS),
    (rated(INT8, [1.0], kl=0.1), rated(INT4, [1.0]), BITS),
    (rated(INT8, [1.0], kl=0.2), rated(INT4, [1.0], kl=0.1), BITS),
    (rated(RTN, [1.0]), rated(INT8, [1.0]), "is simpler: no calibration text"),
    (rated("a", [1.0]), rated("b", [1.0]), "is the first by name, for nothing else differs"),
    (rated(INT8, [1.0], fallen=0.1), rated(INT8, [1.0]), "comes first among all that tie"),
]


@pytest.mark.parametrize(("one", "other", "why"), FINER)
def test_why_one_is_preferred(one: Rated, other: Rated, why: str) -> None:
    assert ranking.finer(one, other).startswith(why)


@pytest.mark.parametrize(
    ("scheme", "order"),
    [
        ("BASE", (0, 0, "BASE")),
        (RTN, (0, 0, RTN)),
        (INT4, (1, 1, INT4)),
        (INT8, (1, 2, INT8)),  # SmoothQuant, then GPTQ
        ("nobody's", (2, 9, "nobody's")),
    ],
)
def test_simplicity(scheme: str, order: tuple[int, int, str]) -> None:
    assert ranking.simplicity(scheme) == order


def study(*batches: int) -> Study:
    candidate = Candidate("BASE")
    for users in batches:
        name = f"batch {users}"
        candidate.performance[name] = stored(record("BASE", "batch", {}))
    return Study(model="tiny", candidates=[candidate], context={}, margins={})


@pytest.mark.parametrize(
    ("use_case", "batches", "wanted"),
    [
        ("memory", (8,), ("memory", "weights_bytes")),
        ("latency", (8,), ("sequential", "e2e_latency_s")),
        ("throughput", (8, 32, 4), ("batch 32", "output_tokens_per_s")),
        ("throughput", (), ("batch", "output_tokens_per_s")),
    ],
)
def test_what_a_use_case_is_judged_by(
    use_case: UseCase, batches: tuple[int, ...], wanted: tuple[str, str]
) -> None:
    assert ranking.metric(study(*batches), use_case) == wanted
