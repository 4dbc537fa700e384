"""Paired statistics: worked values, and by simulation how rarely an alarm is false."""

import random
import statistics

import numpy as np
import pytest

from quality import paired, significance


def test_the_base_against_itself_passes() -> None:
    scores = [float(n % 3 == 0) for n in range(300)]
    found = paired.compare(scores, scores)
    assert (found.verdict, found.difference, found.recovery) == ("undecided", 0.0, 100.0)
    assert paired.compare(scores * 2, scores * 2).verdict == "pass"  # 367 prove it, see below
    assert (found.worse, found.better, found.p_value) == (0, 0, 1)


def test_a_collapse_fails() -> None:
    collapsed = paired.compare([1.0] * 150 + [0.0] * 150, [0.0] * 300)
    assert collapsed.verdict == "fail" and (collapsed.p_value < 0.05)
    assert (collapsed.worse, collapsed.better, collapsed.n) == (150, 0, 300)
    assert (collapsed.base, collapsed.compressed, collapsed.difference) == (0.5, 0.0, -0.5)
    assert collapsed.recovery == 0.0 and collapsed.margin == paired.MARGIN
    assert collapsed.recovery_low is not None and collapsed.recovery_high is not None
    assert 0 == collapsed.recovery_low < collapsed.recovery_high < 3


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


