"""Values to one figure: of repeats within a load, of loads, of documents, with its interval.

Repeats within a load share its memory layout and its minute, so they give a value and their spread,
no interval. Loads give one: of their logarithms, for times and rates vary by factors. The figure is
then the geometric mean and its interval never reaches below 0.

Reports compute with loads, so that takes scipy.special (0.20 s to import on top of numpy) and not
scipy.stats (0.64 s); tests/core/test_stats.py holds every interval against scipy.stats.
"""

import math
import statistics
from dataclasses import dataclass, replace
from typing import Literal

STABLE, NOISY = 0.03, 0.08
CONFIDENCE = 0.95
FURTHEST = 300.0  # of a logarithm: figures end at 1e100, floats at 1e308

Stability = Literal["stable", "noisy", "unstable"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure and the `values` it is made of.

    `cv` is their coefficient of variation, `stability` its label: of loads only.
    """

    value: float
    values: list[float]
    low: float | None = None
    high: float | None = None
    cv: float | None = None
    stability: Stability | None = None

    def within(self, low: float | None, high: float | None) -> "Estimate":
        """The same figure with an interval of its own."""
        return replace(self, low=low, high=high)


def estimate(values: list[float]) -> Estimate:
    """The median of repeats within one load, and how much they vary; no interval.

    Raises ValueError for no values or one that is not finite: a figure is absent or it is right.
    """
    _check(values)
    return Estimate(value=statistics.median(values), values=values, cv=_cv(values))


def over_loads(values: list[float]) -> Estimate:
    """The geometric mean of one value a load, with the 95 % interval of the mean logarithm.

    Values that are not all above 0, such as a share that may be nothing, give their mean and no
    interval. Raises ValueError as `estimate` does.
    """
    _check(values)
    if len(values) == 1:
        return Estimate(value=values[0], values=values)
    cv = _cv(values)
    label = None if cv is None else _label(abs(cv))
    if min(values) == max(values):  # as counts are: exact, which logarithms would not keep
        same = values[0]
        return Estimate(value=same, values=values, low=same, high=same, cv=cv, stability=label)
    if min(values) <= 0:
        mean = statistics.fmean(values)
        return Estimate(value=mean, values=values, cv=cv, stability=label)
    logs = [math.log(value) for value in values]
    centre = statistics.fmean(logs)
    half = _t(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Estimate(
        value=exp(centre),
        values=values,
        low=exp(centre - half),
        high=exp(centre + half),
        cv=cv,
        stability=label,
    )


def exp(logarithm: float) -> float:
    """e to the power of the logarithm of a figure or of an end of its interval.

    Intervals of few loads may reach further than floats do: they end at 1e130 and 1e-130.
    """
    return math.exp(max(-FURTHEST, min(logarithm, FURTHEST)))


def _check(values: list[float]) -> None:
    if not values or not all(map(math.isfinite, values)):
        raise ValueError(f"no figure can be made of {values}")


def _cv(values: list[float]) -> float | None:
    mean = statistics.fmean(values)
    return statistics.stdev(values) / mean if len(values) > 1 and mean else None


def mean_of(scores: list[float]) -> Estimate:
    """The mean of scores of documents, with its 95 % interval: Wilson's where all are 0 or 1.

    `values` holds the mean alone, as that of one repeat. Raises ValueError as `estimate` does.
    """
    single = estimate([statistics.fmean(scores)] if scores else [])
    if len(scores) < 2:
        return single
    n, mean = len(scores), single.value
    if set(scores) <= {0.0, 1.0}:
        return single.within(*wilson(mean, n))
    half = _t(n - 1) * statistics.stdev(scores) / math.sqrt(n)
    return single.within(mean - half, mean + half)


def wilson(mean: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval (1927) of a share, or of a mean of `n` scores between 0 and 1."""
    from scipy.special import ndtri

    z = float(ndtri((1 + CONFIDENCE) / 2))
    centre = (mean + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(mean * (1 - mean) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


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
    """One checkpoint's figure over another's, with a 95 % interval where loads give one."""

    value: float
    low: float | None
    high: float | None

    @property
    def separated(self) -> bool:
        """Whether the interval excludes 1: only then is one faster (or smaller) than the other."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high
