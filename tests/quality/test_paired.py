"""Paired statistics: worked values, and by simulation how rarely an alarm is false."""

import random
import statistics

import numpy as np
import pytest

from quality import paired, significance


def test_the_base_against_itself_passes() -> None:
    scores = [float(n % 3 == 0) for n in range(300)]
    found = paired.compare(scores, scores)
    assert (found.verdict, found.difference, found.recovery) == ("pass", 0.0, 100.0)
    assert (found.worse, found.better, found.p_value) == (0, 0, 1)


def test_a_collapse_fails() -> None:
    collapsed = paired.compare([1.0] * 150 + [0.0] * 150, [0.0] * 300)
    assert (
        collapsed.verdict == "fail"
        and (collapsed.p_value < 0.05)
        and collapsed.documents_needed is None
    )
    assert (collapsed.worse, collapsed.better, collapsed.n) == (150, 0, 300)
    assert (collapsed.base, collapsed.compressed, collapsed.difference) == (0.5, 0.0, -0.5)
    assert collapsed.recovery == 0.0 and collapsed.margin == paired.MARGIN
    assert collapsed.recovery_low is not None and collapsed.recovery_high is not None
    assert 0 < collapsed.recovery_low < collapsed.recovery_high < 3


def test_the_interval_is_that_of_the_dirichlet_weights() -> None:
    """80 of 400 lost, 20 found; half a document more of each: mean and deviation by formula."""
    base = [1.0] * 200 + [0.0] * 200
    other = [0.0] * 80 + [1.0] * 120 + [1.0] * 20 + [0.0] * 180
    flips = paired.compare(base, other, margin=0.1)
    lost, gained = 80.5 / 402, 20.5 / 402
    mean = gained - lost
    deviation = ((lost + gained - mean**2) / 403) ** 0.5
    assert flips.low == pytest.approx(mean - 1.96 * deviation, abs=0.004)
    assert flips.high == pytest.approx(mean + 1.96 * deviation, abs=0.004)
    assert flips.difference == pytest.approx(-0.15) and (flips.worse, flips.better) == (80, 20)
    assert flips.recovery == pytest.approx(70)
    assert flips.recovery_low is not None and flips.recovery_high is not None
    assert 60 < flips.recovery_low < 70 < flips.recovery_high < 80
    assert flips.p_value == significance.mcnemar(80, 20)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.009, 0.5, "pass"),
        (-0.01, 0.5, "undecided"),
        (-0.02, -0.0101, "fail"),
        (-0.02, -0.01, "undecided"),
        (-0.5, 0.5, "undecided"),
    ],
)
def test_verdicts_at_the_margin(low: float, high: float, verdict: str) -> None:
    assert paired._verdict(low, high, 0.01) == verdict


def test_another_seed_draws_other_weights_and_the_same_seed_the_same() -> None:
    rng = random.Random(5)
    base = [rng.random() for _ in range(50)]
    other = [score * 0.9 for score in base]
    first, same, another = (paired.compare(base, other, seed=seed) for seed in (0, 0, 1))
    assert (
        first == paired.pooled([(base, other)]) == same
        and first.low != another.low
        and first.difference == another.difference
    )


def test_few_documents_cannot_decide_and_say_how_many_would() -> None:
    base = [1.0] * 60 + [0.0] * 40
    other = [1.0] * 57 + [0.0] * 3 + [1.0] * 2 + [0.0] * 38
    found = paired.compare(base, other)
    assert found.verdict == "undecided"
    assert found.documents_needed is not None and found.documents_needed > 1000