@pytest.mark.parametrize(("base", "other"), [([], []), ([1.0], [1.0, 0.0]), ([1.0, 0.0], [])])
def test_documents_that_cannot_be_paired(base: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        paired.compare(base, other)


def test_a_base_that_scored_nothing_has_no_recovery() -> None:
    assert paired.compare([0.0] * 50, [0.0] * 49 + [1.0]).recovery is None


def flipped(lost: int, found: int, n: int) -> tuple[list[float], list[float]]:
    """Scores of `n` documents of which so many were lost and found."""
    base = [1.0] * lost + [0.0] * found + [1.0] * (n - lost - found)
    return base, [0.0] * lost + [1.0] * found + [1.0] * (n - lost - found)


def test_the_ends_are_those_of_dirichlet_weights_with_one_document_more() -> None:
    """80 of 400 lost, 20 found: means and deviations by formula, an end for each side."""
    flips = paired.compare(*flipped(80, 20, 400), margin=0.1)

    def end(lost: int, gained: int, side: float) -> float:
        mean = (gained - lost) / 401
        deviation = (((lost + gained) / 401 - mean**2) / 402) ** 0.5
        return mean + side * 1.96 * deviation

    assert flips.low == pytest.approx(end(81, 20, -1), abs=0.0015)
    assert flips.high == pytest.approx(end(80, 21, 1), abs=0.0015)
    assert flips.difference == pytest.approx(-0.15) and (flips.worse, flips.better) == (80, 20)
    assert flips.deviation == pytest.approx((100 / 400 - 0.15**2) ** 0.5)
    assert flips.recovery == pytest.approx(100 * 320 / 380)
    assert flips.p_value == significance.mcnemar(80, 20)


@pytest.mark.parametrize(("lost", "n"), [(0, 50), (1, 100), (5, 250), (30, 600)])
def test_where_documents_are_only_lost_the_lower_end_is_the_exact_one(lost: int, n: int) -> None:
    """Clopper and Pearson's, and its p-value; the upper end where they are only found."""
    from scipy.stats import beta, binomtest

    worse, better = (paired.compare(*flipped(*both, n)) for both in ((lost, 0), (0, lost)))
    exact = binomtest(lost, n).proportion_ci(0.95, method="exact").high
    assert worse.low == pytest.approx(-exact, rel=0.03)
    assert better.high == pytest.approx(exact, rel=0.03)
    assert worse.p_pass == pytest.approx(beta(lost + 1, n - lost).sf(0.01), abs=0.01)


def test_the_ends_of_the_recovery_are_of_the_same_draws() -> None:
    """Of the documents the base has right a share is lost: Clopper and Pearson's bound again."""
    from scipy.stats import beta

    flips = paired.compare([1.0] * 250, [1.0] * 245 + [0.0] * 5)
    assert flips.recovery_low == pytest.approx(100 * (1 + flips.low))
    half = paired.compare([1.0] * 100 + [0.0] * 100, [1.0] * 90 + [0.0] * 110)
    assert half.recovery == pytest.approx(90)
    assert half.recovery_low == pytest.approx(100 * (1 - beta(11, 90).ppf(0.975)), abs=0.2)
    assert half.recovery_high == pytest.approx(96.59, abs=0.2)  # two million draws


def test_the_document_more_is_one_of_the_smallest_task() -> None:
    """It weighs most there: no flip among 50, and among 1000 of three others."""
    tasks = [flipped(0, 0, n) for n in (1000, 50, 1000, 1000)]
    none = 1 - 0.025 ** (1 / 50)  # Clopper and Pearson's of 0 among 50
    found = paired.pooled(tasks)
    assert found.low == pytest.approx(-none / 4, rel=0.03)
    assert found.high == pytest.approx(none / 4, rel=0.03)
    assert found.n == 3050 and found.verdict == "undecided"


@pytest.mark.parametrize(
    ("p_pass", "p_fail", "verdict"),
    [
        (0.0249, 0.9, "pass"),
        (0.025, 0.9, "undecided"),
        (0.9, 0.0249, "fail"),
        (0.9, 0.025, "undecided"),
        (0.5, 0.5, "undecided"),
    ],
)
def test_verdicts_at_their_level(p_pass: float, p_fail: float, verdict: str) -> None:
    assert paired._verdict(p_pass, p_fail, 0.025) == verdict


def test_p_values_are_shares_of_the_draws_and_never_0() -> None:
    collapsed = paired.compare([1.0] * 300, [0.0] * 300)
    assert (collapsed.p_pass, collapsed.p_fail) == (1.0, pytest.approx(1 / 20_001))
    same = paired.compare([1.0] * 300, [1.0] * 300)
    assert same.p_fail == 1.0 and same.p_pass == pytest.approx(0.99**300, abs=0.004)
    at_margin = paired.compare(*flipped(3, 0, 300))
    assert at_margin.p_pass > 0.5 and at_margin.p_fail > 0.5


@pytest.mark.parametrize(("n", "verdict"), [(360, "undecided"), (375, "pass")])
def test_no_flip_proves_a_point_from_367_documents_on(n: int, verdict: str) -> None:
    """0.99^367 is 2.5 %."""
    assert paired.compare([1.0] * n, [1.0] * n).verdict == verdict


def test_scores_that_are_no_share_are_refused() -> None:
    for scores in ([1.0, 1.01], [-0.01, 1.0]):
        with pytest.raises(ValueError, match="not between 0 and 1"):
            paired.compare(scores, [1.0, 1.0])
        with pytest.raises(ValueError, match="not between 0 and 1"):
            paired.compare([1.0, 1.0], scores)


def test_many_scores_are_drawn_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(4)
    base = [rng.random() for _ in range(300)]
    whole = paired.compare(base, [s * 0.99 for s in base])
    monkeypatch.setattr(paired, "BLOCK", 70_000)
    assert sum(paired._blocks(301)) == paired.DRAWS and max(paired._blocks(301)) == 232
    blocks = paired.compare(base, [s * 0.99 for s in base])
    assert blocks.low == pytest.approx(whole.low, rel=1e-9)


def test_false_passes_are_rare_where_all_flips_are_losses() -> None:
    """250 documents of which 1 % are lost in truth: the bootstrap alone passed 8 %."""
    from scipy.stats import binom

    passes = [k for k in range(20) if paired.compare(*flipped(k, 0, 1000)).verdict == "pass"]
    assert passes == [0, 1, 2, 3]
    assert binom(1000, 0.01).cdf(3) < 0.025


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


def test_a_stricter_confidence_only_widens_the_verdict() -> None:
    base = [1.0] * 600 + [0.0] * 400
    other = [1.0] * 560 + [0.0] * 440
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
    same = paired.compare(base, [min(1.0, max(0.0, s + rng.gauss(0, 0.001))) for s in base])
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
