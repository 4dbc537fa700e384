"""Figures of repeats, loads and documents, against values worked out by hand or by scipy.stats."""

import math
import statistics

import pytest

from core import stats


def test_repeats_of_one_load_give_their_median_and_no_interval() -> None:
    figure = stats.estimate([10.0, 11.0, 15.0])
    assert figure.value == 11.0 and figure.cv == pytest.approx(2.645751311 / 12)
    assert (figure.low, figure.high, figure.stability) == (None, None, None)


def test_loads_give_their_geometric_mean_and_the_interval_of_their_logarithms() -> None:
    figure = stats.over_loads([10.0, 11.0, 15.0])
    logs = [math.log(10), math.log(11), math.log(15)]
    half = 4.302652729 * statistics.stdev(logs) / math.sqrt(3)  # t(0.975, 2) * s / sqrt(n)
    centre = statistics.fmean(logs)
    assert figure.value == pytest.approx(1650 ** (1 / 3))
    assert (figure.low, figure.high) == pytest.approx(
        (math.exp(centre - half), math.exp(centre + half))
    )


def test_what_is_the_same_on_every_load_stays_exact() -> None:
    figure = stats.over_loads([float(1 << 30)] * 3)
    assert (figure.value, figure.low, figure.high) == (1 << 30, 1 << 30, 1 << 30)


def test_an_interval_of_loads_never_reaches_below_nothing() -> None:
    figure = stats.over_loads([1.0, 9.0])
    assert figure.low is not None and 0 < figure.low < 1e-3


@pytest.mark.parametrize("values", [[0.0, 1.0, 1.0], [-1.0, 2.0, 3.0]])
def test_what_is_not_above_nothing_has_a_mean_and_no_interval(values: list[float]) -> None:
    figure = stats.over_loads(values)
    assert figure.value == pytest.approx(statistics.fmean(values))
    assert (figure.low, figure.high) == (None, None)


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ([100.0, 101.0, 99.0], "stable"),
        ([100.0, 105.0, 95.0], "noisy"),
        ([100.0, 150.0, 50.0], "unstable"),
        ([100.0], None),
    ],
)
def test_labels_are_of_loads_alone(values: list[float], label: str | None) -> None:
    assert stats.over_loads(values).stability == label
    assert stats.estimate(values).stability is None


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_no_figure_is_made_of_nothing(values: list[float]) -> None:
    for figure_of in (stats.estimate, stats.over_loads):
        with pytest.raises(ValueError, match="no figure can be made of"):
            figure_of(values)


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

    mean = stats.mean_of(values)
    wanted = tuple(ttest_1samp(values, 0).confidence_interval(0.95))
    assert (mean.low, mean.high) == pytest.approx(wanted)
    assert mean.value == pytest.approx(statistics.fmean(values))
    if min(values) > 0:
        loads = stats.over_loads(values)
        logs = [math.log(value) for value in values]
        low, high = ttest_1samp(logs, 0).confidence_interval(0.95)
        assert (loads.low, loads.high) == pytest.approx((math.exp(low), math.exp(high)))


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
    figure = stats.over_loads(values)
    assert figure.cv == (None if cv is None else pytest.approx(cv)) and figure.stability == label


def test_an_interval_of_ones_own_leaves_the_figure_alone() -> None:
    figure = stats.estimate([1.0, 2.0, 3.0]).within(0.5, 9.0)
    assert (figure.value, figure.low, figure.high) == (2.0, 0.5, 9.0)


def test_intervals_of_absurd_loads_have_ends() -> None:
    wide = stats.over_loads([1e-100, 1e100])
    assert wide.low is not None and wide.high is not None
    assert 0 < wide.low < wide.value < wide.high < math.inf
