"""Speed by rounds: how much faster a scheme is than another, as far as the loads can tell.

A round is a block: every checkpoint is loaded anew in it, in random order. What a round does to all
of them cancels in the model log(figure) = scheme + round + residual (a randomised block design, by
least squares); the residual, pooled over schemes, is how far two loads of one checkpoint lie apart.
Ratios to the base are right together, at 95 % over all schemes (Dunnett's quantile); ratios to
another scheme, which was picked for what it showed, at 95 % over all pairs (Tukey's). Looks that a
run takes before it stops share the 5 % evenly.

Sources: Dunnett 1955; Tukey 1949; Kramer 1956 for unequal rounds.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from core.stats import CONFIDENCE, Ratio, exp

if TYPE_CHECKING:
    from numpy.typing import NDArray

Values = dict[str, dict[int, float]]  # a figure by scheme and round
DIGITS = 4  # of correlations: those that differ by less share a quantile
PLANNED = "BASE"  # what schemes are compared with whatever was measured


@dataclass(frozen=True, eq=False)
class Blocks:
    """One figure of several schemes over rounds.

    `better` is the figure's, `looks` how often the run meant to look at it. A round that only one
    scheme has tells nothing of differences; values not above 0 have no ratio.
    """

    values: Values
    better: str
    looks: int = 1
    _known: dict[str, dict[str, Ratio]] = field(default_factory=dict, repr=False)

    @property
    def schemes(self) -> list[str]:
        """Those that can be compared: above 0 in every round they were in."""
        return [s for s, rounds in self.values.items() if rounds and min(rounds.values()) > 0]

    def ratio(self, scheme: str, other: str) -> Ratio | None:
        """How many times better `scheme` is than `other`; None where that cannot be known.

        Without degrees of freedom, as of one load each, it has no interval.
        """
        if other not in self._known:
            self._known[other] = self._against(other)
        return self._known[other].get(scheme)

    def _against(self, reference: str) -> dict[str, Ratio]:
        """Every other scheme over `reference`, at 95 % together."""
        import numpy as np

        if reference not in self.schemes:
            return {}
        every = {s: self._contrast(s, reference) for s in self.schemes if s != reference}
        others = [scheme for scheme, contrast in every.items() if self._fit.tells(contrast)]
        if not others:
            return {}
        contrasts = np.array([every[scheme] for scheme in others])
        sign = -1.0 if self.better == "lower" else 1.0
        centres = sign * (contrasts @ self._fit.effects)
        errors, quantile = self._errors(contrasts, reference == PLANNED)
        ratios = {}
        for scheme, centre, error in zip(others, centres, errors, strict=True):
            low, high = centre - quantile * error, centre + quantile * error
            known = math.isfinite(low)
            ratios[scheme] = Ratio(
                value=exp(centre),
                low=exp(low) if known else None,
                high=exp(high) if known else None,
            )
        return ratios

    def _errors(self, contrasts: "NDArray[Any]", planned: bool) -> tuple["NDArray[Any]", float]:
        """Standard errors, and how many of them an interval reaches; NaN without a residual."""
        import numpy as np

        if not self._fit.degrees:
            return np.full(len(contrasts), math.nan), math.nan
        covariance = contrasts @ self._fit.inverse @ contrasts.T
        spread = np.sqrt(np.diag(covariance))
        order = np.argsort(spread, kind="stable")  # designs that differ by names share a quantile
        correlation = (covariance / np.outer(spread, spread))[np.ix_(order, order)]
        level = 1 - (1 - CONFIDENCE) / self.looks
        quantile = (
            _quantile(_hashable(correlation), self._fit.degrees, level)
            if planned
            else _over_pairs(len(contrasts) + 1, self._fit.degrees, level)
        )
        return spread * self._fit.residual, quantile

    def _contrast(self, scheme: str, reference: str) -> list[float]:
        """The weights of the fitted effects that make the difference of two schemes."""
        row = [0.0] * len(self._fit.effects)
        row[self.schemes.index(scheme)] += 1
        row[self.schemes.index(reference)] -= 1
        return row

    @cached_property
    def _fit(self) -> "Fit":
        rows = [
            (number, round_, math.log(value))
            for number, scheme in enumerate(self.schemes)
            for round_, value in self.values[scheme].items()
        ]
        return fit(rows, len(self.schemes))


@dataclass(frozen=True)
class Fit:
    """Effects of schemes, then rounds; the inverse of their normal matrix; the residual's standard
    deviation and degrees of freedom; `known` projects on what the data tell.
    """

    effects: "NDArray[Any]"
    inverse: "NDArray[Any]"
    residual: float
    degrees: int
    known: "NDArray[Any]"

    def tells(self, contrast: list[float]) -> bool:
        """Whether a contrast follows from the data: rounds link the schemes it is of."""
        import numpy as np

        return bool(np.allclose(contrast @ self.known, contrast))


def fit(rows: Iterable[tuple[int, int, float]], schemes: int) -> Fit:
    """Fit scheme + round to rows of (scheme's number, round, logarithm)."""
    import numpy as np

    numbers, rounds, logs = (np.asarray(column) for column in zip(*rows, strict=True))
    blocks, places = np.unique(rounds, return_inverse=True)
    design = np.zeros((len(logs), schemes + len(blocks)))
    design[np.arange(len(logs)), numbers] = 1
    design[np.arange(len(logs)), schemes + places] = 1
    normal = design.T @ design
    inverse = np.linalg.pinv(normal)
    effects = inverse @ design.T @ logs
    degrees = len(logs) - int(np.linalg.matrix_rank(design))
    residual = float(np.sqrt(((logs - design @ effects) ** 2).sum() / degrees)) if degrees else 0.0
    return Fit(effects, inverse, residual, degrees, inverse @ normal)


def _hashable(correlation: "NDArray[Any]") -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(round(value, DIGITS)) for value in row) for row in correlation)


@cache
def _quantile(correlation: tuple[tuple[float, ...], ...], degrees: int, level: float) -> float:
    """The half-width, in standard errors, that all of several correlated t values stay within."""
    from scipy.optimize import brentq
    from scipy.special import stdtrit
    from scipy.stats import multivariate_t

    alone = float(stdtrit(degrees, (1 + level) / 2))
    count = len(correlation)
    if count == 1:
        return alone
    together = float(stdtrit(degrees, 1 - (1 - level) / (2 * count)))  # Bonferroni's, never less

    def excess(half: float) -> float:
        ends = [half] * count
        inside = multivariate_t.cdf(
            ends,
            shape=correlation,
            df=degrees,
            allow_singular=True,
            lower_limit=[-half] * count,
            random_state=0,
        )
        return float(inside) - level

    return together if excess(together) <= 0 else float(brentq(excess, alone, together, xtol=5e-3))


@cache
def _over_pairs(schemes: int, degrees: int, level: float) -> float:
    """As `_quantile`, for every pair of schemes."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(level, schemes, degrees)) / math.sqrt(2)
