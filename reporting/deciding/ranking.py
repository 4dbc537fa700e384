"""The best of several schemes for a use case: separated by intervals, ties broken by loss."""

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

from core import plugins
from core.records import Figure
from core.scheme import Method
from core.stats import Ratio
from reporting.deciding import rule
from reporting.deciding.candidate import Candidate, plain_ratio
from reporting.deciding.study import Study
from reporting.reading import measures

UseCase = Literal["latency", "throughput", "memory"]
USE_CASES: tuple[UseCase, ...] = ("latency", "throughput", "memory")
CLEARLY = 0.05  # a smaller difference is not worth more rounds
SCORED = "was scored together with the base"
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


@dataclass(frozen=True, eq=False)
class Ranking:
    """The candidates that passed the gates (at least one), compared for a use case."""

    study: Study
    use_case: UseCase
    rated: list[Rated]

    @cached_property
    def metric(self) -> tuple[str, str]:
        """The measure and figure that are compared."""
        return metric(self.study, self.use_case)

    def advantage(self, rating: Rated, other: Rated) -> Ratio | None:
        """How many times better one is than another; None where there is no ratio."""
        return self.study.ratio(rating.candidate, other.candidate, *self.metric)

    def separated(self, rating: Rated, other: Rated) -> bool:
        """Whether two figures differ beyond their noise; sizes are exact up to 1 %."""
        ratio = self.advantage(rating, other)
        if self.use_case == "memory":
            values = rating.figure.value, other.figure.value
            return values[0] != values[1] if ratio is None else abs(ratio.value - 1) > EXACT
        return ratio is not None and ratio.separated

    @cached_property
    def tied(self) -> list[Rated]:
        """Those that share the best place.

        Indistinguishable schemes tie. Where the best differs from the base beyond noise, only
        schemes that do so too tie with the best.
        """
        return self._tied(self.rated)

    @cached_property
    def lead(self) -> Rated:
        """The best, or of those that tie with it the least lossy, then the simplest."""
        return self.preferred(self.tied)

    def winner(self, among: list[Rated]) -> Rated:
        """The best of some, chosen like `lead`."""
        return self.preferred(self._tied(among))

    def _tied(self, among: list[Rated]) -> list[Rated]:
        best = max(among, key=lambda rating: self._beside(rating, among[0]))
        tied = [rating for rating in among if rating is best or not self.separated(best, rating)]
        base = next((rating for rating in among if rating.candidate.is_base), None)
        if base is not None and base not in tied:
            tied = [rating for rating in tied if self.separated(rating, base)]
        return tied

    def _beside(self, rating: Rated, reference: Rated) -> float:
        """How many times better than another, by rounds; by the figures where no round tells."""
        ratio = None if rating is reference else self.advantage(rating, reference)
        plain = ratio or plain_ratio(rating.figure, reference.figure)
        return plain.value if plain else -math.inf

    @staticmethod
    def preferred(tied: list[Rated]) -> Rated:
        """Of those that tie the base, else the least lossy, then the simplest."""
        return min(tied, key=partial(_preference, paired_tokens=_all_paired(tied)))

    @cached_property
    def rivals(self) -> list[Rated]:
        """Those that may be better than `lead` by more than is worth more rounds."""
        if self.use_case == "memory":
            return []
        return [rating for rating in self.rated if rating is not self.lead and self._open(rating)]

    def _open(self, rating: Rated) -> bool:
        ratio = self.advantage(rating, self.lead)
        return ratio is None or ratio.high is None or ratio.high > 1 + CLEARLY

    @property
    def one_load(self) -> bool:
        """Whether it is the lack of further loads that leaves rivals open."""
        ratios = [self.advantage(rating, self.lead) for rating in self.rivals]
        return any(ratio is not None and ratio.high is None for ratio in ratios)

    @property
    def apart(self) -> list[Rated]:
        """Rivals that no round compares with `lead`."""
        return [rating for rating in self.rivals if self.advantage(rating, self.lead) is None]


def metric(study: Study, use_case: UseCase) -> tuple[str, str]:
    """The measure and figure a use case is judged by: throughput at the largest batch."""
    if use_case == "memory":
        return rule.MEMORY
    throughput = [key for key in study.finished if measures.split(key)[0] == rule.THROUGHPUT]
    key = rule.LATENCY if use_case == "latency" else (throughput or [rule.THROUGHPUT])[-1]
    return key, measures.headline(key)


def finer(rating: Rated, other: Rated) -> str:
    """Why one is preferred to another where they tie: "is simpler: fewer steps"."""
    if rating.candidate.is_base:
        return "is the uncompressed model"
    for paired in (_all_paired([rating, other]), False):
        first, second = (_preference(o, paired_tokens=paired) for o in (rating, other))
        if first < second:
            differ = [
                a != b for a, b in zip(first[1:3] + first[3], second[1:3] + second[3], strict=True)
            ]
            nearer = NEARER if paired else MORE_BITS
            lossless = SCORED if math.isinf(second[1]) else "loses less on the tasks"
            return (lossless, nearer, *SIMPLER)[differ.index(True)]
    return "comes first among all that tie"


def _all_paired(tied: list[Rated]) -> bool:
    return all(_kl(rating) is not None for rating in tied if _cut(rating))


Preference = tuple[bool, float, tuple[float, float], tuple[int, int, str]]


def _preference(rating: Rated, paired_tokens: bool) -> Preference:
    """The order of tied schemes: the base, then by loss, then by simplicity.

    The loss is the drop of the mean task score as far as it is significant, the worst there
    is where tasks were not compared; then KL divergence where all have it (`paired_tokens`), else
    the bits left, those of weights first.
    """
    candidate = rating.candidate
    aggregate = candidate.compared.aggregate if candidate.compared else None
    fallen = math.inf if aggregate is None else max(0.0, -aggregate.high)
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
