"""Speed by rounds: ratios of a randomised block design, against scipy and worked examples."""

import math

import numpy as np
import pytest

from reporting.deciding import blocks
from reporting.deciding.blocks import Blocks, Values


def drawn(seed: int, rounds: int, noise: float, drift: float = 0.0, **faster: float) -> Values:
    """Six schemes and a base; `faster` schemes have another rate."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, drift, rounds)
    schemes = ["BASE", "A", "B", "C", "D", "E", "F"]
    return {
        scheme: {
            r + 1: faster.get(scheme, 1.0) * math.exp(shared[r] + rng.normal(0, noise))
            for r in range(rounds)
        }
        for scheme in schemes
    }


def test_two_schemes_are_a_paired_t_test() -> None:
    from scipy.stats import ttest_rel

    values = {"BASE": {1: 100.0, 2: 120.0, 3: 90.0}, "A": {1: 115.0, 2: 131.0, 3: 105.0}}
    own, base = ([math.log(v) for v in values[s].values()] for s in ("A", "BASE"))
    low, high = ttest_rel(own, base).confidence_interval(0.95)
    ratio = Blocks(values, "higher").ratio("A", "BASE")
    assert ratio is not None
    assert ratio.value == pytest.approx((115 * 131 * 105 / (100 * 120 * 90)) ** (1 / 3))
    assert (ratio.low, ratio.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_less_is_better_turns_the_ratio_round() -> None:
    values = {"BASE": {1: 2.0, 2: 2.2}, "A": {1: 1.0, 2: 1.15}}
    slower, faster = (Blocks(values, better).ratio("A", "BASE") for better in ("higher", "lower"))
    assert slower is not None and faster is not None and slower.high is not None
    assert faster.value == pytest.approx(1 / slower.value)
    assert faster.low == pytest.approx(1 / slower.high)


@pytest.mark.parametrize(("others", "rounds"), [(2, 3), (6, 3), (6, 8)])
def test_the_quantile_is_dunnetts(others: int, rounds: int) -> None:
    """scipy's own test of a one-way layout with as many degrees of freedom as the blocks leave."""
    from scipy.stats import dunnett, norm

    degrees = others * (rounds - 1)
    correlation = tuple(tuple(1.0 if i == j else 0.5 for j in range(others)) for i in range(others))
    half = blocks._quantile(correlation, degrees, 0.95)
    # in a layout of n values a group, df = (others + 1) * (n - 1): compare where both agree
    n = degrees // (others + 1) + 1
    if (n - 1) * (others + 1) == degrees:
        samples = [norm.ppf((np.arange(n) + 0.5) / n) for _ in range(others + 1)]
        interval = dunnett(*samples[1:], control=samples[0], random_state=0).confidence_interval(
            0.95
        )
        error = math.sqrt(2 * np.var(samples[0], ddof=1) / n)
        assert half == pytest.approx(float(interval.high[0]) / error, rel=5e-3)
    table = {(2, 4): 3.31, (6, 12): 2.98, (6, 42): 2.675}
    assert half == pytest.approx(table[others, degrees], abs=0.02)


def test_a_drift_that_all_share_does_not_hide_a_difference() -> None:
    """Rounds 30 % apart, schemes 10 %: as far apart as without the drift."""
    for drift in (0.0, 0.3):
        ratio = Blocks(drawn(1, 5, 0.01, drift, A=1.1), "higher").ratio("A", "BASE")
        assert ratio is not None and ratio.separated
        assert ratio.low is not None and ratio.high is not None
        assert ratio.high / ratio.low == pytest.approx(1.036, abs=0.01)


def test_one_load_each_has_no_interval() -> None:
    ratio = Blocks({"BASE": {1: 100.0}, "A": {1: 200.0}}, "higher").ratio("A", "BASE")
    assert ratio is not None and ratio.value == pytest.approx(2.0)
    assert (ratio.low, ratio.high, ratio.separated) == (None, None, False)


def test_schemes_that_no_rounds_link_are_not_compared() -> None:
    values = {
        "BASE": {1: 100.0, 2: 101.0},
        "A": {1: 110.0, 2: 112.0},
        "B": {3: 200.0, 4: 201.0},
        "C": {3: 210.0, 4: 208.0},
    }
    compared = Blocks(values, "higher")
    assert compared.ratio("B", "BASE") is None and compared.ratio("C", "A") is None
    linked, apart = compared.ratio("A", "BASE"), compared.ratio("C", "B")
    assert linked is not None and linked.low is not None
    assert apart is not None and apart.low is not None


def test_a_scheme_that_was_left_out_of_later_rounds_is_still_compared() -> None:
    values = drawn(2, 6, 0.02, 0.2)
    values["F"] = {r: v for r, v in values["F"].items() if r <= 3}
    fewer, all_ = Blocks(values, "higher"), Blocks(drawn(2, 6, 0.02, 0.2), "higher")
    short, long = fewer.ratio("F", "BASE"), all_.ratio("F", "BASE")
    assert short is not None and long is not None
    assert short.low is not None and short.high is not None
    assert long.low is not None and long.high is not None
    assert short.high / short.low > long.high / long.low
    assert short.value == pytest.approx(1.0, abs=0.05)


def test_more_looks_want_more_evidence() -> None:
    values = drawn(3, 4, 0.03)
    single, several = (Blocks(values, "higher", looks).ratio("A", "BASE") for looks in (1, 8))
    assert single is not None and several is not None
    assert single.value == several.value
    assert single.low is not None and several.low is not None and several.low < single.low


@pytest.mark.parametrize(
    ("scheme", "other"), [("A", "none"), ("none", "A"), ("A", "A"), ("Z", "A")]
)
def test_what_has_no_ratio(scheme: str, other: str) -> None:
    values = {"A": {1: 1.0, 2: 1.1}, "B": {1: 1.0, 2: 1.2}, "Z": {1: 0.0, 2: 1.0}}
    assert Blocks(values, "higher").ratio(scheme, other) is None


def test_identical_schemes_are_rarely_called_different() -> None:
    """Any of six: 5 % of runs, in 300 runs at most 8 %."""
    false = 0
    for seed in range(300):
        compared = Blocks(drawn(seed, 3, 0.05, 0.1), "higher")
        ratios = [compared.ratio(scheme, "BASE") for scheme in "ABCDEF"]
        false += any(ratio is not None and ratio.separated for ratio in ratios)
    assert 0.02 * 300 <= false <= 0.08 * 300
