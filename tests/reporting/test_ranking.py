"""Which of several schemes is best, where two tie and what breaks the tie."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.records import Record
from quality.comparison import Quality
from quality.paired import compare
from reporting.deciding import ranking
from reporting.deciding.ranking import Ranking, Rated, UseCase
from reporting.deciding.study import Candidate, Study
from reporting.reading.results import Part, Stored
from tests.report_case import figure, record

INT8, INT4, RTN, AWQ = "INT8-W8A8", "INT4-W4A16", "INT8-W8A8-RTN", "INT4-W4A16-AWQ"
FP8, W8A16 = "FP8-W8A8", "INT8-W8A16"
METRIC: dict[UseCase, tuple[str, str]] = {
    "latency": ("sequential", "e2e_latency_s"),
    "throughput": ("batch", "output_tokens_per_s"),
    "memory": ("memory", "weights_bytes"),
}


def rated(
    scheme: str,
    loads: Sequence[float],
    use_case: UseCase = "latency",
    kl: float | None = None,
    fallen: float | None = None,
) -> Rated:
    """A candidate with a value a load, perhaps a divergence and a sure loss of the mean score."""
    candidate = Candidate(scheme)
    measure, name = METRIC[use_case]
    better = "higher" if use_case == "throughput" else "lower"
    parts = [
        Part(record(scheme, measure, {name: figure([v], "s", better)}, round=number), Path())
        for number, v in enumerate(loads, start=1)
    ]
    key = "batch 8" if use_case == "throughput" else measure
    candidate.performance[key] = Stored.of_rounds(parts)
    if kl is not None:
        divergence = record(scheme, "divergence", {"kl_mean": figure([kl], "nats", "lower")})
        candidate.quality["divergence"] = stored(divergence)
    if fallen is not None:
        aggregate = replace(compare([1.0] * 20, [1.0] * 20), high=-fallen)
        candidate.compared = Quality(
            tasks={}, p_values={}, aggregate=aggregate, verdict="pass", reason=""
        )
    return Rated(candidate, candidate.performance[key].record.figures[name])


def ranked(candidates: Sequence[Rated], use_case: UseCase = "latency") -> Ranking:
    study = Study("tiny", [rating.candidate for rating in candidates], {}, {})
    return Ranking(study, use_case, list(candidates))


def stored(found: Record) -> Stored:
    return Stored.of(found)


def around(value: float, spread: float = 0.005, turn: int = 0) -> list[float]:
    """Three loads around a value; of two `turn`s no round moves both alike."""
    return [value * (1 + spread * ((turn + number) % 3 - 1)) for number in range(3)]


SEPARATED: list[tuple[UseCase, list[float], list[float], bool]] = [
    ("latency", around(1.0), around(1.2, turn=1), True),
    ("latency", around(1.0, 0.2), around(1.2, 0.2, 1), False),
    ("latency", around(1.0, 0.2), around(1.2, 0.2), True),  # what all share is no noise
    ("latency", [1.0], [1.2], False),  # one load has no interval
    ("throughput", around(1.0), around(1.2, turn=1), True),
    # sizes are counted: up to 1 % apart they tie, whatever an interval of one value would say
    ("memory", [1000.0], [1009.0], False),
    ("memory", [1000.0], [991.0], False),
    ("memory", [1000.0], [1011.0], True),
    ("memory", [1000.0], [980.0], True),
    # no ratio of what is not above zero
    ("memory", [0.0], [1.0], True),
    ("latency", [0.0], [0.0], False),
]


@pytest.mark.parametrize(("use_case", "loads", "others", "apart"), SEPARATED)
def test_whether_two_differ(
    use_case: UseCase, loads: list[float], others: list[float], apart: bool
) -> None:
    first, second = rated(INT8, loads, use_case), rated(FP8, others, use_case)
    compared = ranked([first, second], use_case)
    assert compared.separated(first, second) is apart
    assert compared.separated(second, first) is apart


RIVALS: list[tuple[UseCase, list[float], list[float], bool]] = [
    # loads of the base, which leads where both tie, and of another, in seconds
    ("latency", around(1.0), around(1.0, turn=1), False),  # nothing above 5 % fits
    ("latency", around(1.0, 0.02), around(1.0, 0.02, 1), True),
    ("latency", around(1.0, 0.3), around(0.97, 0.3, 1), True),
    ("latency", around(1.0), around(1.3, turn=1), False),  # surely worse
    ("latency", around(1.0), around(0.99, turn=1), False),  # better, by less than is worth it
    ("latency", [1.0], [0.97], True),
    ("latency", [1.0], [1.5], True),  # one load excludes nothing
    ("memory", [1.0], [1.5], False),
    ("latency", [0.0], [0.9], True),  # nothing is known of it
]


@pytest.mark.parametrize(("use_case", "base", "others", "may_be_better"), RIVALS)
def test_who_may_be_better_than_the_leader(
    use_case: UseCase, base: list[float], others: list[float], may_be_better: bool
) -> None:
    lead, other = rated("BASE", base, use_case), rated(INT8, others, use_case, fallen=0.0)
    compared = replace_lead(ranked([lead, other], use_case), lead)
    assert compared.rivals == ([other] if may_be_better else [])
    assert compared.one_load is (may_be_better and len(base) == 1 and base != [0.0])


def replace_lead(compared: Ranking, lead: Rated) -> Ranking:
    """The ranking as if that one led."""
    compared.__dict__["lead"] = lead
    return compared


WINNERS: list[tuple[list[Rated], str, set[str]]] = [
    ([rated("BASE", around(1.0)), rated(INT8, around(0.8, turn=1))], INT8, {INT8}),
    ([rated("BASE", around(1.0)), rated(INT8, around(1.2, turn=1))], "BASE", {"BASE"}),
    (
        [rated("BASE", around(1.0, 0.2)), rated(INT8, around(0.95, 0.2, 1))],
        "BASE",
        {"BASE", INT8},
    ),
    # indistinguishable from the best, but from the base too
    (
        [
            rated("BASE", around(1.0, 0.03)),
            rated(INT8, around(0.93, 0.03, 1)),
            rated(INT4, around(0.85, 0.03, 2)),
        ],
        INT4,
        {INT4},
    ),
    # by what the tasks lost, then by divergence, then by bits, then by simplicity, then by name
    ([rated(INT8, [1.0, 1.1], fallen=0.02), rated(INT4, [1.0, 1.1], fallen=0)], INT4, {INT8, INT4}),
    # what nobody scored may have lost everything
    ([rated(INT8, [1.0, 1.1]), rated(INT4, [1.0, 1.1], fallen=0.02)], INT4, {INT8, INT4}),
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
        compared = ranked(order)
        assert compared.lead.candidate.scheme == best
        assert {rating.candidate.scheme for rating in compared.tied} == tied


@pytest.mark.parametrize(("base", "other", "best"), [(1.0, 0.8, "BASE"), (8.0, 9.0, INT4)])
def test_more_throughput_is_better(base: float, other: float, best: str) -> None:
    candidates = [
        rated("BASE", around(base), "throughput"),
        rated(INT4, around(other, turn=1), "throughput"),
    ]
    assert ranked(candidates, "throughput").lead.candidate.scheme == best


NEARER, BITS = "is nearer to the base's predictions", "keeps more bits"
FINER: list[tuple[Rated, Rated, str]] = [
    (rated("BASE", [1.0]), rated(INT8, [1.0]), "is the uncompressed model"),
    (rated(INT8, [1.0], fallen=0), rated(INT4, [1.0], fallen=0.1), "loses less on the tasks"),
    (rated(INT4, [1.0], fallen=0.1), rated(INT8, [1.0]), "was scored together with the base"),
    (rated(INT4, [1.0], kl=0.1), rated(INT8, [1.0], kl=0.2), NEARER),
    (rated(INT8, [1.0]), rated(INT4, [1.0]), BITS),
    (rated(INT8, [1.0], kl=0.1), rated(INT4, [1.0]), BITS),
    (rated(INT8, [1.0], kl=0.2), rated(INT4, [1.0], kl=0.1), BITS),
    (rated(RTN, [1.0]), rated(INT8, [1.0]), "is simpler: no calibration text"),
    (rated("a", [1.0]), rated("b", [1.0]), "is the first by name, for nothing else differs"),
    (rated(INT8, [1.0]), rated(INT8, [1.0], fallen=0.1), "comes first among all that tie"),
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
