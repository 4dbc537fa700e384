"""Paired comparison of two checkpoints on the same documents: is the loss real, and is it too much?

Every document is scored under both, so the variance between documents cancels: on the same 220
documents an unpaired z-test gave p = 0.080 where the paired test gave 0.008. McNemar's test (exact
below 25 discordant documents) says whether there is a difference; how a bound of the mean
difference lies to a margin gives the verdict.

Bounds come from the paired Bayesian bootstrap (documents reweighted at random, both scores of a
document together) with one document more: the worst possible one for the lower end, the best for
the upper end. This is Gaffke's bound of a mean; where flips all go one way it is Clopper and
Pearson's exact one. Of several tasks the one document more is of the task with fewest documents,
where it weighs most, as the event more is in Fay and Feuer's bound of weighted rates.

Sources: Rubin, The Bayesian bootstrap, 1981; Gaffke, Three test statistics for a nonparametric
one-sided hypothesis on the mean of a nonnegative variable, 2005; Phan, Thomas and Learned-Miller,
Towards practical mean bounds for small samples, 2021; Fay and Feuer, Confidence intervals for
directly standardized rates, 1997.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from core.stats import CONFIDENCE
from quality.significance import RESAMPLES, mcnemar, sign_flips

DRAWS = 20_000  # of weights: p-values of 0.0005 are resolved
BLOCK = 1 << 22  # weights drawn at once: 32 MiB
FEWEST = 10  # documents of a task that say anything at all
MARGIN = 0.01  # one point of a score between 0 and 1

Verdict = Literal["pass", "fail", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How a checkpoint compares with its base. Differences are compressed - base, in scores (0..1).

    `deviation` is that of the documents' differences. `worse` and `better` count documents whose
    score fell or rose (flips). `p_value` is McNemar's for scores of 0 and 1, a sign-flip
    permutation test's for others. `p_pass` is that of a loss of the margin or more, which a pass
    rejects, and `p_fail` that of a loss below it, one-sided both. `recovery` is the ratio of means
    in percent, None when the base scored nothing.
    """

    n: int
    base: float
    compressed: float
    difference: float
    deviation: float
    low: float
    high: float
    recovery: float | None
    recovery_low: float | None
    recovery_high: float | None
    worse: int
    better: int
    p_value: float
    p_pass: float
    p_fail: float
    margin: float
    verdict: Verdict


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

    Verdict: `pass` when the two-sided interval of this `confidence` lies above -margin, `fail` when
    it lies below, else `undecided`; `low` and `high` are always those of 95 %.
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

    pairs = [_checked(*task) for task in tasks]
    drawn = _bounds(pairs, seed)
    base, compressed = np.mean([[a.mean(), b.mean()] for a, b in pairs], axis=0).tolist()
    difference = np.concatenate([b - a for a, b in pairs])
    worse, better = int((difference < 0).sum()), int((difference > 0).sum())
    binary = all(set(np.unique(scores)) <= {0.0, 1.0} for pair in pairs for scores in pair)
    p_pass, p_fail = _p(drawn.low <= -margin), _p(drawn.high >= -margin)
    verdict = _verdict(p_pass, p_fail, (1 - confidence) / 2)
    enough = min(a.size for a, _ in pairs) >= FEWEST
    return Comparison(
        n=int(difference.size),
        base=base,
        compressed=compressed,
        difference=compressed - base,
        deviation=float(difference.std()),
        low=_tail(drawn.low, lower=True),
        high=_tail(drawn.high, lower=False),
        recovery=100 * (compressed / base) if base > 0 else None,
        recovery_low=100 * _tail(drawn.ratio_low, lower=True) if base > 0 else None,
        recovery_high=100 * _tail(drawn.ratio_high, lower=False) if base > 0 else None,
        worse=worse,
        better=better,
        p_value=mcnemar(worse, better) if binary else sign_flips(difference, seed),
        p_pass=p_pass,
        p_fail=p_fail,
        margin=margin,
        verdict=verdict if enough else "undecided",
    )


def _checked(base: Sequence[float], compressed: Sequence[float]) -> tuple[Any, Any]:
    """Both as arrays. Raises ValueError for what cannot be paired."""
    import numpy as np

    first, second = np.asarray(base, float), np.asarray(compressed, float)
    if first.shape != second.shape or first.size == 0:
        raise ValueError(f"{first.size} and {second.size} documents cannot be paired")
    for scores in (first, second):
        if not np.isfinite(scores).all():
            raise ValueError("a score is not a finite number")
        if scores.min() < 0 or scores.max() > 1:
            raise ValueError("a score is not between 0 and 1")
    return first, second


def _verdict(p_pass: float, p_fail: float, level: float) -> Verdict:
    return "pass" if p_pass < level else "fail" if p_fail < level else "undecided"


def _p(beyond: Any) -> float:
    """The share of draws beyond a margin, never 0: only so many were drawn."""
    return (int(beyond.sum()) + 1) / (len(beyond) + 1)


class _Bounds(NamedTuple):
    """Draws of the lower and upper end of the difference and of the ratio of means."""

    low: Any
    high: Any
    ratio_low: Any
    ratio_high: Any


def _bounds(pairs: Sequence[tuple[Any, Any]], seed: int) -> _Bounds:
    """Under random weights of each task's documents and of one more in the smallest task.

    That one has a base's score of 1 and a checkpoint's of 0 for lower ends, 0 and 1 for upper ends.
    """
    import numpy as np

    smallest = min(range(len(pairs)), key=lambda n: pairs[n][0].size)
    drawn = [_draws(*pair, n == smallest, seed + n) for n, pair in enumerate(pairs)]
    base, compressed, added = np.mean(drawn, axis=0).T
    with np.errstate(divide="ignore", invalid="ignore"):  # a base without scores has no ratio
        ratios = compressed / (base + added), (compressed + added) / base
    return _Bounds(compressed - base - added, compressed - base + added, *ratios)


def _draws(base: Any, compressed: Any, added: bool, seed: int) -> Any:
    """[DRAWS, 3]: the two means under random weights, and the weight of a document that is `added`.

    Weights of n documents are Dirichlet(1, ..., 1); equal documents share theirs, so the cost does
    not grow with n where scores are few.
    """
    import numpy as np

    pairs, repeats = np.unique(np.stack([base, compressed], axis=1), axis=0, return_counts=True)
    outcomes, counts = np.c_[pairs, np.zeros(len(pairs))], repeats.astype(float)
    if added:
        outcomes, counts = np.r_[outcomes, [[0.0, 0.0, 1.0]]], np.r_[counts, 1.0]
    rng = np.random.default_rng(seed)
    blocks = (rng.standard_gamma(counts, (size, len(counts))) for size in _blocks(len(counts)))
    return np.concatenate([(block @ outcomes) / block.sum(axis=1)[:, None] for block in blocks])


def _blocks(outcomes: int) -> Iterator[int]:
    """How many weightings are drawn at once, as memory allows."""
    at_once = max(1, BLOCK // outcomes)
    for start in range(0, DRAWS, at_once):
        yield min(at_once, DRAWS - start)


def _tail(values: Any, lower: bool) -> float:
    """The lower or upper end of the 95 % interval."""
    import numpy as np

    return float(np.percentile(values, 50 * (1 - CONFIDENCE if lower else 1 + CONFIDENCE)))


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
    return Interval(value, *_interval((drawn @ v) / (drawn @ w)))


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
    return Interval(value, *_interval(drawn))


def _interval(values: Any) -> tuple[float, float]:
    return _tail(values, lower=True), _tail(values, lower=False)
