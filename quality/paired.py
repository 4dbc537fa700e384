"""Paired comparison of two checkpoints on the same documents: is the loss real, and is it too much?

Every document is scored under both, so the variance between documents cancels: on the same 220
documents an unpaired z-test gave p = 0.080 where the paired test gave 0.008. McNemar's test (exact
below 25 discordant documents) says whether there is a difference; the interval of the mean
difference against a margin gives the verdict.

Intervals come from the paired Bayesian bootstrap: documents are reweighted at random, both scores
of a document together. Scores of 0 and 1 begin with half a document of each outcome (Jeffreys), so
that no flip among 50 documents is not taken for proof that there is none.

Source: Rubin, The Bayesian bootstrap, 1981.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from core.stats import CONFIDENCE
from quality.significance import RESAMPLES, mcnemar, sign_flips
from quality.significance import holm as holm

POWER = 0.9
FEWEST = 10  # documents of a task that say anything at all
MARGIN = 0.01  # one point of a score between 0 and 1

Verdict = Literal["pass", "fail", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How a checkpoint compares with its base. Differences are compressed - base, in scores (0..1).

    `worse` and `better` count documents whose score fell or rose (flips). `p_value` is McNemar's
    for scores of 0 and 1, a sign-flip permutation test's for others. `recovery` is the ratio of
    means in percent, None when the base scored nothing. `documents_needed` is set when undecided.
    """

    n: int
    base: float
    compressed: float
    difference: float
    low: float
    high: float
    recovery: float | None
    recovery_low: float | None
    recovery_high: float | None
    worse: int
    better: int
    p_value: float
    margin: float
    verdict: Verdict
    documents_needed: int | None


class Interval(NamedTuple):
    """A value and its 95 % interval, None where there is one group only."""

    value: float
    low: float | None
    high: float | None

    def exp(self) -> "Interval":
        """e to the power of each."""
        return Interval(*(None if part is None else math.exp(part) for part in self))  # type: ignore[arg-type]


def compare(
    base: Sequence[float],
    compressed: Sequence[float],
    margin: float = MARGIN,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Compare per-document scores, in the same order. Raises ValueError for unequal lengths.

    Verdict: `pass` when the interval lies above -margin, `fail` when it lies below, else
    `undecided`. A `confidence` above 0.95 widens the verdict's interval (corrections for several
    tasks); `low` and `high` stay those of 95 %.
    """
    return pooled([(base, compressed)], margin, seed, confidence)


def pooled(
    tasks: Sequence[tuple[Sequence[float], Sequence[float]]],
    margin: float = MARGIN,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Compare the mean over tasks, each of which counts the same however many documents it has.

    `tasks` are pairs of base and compressed scores per document.
    """
    import numpy as np

    pairs = [(np.asarray(a, float), np.asarray(b, float)) for a, b in tasks]
    for a, b in pairs:
        if a.shape != b.shape or a.size == 0:
            raise ValueError(f"{a.size} and {b.size} documents cannot be paired")
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise ValueError("a score is not a finite number")
    drawn = np.mean([_draws(a, b, seed + n) for n, (a, b) in enumerate(pairs)], axis=0)
    means = np.mean([[a.mean(), b.mean()] for a, b in pairs], axis=0)
    differences = [b - a for a, b in pairs]
    difference = np.concatenate(differences)
    worse, better = int((difference < 0).sum()), int((difference > 0).sum())
    binary = all(_binary(a, b) for a, b in pairs)
    low, high = _tails(drawn[:, 1] - drawn[:, 0], CONFIDENCE)
    verdict = _verdict(*_tails(drawn[:, 1] - drawn[:, 0], confidence), margin)
    if min(a.size for a, _ in pairs) < FEWEST:
        verdict = "undecided"
    known = means[0] > 0 and (drawn[:, 0] > 0).all()
    recovered = _tails(100 * drawn[:, 1] / drawn[:, 0], CONFIDENCE) if known else (None, None)
    return Comparison(
        n=int(difference.size),
        base=float(means[0]),
        compressed=float(means[1]),
        difference=float(means[1] - means[0]),
        low=low,
        high=high,
        recovery=100 * float(means[1] / means[0]) if known else None,
        recovery_low=recovered[0],
        recovery_high=recovered[1],
        worse=worse,
        better=better,
        p_value=mcnemar(worse, better) if binary else sign_flips(difference, seed),
        margin=margin,
        verdict=verdict,
        documents_needed=needed(differences, margin, confidence)
        if verdict == "undecided"
        else None,
    )


