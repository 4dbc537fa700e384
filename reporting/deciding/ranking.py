"""The best of several schemes for a use case: separated by intervals, ties broken by loss."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from core import plugins
from core.records import Figure
from core.scheme import Method
from core.stats import NOISY
from reporting.deciding import rule
from reporting.deciding.candidate import Candidate, advantage
from reporting.deciding.study import Study
from reporting.reading import measures

UseCase = Literal["latency", "throughput", "memory"]
USE_CASES: tuple[UseCase, ...] = ("latency", "throughput", "memory")
CLEARLY = 0.05  # a difference worth more repeats
NEARER = "is nearer to the base's predictions"
MORE_BITS = "keeps more bits (what both lose was not measured alike)"
SIMPLER = (
    "is simpler: no calibration text",
    "is simpler: fewer steps",
    "is the first by name, for nothing else differs",
)
EXACT = 0.01  # sizes are counted, not sampled: closer than this is a tie


@dataclass(frozen=True)
class Rated:
    """A candidate that passed the gates, and its figure for the use case."""

    candidate: Candidate
    figure: Figure


def metric(study: Study, use_case: UseCase) -> tuple[str, str]:
    """The measure and figure a use case is judged by: throughput at the largest batch."""
    if use_case == "memory":
        return rule.MEMORY
    throughput = [key for key in study.finished if measures.split(key)[0] == rule.THROUGHPUT]
    key = rule.LATENCY if use_case == "latency" else (throughput or [rule.THROUGHPUT])[-1]
    return key, measures.headline(key)


def winner(rated: list[Rated], use_case: UseCase) -> tuple[Rated, list[Rated]]:
    """The best, or of those that tie with it the least lossy, then the simplest; and all tied.

    Indistinguishable schemes tie. Where the best differs from the base beyond noise, only schemes
    that do so too tie with the best.
    """
    sign = 1 if rated[0].figure.better == "lower" else -1
    best = min(rated, key=lambda rating: sign * rating.figure.value)
    tied = [rating for rating in rated if rating is best or not separated(best, rating, use_case)]
    base = next((rating for rating in rated if rating.candidate.is_base), None)
    if base is not None and base not in tied:
        tied = [rating for rating in tied if separated(rating, base, use_case)]
    key = partial(_preference, paired_tokens=_all_paired(tied))
    return min(tied, key=key), tied


def drowned(lead: Rated, tied: list[Rated], use_case: UseCase) -> Rated | None:
    """The tied scheme that looks clearly better than `lead` and that only noise keeps from it."""
    for rating in tied:
        ratio = advantage(rating.figure, lead.figure)
        unstable = max(rating.figure.cv or 0, lead.figure.cv or 0) > NOISY
        if use_case != "memory" and ratio and ratio.value > 1 + CLEARLY and unstable:
            return rating
    return None


def separated(rating: Rated, other: Rated, use_case: UseCase) -> bool:
    """Whether two figures differ beyond their noise; sizes are exact up to 1 %."""
    ratio = advantage(rating.figure, other.figure)
    if ratio is None:
        return rating.figure.value != other.figure.value
    if use_case == "memory":
        return abs(ratio.value - 1) > EXACT
    return ratio.separated


def unrepeated(rating: Rated, other: Rated, use_case: UseCase) -> bool:
    """Whether it is the lack of repeats, not their spread, that keeps two from being separated."""
    single = len(rating.figure.values) < 2 or len(other.figure.values) < 2
    return use_case != "memory" and single and rating.figure.value != other.figure.value


def finer(rating: Rated, other: Rated) -> str:
    """Why `one` is preferred to `other` where they tie: "is simpler: fewer steps"."""
    if rating.candidate.is_base:
        return "is the uncompressed model"
    for paired in (_all_paired([rating, other]), False):
        first, second = (_preference(o, paired_tokens=paired) for o in (rating, other))
        if first < second:
            differ = [
                a != b for a, b in zip(first[1:3] + first[3], second[1:3] + second[3], strict=True)
            ]
            nearer = NEARER if paired else MORE_BITS
            return ("loses less on the tasks", nearer, *SIMPLER)[differ.index(True)]
    return "comes first among all that tie"


def _all_paired(tied: list[Rated]) -> bool:
    return all(_kl(rating) is not None for rating in tied if _cut(rating))


Preference = tuple[bool, float, tuple[float, float], tuple[int, int, str]]


def _preference(rating: Rated, paired_tokens: bool) -> Preference:
    """The order of tied schemes: the base, then by loss, then by simplicity.

    The loss is the drop of the mean task score as far as it is outside the noise, then KL
    divergence where all have it (`paired_tokens`), else the bits left, those of weights first.
    """
    candidate = rating.candidate
    aggregate = candidate.compared.aggregate if candidate.compared else None
    fallen = -aggregate.high if aggregate is not None and aggregate.high < 0 else 0.0
    loss = (_kl(rating) or 0.0, 0.0) if paired_tokens else _bits_cut(candidate.scheme)
    return _cut(rating), fallen, loss, simplicity(candidate.scheme)


def _cut(rating: Rated) -> bool:
    return not rating.candidate.is_base


def _kl(rating: Rated) -> float | None:
    figure = rating.candidate.figure(*rule.LOSS)
    return figure.value if figure else None


def _bits_cut(scheme: str) -> tuple[float, float]:
    """Of weights, then of activations; unknown schemes last."""
    known = plugins.scheme(scheme)
    return (16.0 - known.weight_bits, 16.0 - known.activation_bits) if known else (16.0, 16.0)


def simplicity(scheme: str) -> tuple[int, int, str]:
    """For ties: no calibration text before some, one step before several, then the name."""
    known = plugins.scheme(scheme)
    if known is None:
        return (2, 9, scheme)
    steps = sum(method is not Method.RTN for method in known.methods)
    return (int(known.calibration), steps, scheme)
