"""Figures from repeats, against values worked out by hand or by scipy's own tests."""

import math

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


def test_the_mean_of_right_and_wrong_has_wilsons_interval() -> None:
    from scipy.stats import binomtest

    for right, n in ((0, 20), (13, 20), (250, 250)):
        found = stats.mean_of([1.0] * right + [0.0] * (n - right))
        theirs = binomtest(right, n).proportion_ci(0.95, method="wilson")
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    spread = stats.mean_of([0.1, 0.5, 0.9])
    assert spread.value == pytest.approx(0.5) and spread.low == pytest.approx(
        0.5 - 0.9937, abs=1e-3
    )
    assert stats.mean_of([0.5]).low is None