def _verdict(low: float, high: float, margin: float) -> Verdict:
    return "pass" if low > -margin else "fail" if high < -margin else "undecided"


def needed(differences: Sequence[Any], margin: float, confidence: float = CONFIDENCE) -> int:
    """How many documents would have decided, with 90 % power, were the true difference as seen.

    `differences` are those of each task; its share of all n documents stays. n solves
    (z / d / tasks)^2 * sum(v / m + 1 / m^2) = 1 with m = share * n, z the sum of the quantiles of
    confidence and power, v a task's variance, 1 / m^2 what the half documents add, and d the
    distance of the mean from -margin; one within a quarter of the margin counts as that far off.
    """
    import numpy as np
    from scipy.special import ndtri

    z = float(ndtri((1 + confidence) / 2) + ndtri(POWER))
    total = sum(int(task.size) for task in differences)
    mean = float(np.mean([task.mean() for task in differences]))
    factor = (z / max(abs(mean + margin), margin / 4) / len(differences)) ** 2
    shares = [task.size / total for task in differences]
    variance = sum(float(np.var(d)) / s for d, s in zip(differences, shares, strict=True))
    seen = factor * variance
    added = factor * sum(1 / share**2 for share in shares)
    solved: float = (seen + math.sqrt(seen**2 + 4 * added)) / 2
    return max(total + 1, math.ceil(solved))


def ratio_of_sums(values: Sequence[float], weights: Sequence[float], seed: int = 0) -> Interval:
    """Sum of values over sum of weights, groups drawn with replacement.

    Raises ValueError for what is not finite.
    """
    import numpy as np

    v, w = np.asarray(values, float), np.asarray(weights, float)
    if not v.size or not np.isfinite(v).all() or w.sum() <= 0:
        raise ValueError(f"no mean can be made of {v.size} groups")
    value = float(v.sum() / w.sum())
    if v.size == 1:
        return Interval(value, None, None)
    drawn = np.random.default_rng(seed).multinomial(v.size, [1 / v.size] * v.size, size=RESAMPLES)
    return Interval(value, *_tails((drawn @ v) / (drawn @ w), CONFIDENCE))


def quantile_of_groups(groups: Sequence[Sequence[float]], q: float, seed: int = 0) -> Interval:
    """A quantile of all values, whole groups drawn with replacement."""
    import numpy as np

    arrays = [np.asarray(group, float) for group in groups]
    value = float(np.quantile(np.concatenate(arrays), q))
    if len(arrays) == 1:
        return Interval(value, None, None)
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(arrays), size=(RESAMPLES // 10, len(arrays)))
    drawn = [np.quantile(np.concatenate([arrays[n] for n in row]), q) for row in chosen]
    return Interval(value, *_tails(drawn, CONFIDENCE))


def _binary(base: Any, compressed: Any) -> bool:
    return {*base.tolist(), *compressed.tolist()} <= {0.0, 1.0}


def _draws(base: Any, compressed: Any, seed: int) -> Any:
    """[RESAMPLES, 2]: the two means under random weights of the documents.

    Equal documents share their weight, so the cost does not grow with n where scores are few.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    if _binary(base, compressed):
        outcomes = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        counts = np.bincount((2 * base + compressed).astype(int), minlength=4) + 0.5
    else:
        pairs = np.stack([base, compressed], axis=1)
        outcomes, repeats = np.unique(pairs, axis=0, return_counts=True)
        counts = repeats.astype(float)
    return rng.dirichlet(counts, size=RESAMPLES) @ outcomes


def _tails(values: Any, confidence: float) -> tuple[float, float]:
    import numpy as np

    low, high = np.percentile(values, [50 * (1 - confidence), 50 * (1 + confidence)])
    return float(low), float(high)