@pytest.mark.parametrize(("base", "other"), [([], []), ([1.0], [1.0, 0.0]), ([1.0, 0.0], [])])
def test_documents_that_cannot_be_paired(base: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        paired.compare(base, other)


def test_a_base_that_scored_nothing_has_no_recovery() -> None:
    assert paired.compare([0.0] * 50, [0.0] * 49 + [1.0]).recovery is None


def flip(rng: random.Random, base: list[float], down: float, up: float) -> list[float]:
    """Scores after a right answer is lost with chance `down`, a wrong one found with `up`."""
    return [float(rng.random() >= down) if s else float(rng.random() < up) for s in base]


def test_false_alarms_are_rare() -> None:
    """200 A/A comparisons: equal true accuracy, 5 % of documents flip by chance."""
    rng = random.Random(0)
    alarms = fails = 0
    for _ in range(200):
        base = [float(n < 250) for n in range(500)]
        found = paired.compare(base, flip(rng, base, 0.05, 0.05))
        alarms += found.p_value < 0.05
        fails += found.verdict == "fail"
    assert alarms <= 0.05 * 200
    assert fails == 0


def test_a_planted_loss_is_found_at_the_size_asked_for() -> None:
    """3 points lost against a margin of 1: undecided when small, then `fail` in 90 % and more."""
    rng = random.Random(1)

    def draw(n: int) -> paired.Comparison:
        base = [float(rng.random() < 0.6) for _ in range(n)]
        return paired.compare(base, flip(rng, base, 0.08, 0.045))  # 0.6*0.08 - 0.4*0.045 = 0.03

    asked = []
    while len(asked) < 20:
        found = draw(400)
        if found.verdict == "undecided" and found.difference < -0.02:
            asked.append(found.documents_needed or 0)
    size = sorted(asked)[len(asked) // 2]
    hits = sum(draw(size).verdict == "fail" for _ in range(100))
    assert hits >= 90, (size, hits)


def test_no_flip_among_few_documents_proves_little() -> None:
    few, many = (paired.compare([1.0] * n, [1.0] * n) for n in (50, 1000))
    assert few.verdict == "undecided" and few.low < -0.01
    assert few.documents_needed is not None and 250 < few.documents_needed < 400
    assert many.verdict == "pass"


def test_a_stricter_confidence_only_widens_the_verdict() -> None:
    base = [1.0] * 600 + [0.0] * 400
    other = [1.0] * 570 + [0.0] * 430
    usual, strict = (paired.compare(base, other, 0.02, confidence=c) for c in (0.95, 0.9999999))
    assert (usual.low, usual.high) == (strict.low, strict.high)
    assert (usual.verdict, strict.verdict) == ("fail", "undecided")


def test_scores_between_0_and_1() -> None:
    rng = random.Random(2)
    base = [rng.random() for _ in range(400)]
    worse = paired.compare(base, [s * 0.9 for s in base])
    assert (
        (worse.p_value < 0.05) and worse.verdict == "fail" and worse.recovery == pytest.approx(90)
    )
    assert worse.p_value == significance.sign_flips(np.array(base) * -0.1, seed=0)
    same = paired.compare(base, [s + rng.gauss(0, 0.001) for s in base])
    assert same.verdict == "pass" and not (same.p_value < 0.05)


def test_every_task_counts_the_same() -> None:
    large = [1.0] * 1000, [1.0] * 1000
    small = [1.0] * 100, [0.0] * 100
    assert paired.pooled([large, small]).difference == -0.5


@pytest.mark.parametrize(("n", "verdict"), [(9, "undecided"), (10, "fail")])
def test_ten_documents_are_the_fewest_that_decide(n: int, verdict: str) -> None:
    assert paired.compare([1.0] * n, [0.0] * n).verdict == verdict
    many = [1.0] * 100, [0.0] * 100
    assert paired.pooled([many, ([1.0] * n, [0.0] * n)]).verdict == verdict


def test_too_few_documents_decide_nothing() -> None:
    assert paired.compare([1.0] * 5, [0.0] * 5).verdict == "undecided"
    assert paired.compare([0.5], [0.4]).verdict == "undecided"


def test_tasks_of_unequal_size_need_documents_where_they_are_few() -> None:
    large = [1.0] * 2000 + [0.0] * 300, [1.0] * 2000 + [0.0] * 300
    small = [1.0] * 80 + [0.0] * 20, [1.0] * 77 + [0.0] * 23
    found = paired.pooled([large, small])
    assert found.verdict == "undecided" and found.documents_needed is not None
    grown = round(found.documents_needed / found.n)
    again = paired.pooled([(a * grown, b * grown) for a, b in (large, small)])
    assert grown > 2 and again.verdict != "undecided"


NEEDED = [
    # differences of each task, margin
    ([[0.0] * 50], 0.01),
    ([[-1.0] * 3 + [1.0] * 2 + [0.0] * 95], 0.01),
    ([[-1.0] * 12 + [1.0] * 2 + [0.0] * 86], 0.01),
    ([[0.0] * 100, [-1.0] * 3 + [0.0] * 17], 0.02),
]


@pytest.mark.parametrize(("differences", "margin"), NEEDED)
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_documents_needed_solve_their_equation(
    differences: list[list[float]], margin: float, confidence: float
) -> None:
    from scipy.stats import norm

    arrays = [np.array(task) for task in differences]
    n = paired.needed(arrays, margin, confidence)
    z = norm.ppf((1 + confidence) / 2) + norm.ppf(0.9)
    mean = float(np.mean([task.mean() for task in arrays]))
    distance = max(abs(mean + margin), margin / 4)
    total = sum(task.size for task in arrays)

    def left(n: float) -> float:
        sizes = [task.size / total * n for task in arrays]
        spread = sum(t.var() / m + 1 / m**2 for t, m in zip(arrays, sizes, strict=True))
        return float((z / distance / len(arrays)) ** 2 * spread)

    assert left(n) <= 1 < left(n - 1)


def test_documents_needed_are_more_than_there_were() -> None:
    assert paired.needed([np.full(60, -0.5)], 0.01) == 61


def test_ratio_of_sums_is_weighted_and_covers() -> None:
    mean = paired.ratio_of_sums([2.0, 30.0, 4.0], [1, 10, 2])
    assert mean.value == pytest.approx(36 / 13)
    assert mean.low is not None and mean.high is not None
    assert 2.0 <= mean.low < mean.value < mean.high <= 3.0
    assert paired.ratio_of_sums([3.0], [2]) == (1.5, None, None)
    assert paired.ratio_of_sums([0.25, 0.25], [0.5, 0.25]).value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("values", "weights"), [([float("nan"), 1.0], [1, 1]), ([], []), ([1.0], [0]), ([1.0], [-1])]
)
def test_no_mean_is_made_of_nothing(values: list[float], weights: list[float]) -> None:
    with pytest.raises(ValueError, match="no mean can be made of"):
        paired.ratio_of_sums(values, weights)


def test_the_interval_of_a_mean_is_that_of_its_groups() -> None:
    """100 groups of one value each: about two standard errors to each side."""
    rng = random.Random(3)
    values = [rng.gauss(5, 1) for _ in range(100)]
    mean = paired.ratio_of_sums(values, [1.0] * 100)
    error = statistics.pstdev(values) / 10
    assert mean.low == pytest.approx(mean.value - 1.96 * error, abs=0.02)
    assert mean.high == pytest.approx(mean.value + 1.96 * error, abs=0.02)


def test_quantile_of_groups() -> None:
    median = paired.quantile_of_groups([list(range(100)), list(range(100, 200))], 0.5)
    assert median.value == pytest.approx(99.5)
    assert (median.low, median.high) == (pytest.approx(49.5), pytest.approx(149.5))
    assert paired.quantile_of_groups([[1.0, 2.0, 3.0]], 0.5) == (2.0, None, None)
    groups = [[float(n)] for n in range(200)]
    tail = paired.quantile_of_groups(groups, 0.9)
    assert tail.value == pytest.approx(179.1)
    assert tail.low is not None and tail.high is not None
    assert 168 < tail.low < 174 and 184 < tail.high < 190


def test_the_power_of_an_interval() -> None:
    assert paired.Interval(0.0, None, 1.0).exp() == (1.0, None, pytest.approx(2.718281828))


def test_a_score_that_is_no_number_is_refused() -> None:
    for broken in (float("nan"), float("inf")):
        for scores in ([[1.0, broken], [1.0, 1.0]], [[1.0, 1.0], [broken, 1.0]]):
            with pytest.raises(ValueError, match="a score is not a finite number"):
                paired.compare(*scores)
