"""Repeats to one figure: median, Student-t interval, coefficient of variation and its label.

Reports call `ratio`, so it takes scipy.special (0.20 s to import beside numpy) and not scipy.stats
(0.64 s); tests/core/test_stats.py holds every interval against scipy.stats.
"""

import math
import statistics
from dataclasses import dataclass, replace
from typing import Literal

STABLE, NOISY = 0.03, 0.08
CONFIDENCE = 0.95

Stability = Literal["stable", "noisy", "unstable"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure and the `values` of its repeats. One repeat gives no interval and no label."""

    value: float
    values: list[float]
    low: float | None
    high: float | None
    cv: float | None
    stability: Stability | None

    def within(self, low: float | None, high: float | None) -> "Estimate":
        """The same figure with an interval of its own."""
        return replace(self, low=low, high=high)


def estimate(values: list[float]) -> Estimate:
    """Median of `values`, with the 95 % Student-t interval of their mean.

    Raises ValueError for no values or one that is not finite: a figure is absent or it is right.
    """
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f"no figure can be made of {values}")
    middle = statistics.median(values)
    if len(values) == 1:
        return Estimate(value=middle, values=values, low=None, high=None, cv=None, stability=None)
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    half = _t(len(values) - 1) * spread / math.sqrt(len(values))
    cv = spread / mean if mean else None
    label = None if cv is None else _label(abs(cv))
    return Estimate(
        value=middle, values=values, low=mean - half, high=mean + half, cv=cv, stability=label
    )


def mean_of(scores: list[float]) -> Estimate:
    """The mean of scores of documents, with its 95 % interval: Wilson's where all are 0 or 1.

    `values` holds the mean alone, as that of one repeat. Raises ValueError as `estimate` does.
    """
    single = estimate([statistics.fmean(scores)] if scores else [])
    if len(scores) < 2:
        return single
    n, mean = len(scores), single.value
    if set(scores) <= {0.0, 1.0}:
        return single.within(*_wilson(int(sum(scores)), n))
    half = _t(n - 1) * statistics.stdev(scores) / math.sqrt(n)
    return single.within(mean - half, mean + half)


def _wilson(right: int, n: int) -> tuple[float, float]:
    """Wilson's score interval of a share (1927)."""
    from scipy.stats import binomtest  # only measures call this, after imports of many seconds

    interval = binomtest(right, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def _t(degrees: float) -> float:
    """How many standard errors the two-sided interval reaches to each side."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def _label(cv: float) -> Stability:
    if cv <= STABLE:
        return "stable"
    return "noisy" if cv <= NOISY else "unstable"


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One checkpoint's figure over another's, with a 95 % interval when both have repeats."""

    value: float
    low: float | None
    high: float | None

    @property
    def separated(self) -> bool:
        """Whether the interval excludes 1: only then is one faster (or smaller) than the other."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high


def ratio(values: list[float], base: list[float]) -> Ratio:
    """Geometric mean of `values` over that of `base`, Welch's interval on the logarithms."""
    logs, base_logs = [math.log(v) for v in values], [math.log(v) for v in base]
    centre = statistics.fmean(logs) - statistics.fmean(base_logs)
    if len(logs) < 2 or len(base_logs) < 2:
        return Ratio(value=math.exp(centre), low=None, high=None)
    a = statistics.variance(logs) / len(logs)
    b = statistics.variance(base_logs) / len(base_logs)
    if a + b == 0:
        return Ratio(value=math.exp(centre), low=math.exp(centre), high=math.exp(centre))
    degrees = (a + b) ** 2 / (a**2 / (len(logs) - 1) + b**2 / (len(base_logs) - 1))
    half = _t(degrees) * math.sqrt(a + b)
    return Ratio(value=math.exp(centre), low=math.exp(centre - half), high=math.exp(centre + half))
