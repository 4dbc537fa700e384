"""How many documents would decide a verdict that is open, and how certain each look must be.

Every verdict on more documents is another chance to pass by luck. The first look spends half of the
error allowed, each further one half of what is left, so that all of them together stay below it:
alpha spending (Lan and DeMets, Discrete sequential boundaries for clinical trials, 1983), summed by
Bonferroni's inequality.
"""

import math
from collections.abc import Sequence

from core.stats import CONFIDENCE
from quality.paired import Comparison

ERROR = 1 - CONFIDENCE  # how often a verdict may be wrong, over all looks
POWER = 0.9  # how likely the documents asked for decide
NEAR = 0.25  # of the margin: a loss so near to it is hardly decided by more documents
MOST = 1e9  # times the documents


def level(look: int) -> float:
    """The one-sided error of a look, the first being 1: 2.5 %, 1.25 %, 0.625 %, ..."""
    return ERROR / 2.0**look


def confidence(look: int) -> float:
    """The two-sided confidence of a look: 95 %, 97.5 %, 98.75 %, ..."""
    return 1 - 2 * level(look)


def hardly(difference: float, margin: float) -> bool:
    """Whether the loss seen is about the margin, so that more documents will hardly decide."""
    return abs(difference + margin) < NEAR * margin


def growth(
    tasks: Sequence[Comparison], available: Sequence[int | None], margin: float, error: float
) -> float:
    """By what factor the documents must grow to decide with 90 % power, were all as seen.

    A score interval's half-width (Wilson's form: few flips are skewed) and what luck may take must
    be less than the distance seen from the margin.

    `available` are the documents there are of each task (None: unknown), `error` is one-sided.
    Infinite where all documents there are would not do.
    """
    from scipy.special import ndtri

    distance = abs(sum(task.difference for task in tasks) / len(tasks) + margin)
    z, power = float(ndtri(1 - error)), float(ndtri(POWER))

    def reach(factor: float) -> float:
        """How far from the margin a loss must be seen to be decided."""
        sizes = [
            factor * task.n if most is None else min(factor * task.n, max(most, task.n))
            for task, most in zip(tasks, available, strict=True)
        ]
        variance = sum(t.deviation**2 / n for t, n in zip(tasks, sizes, strict=True))
        unit, variance = 1 / (len(tasks) * min(sizes)), variance / len(tasks) ** 2
        half = z * math.sqrt(variance + (z * unit / 2) ** 2)
        luck = power * math.sqrt(variance) + (power**2 * unit / 2 if variance else 0.0)
        return z**2 * unit / 2 + half + luck

    if reach(MOST) >= distance:
        return math.inf
    low, high = 1.0, MOST
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if reach(middle) >= distance else (low, middle)
    return high
