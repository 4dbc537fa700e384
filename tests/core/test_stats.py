"""Figures from repeats, against values worked out by hand or by scipy.stats."""

import math
import statistics

import pytest

from core import stats


def test_median_and_interval() -> None:
    figure = stats.estimate([10.0, 11.0, 15.0])
    assert figure.value == 11.0
    half = 4.302652729 * 2.645751311 / math.sqrt(3)  # t(0.975, 2) * s / sqrt(n)
    assert figure.low == pytest.approx(12 - half)
    assert figure.high == pytest.approx(12 + half)


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ([100.0, 101.0, 99.0], "stable"),
        ([100.0, 105.0, 95.0], "noisy"),
        ([100.0, 150.0, 50.0], "unstable"),
        ([100.0], None),
    ],
)
def test_labels(values: list[float], label: str | None) -> None:
    assert stats.estimate(values).stability == label


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_no_figure_is_made_of_nothing(values: list[float]) -> None:
    with pytest.raises(ValueError):
        stats.estimate(values)


@pytest.mark.parametrize(
    ("mine", "base", "separated"),
    [
        ([200.0, 201.0, 199.0], [100.0, 101.0, 99.0], True),
        ([100.0, 101.0, 99.0], [100.0, 100.5, 99.5], False),
        ([110.0, 150.0, 70.0], [100.0, 101.0, 99.0], False),
        ([200.0], [100.0], False),
    ],
)
def test_faster_only_when_the_interval_excludes_one(mine, base, separated: bool) -> None:
    ratio = stats.ratio(mine, base)
    assert ratio.separated is separated


def test_ratio_is_of_geometric_means() -> None:
    assert stats.ratio([2.0, 8.0], [1.0, 1.0]).value == pytest.approx(4.0)


def test_a_against_a_is_no_difference() -> None:
    import random

    rng = random.Random(0)
    alarms = 0
    for _ in range(500):
        a = [rng.gauss(100, 3) for _ in range(5)]
        b = [rng.gauss(100, 3) for _ in range(5)]
        alarms += stats.ratio(a, b).separated
    assert alarms <= 0.075 * 500


@pytest.mark.parametrize(("right", "n"), [(0, 20), (13, 20), (1, 2), (250, 250), (901, 1319)])
def test_the_mean_of_right_and_wrong_has_wilsons_interval(right: int, n: int) -> None:
    """Worked as Wilson wrote it: the shares p with |p - right/n| = z * sqrt(p * (1 - p) / n)."""
    figure = stats.mean_of([1.0] * right + [0.0] * (n - right))
    assert figure.value == right / n and figure.values == [right / n]
    assert figure.low is not None and figure.high is not None
    for bound, certain in ((figure.low, right == 0), (figure.high, right == n)):
        distance = abs(bound - right / n)
        error = 1.959963984540054 * math.sqrt(bound * (1 - bound) / n)
        assert distance == pytest.approx(0 if certain else error, abs=1e-9)


SAMPLES = [
    [0.1, 0.5, 0.9],
    [0.3, 0.3001],
    [0.0, 0.5, 1.0, 0.25, 0.75],
    [100.0, 101.0, 99.0, 104.0],
]


@pytest.mark.parametrize("values", SAMPLES)
def test_intervals_of_means_are_scipys(values: list[float]) -> None:
    from scipy.stats import ttest_1samp

    wanted = pytest.approx(tuple(ttest_1samp(values, 0).confidence_interval(0.95)))
    mean, middle = stats.mean_of(values), stats.estimate(values)
    assert (mean.low, mean.high) == wanted and (middle.low, middle.high) == wanted
    assert mean.value == pytest.approx(statistics.fmean(values))
    assert middle.value == statistics.median(values) and middle.values == values


@pytest.mark.parametrize(
    ("values", "base"),
    [
        ([200.0, 201.0, 199.0], [100.0, 101.0, 99.0]),
        ([2.0, 8.0], [1.0, 1.5]),
        ([2.0, 8.0], [1.0, 1.5, 1.1, 0.9, 1.3]),
        ([3.0, 3.01, 3.0], [1.0, 1.1]),
        ([1.0, 1.1], [3.0, 3.01, 3.0]),
    ],
)
def test_intervals_of_ratios_are_scipys_welch(values: list[float], base: list[float]) -> None:
    from scipy.stats import ttest_ind

    logs, base_logs = ([math.log(v) for v in sample] for sample in (values, base))
    low, high = ttest_ind(logs, base_logs, equal_var=False).confidence_interval(0.95)
    ratio = stats.ratio(values, base)
    wanted = (statistics.geometric_mean(values) / statistics.geometric_mean(base),)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx(
        (*wanted, math.exp(low), math.exp(high))
    )


@pytest.mark.parametrize(
    ("values", "base", "interval"),
    [
        ([6.0], [2.0], None),
        ([6.0, 6.1], [2.0], None),
        ([6.0], [2.0, 2.1], None),
        ([6.0, 6.0], [2.0, 2.0], 3.0),  # no spread at all
    ],
)
def test_ratios_without_spread_or_repeats(
    values: list[float], base: list[float], interval: float | None
) -> None:
    ratio = stats.ratio(values, base)
    assert ratio.value == pytest.approx(3.0, rel=0.03)
    wanted = None if interval is None else pytest.approx(interval)
    assert ratio.low == wanted and ratio.high == wanted


@pytest.mark.parametrize(
    ("low", "high", "separated"),
    [
        (1.01, 1.2, True),
        (0.8, 0.99, True),
        (0.9, 1.1, False),
        (1.0, 1.1, False),  # 1 itself is in the interval
        (0.9, 1.0, False),
        (None, None, False),
    ],
)
def test_separated(low: float | None, high: float | None, separated: bool) -> None:
    assert stats.Ratio(value=1.0, low=low, high=high).separated is separated


@pytest.mark.parametrize("scores", [[], [float("nan"), 1.0], [float("inf")]])
def test_no_mean_is_made_of_nothing(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="no figure can be made of"):
        stats.mean_of(scores)


def test_one_score_has_no_interval() -> None:
    single = stats.mean_of([0.5])
    assert (single.value, single.low, single.high, single.cv) == (0.5, None, None, None)


@pytest.mark.parametrize(
    ("cv", "label"),
    [(0.0, "stable"), (0.03, "stable"), (0.031, "noisy"), (0.08, "noisy"), (0.081, "unstable")],
)
def test_labels_at_their_bounds(cv: float, label: str) -> None:
    assert stats._label(cv) == label


@pytest.mark.parametrize(
    ("values", "cv", "label"),
    [
        ([99.0, 100.0, 101.0], 0.01, "stable"),
        ([-99.0, -100.0, -101.0], -0.01, "stable"),  # as far apart as without the sign
        ([-50.0, -150.0], -math.sqrt(2) / 2, "unstable"),
        ([-1.0, 0.0, 1.0], None, None),  # a share of nothing
    ],
)
def test_the_coefficient_of_variation(
    values: list[float], cv: float | None, label: str | None
) -> None:
    figure = stats.estimate(values)
    assert figure.cv == (None if cv is None else pytest.approx(cv)) and figure.stability == label
    assert figure.low is not None


def test_an_interval_of_ones_own_leaves_the_figure_alone() -> None:
    figure = stats.estimate([1.0, 2.0, 3.0]).within(0.5, 9.0)
    assert (figure.value, figure.low, figure.high) == (2.0, 0.5, 9.0)
