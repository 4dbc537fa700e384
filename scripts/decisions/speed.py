"""Seven checkpoints of known speed, measured in rounds on a machine of known noise.

The logarithm of a figure is the scheme's, plus what the load adds (`between`, from load to load
correlated by 0.8 where `correlated`), what repeats leave (2 % over three), and what all share: a
shock a round and a slope over the run, each of `drift`. Orders are random within a round, as in a
run. The analysis and the decision are the project's own.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from comparing.context import Context
from comparing.rounds import FIRST_ROUNDS
from core.records import Figure
from reporting.deciding.blocks import Blocks
from reporting.deciding.candidate import BASE, Candidate
from reporting.deciding.ranking import Ranking, Rated
from reporting.deciding.study import Study

SCHEMES = (BASE, "A", "B", "C", "D", "E", "F")
MEASURE, FIGURE = "sequential", "output_tokens_per_s"
WITHIN = 0.02 / math.sqrt(3)
CORRELATION = 0.8
FIRST = FIRST_ROUNDS


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Standard deviations of logarithms: of loads, and of what all checkpoints share."""

    between: float
    drift: float = 0.0
    correlated: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run claimed: schemes called faster than the base, its decided winner, its loads."""

    faster: set[str]
    winner: str | None
    rounds: int
    loads: int


class Simulated(Study):
    """A study whose figures are drawn: records are there only for their names."""

    def ratio(self, candidate: Candidate, other: Candidate, key: str, name: str) -> Any:
        """As the project compares a figure over rounds."""
        return self.blocks(MEASURE, FIGURE).ratio(candidate.scheme, other.scheme)


def run(seed: int, noise: Noise, speeds: dict[str, float], rounds: int, auto: bool) -> Outcome:
    """One run: `rounds` of them, or with `auto` up to so many, until it is decided."""
    import numpy as np

    rng = np.random.default_rng(seed)
    looks = rounds - FIRST + 1 if auto else 1
    values: dict[str, dict[int, float]] = {scheme: {} for scheme in SCHEMES}
    state, left, number, loads = rng.normal(), list(SCHEMES), 0, 0
    while number < rounds and left:
        number += 1
        shock = rng.normal(0, noise.drift)
        for scheme in rng.permutation(left):
            fresh = rng.normal()
            state = CORRELATION * state + math.sqrt(1 - CORRELATION**2) * fresh
            own = noise.between * (state if noise.correlated else fresh)
            slope = noise.drift * loads / (rounds * len(SCHEMES))
            log = math.log(speeds.get(scheme, 1.0)) + own + shock + slope + rng.normal(0, WITHIN)
            values[str(scheme)][number] = math.exp(log)
            loads += 1
        if auto and number >= FIRST:
            ranking = rank(values, looks)
            open_ = [ranking.lead, *ranking.rivals] if ranking.rivals else []
            names = {BASE, *(rating.candidate.scheme for rating in open_)} if open_ else set()
            left = [scheme for scheme in SCHEMES if scheme in names]
    return claims(rank(values, looks), number, loads)


def rank(values: dict[str, dict[int, float]], looks: int) -> Ranking:
    """The project's ranking of figures drawn."""
    study = Simulated("simulated", [Candidate(scheme) for scheme in values], Context(), {})
    study._blocks[MEASURE, FIGURE] = Blocks(values, "higher", looks)
    rated = [
        Rated(candidate, Figure(value=_mean(own), values=[], unit="tokens/s", better="higher"))
        for candidate, own in zip(study.candidates, values.values(), strict=True)
    ]
    return Ranking(study, "latency", rated)


def _mean(own: dict[int, float]) -> float:
    return math.exp(sum(map(math.log, own.values())) / len(own))


def claims(ranking: Ranking, rounds: int, loads: int) -> Outcome:
    """What is claimed of a ranking, every quality taken as passed."""
    base = next(rating for rating in ranking.rated if rating.candidate.is_base)
    faster = set()
    for rating in ranking.rated:
        ratio = ranking.advantage(rating, base) if rating is not base else None
        if ratio is not None and ratio.separated and ratio.value > 1:
            faster.add(rating.candidate.scheme)
    winner = None if ranking.rivals else ranking.lead.candidate.scheme
    return Outcome(faster=faster, winner=winner, rounds=rounds, loads=loads)


MACHINES = (
    Noise(between=0.0),
    Noise(between=0.03),
    Noise(between=0.03, drift=0.1),
    Noise(between=0.03, drift=0.2, correlated=True),
    Noise(between=0.05, drift=0.1, correlated=True),
    Noise(between=0.10, drift=0.2),
    Noise(between=0.10, drift=0.2, correlated=True),
    Noise(between=0.15, drift=0.1),
)


def lines(repetitions: int, seed: int) -> Iterator[str]:
    """The table: noise, rounds, false claims among equals, a true 1.10x found, loads spent."""
    yield (
        "| between loads | shared drift | loads correlated | rounds | false faster | wrong winner "
        "| 1.10x found | 1.10x decided | rounds spent | loads spent |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for auto, rounds in ((False, FIRST), (True, 10)):
        for noise in MACHINES:
            yield f"| {' | '.join(_row(seed, repetitions, noise, rounds, auto))} |"


def _row(seed: int, runs: int, noise: Noise, rounds: int, auto: bool) -> tuple[str, ...]:
    equal = [run(seed + n, noise, {}, rounds, auto) for n in range(runs)]
    one = [run(seed + n, noise, {"A": 1.10}, rounds, auto) for n in range(runs)]
    share = [
        sum(bool(outcome.faster) for outcome in equal),
        sum(outcome.winner not in (None, BASE) for outcome in equal),
        sum("A" in outcome.faster for outcome in one),
        sum(outcome.winner == "A" for outcome in one),
    ]
    spent = [sum(getattr(o, name) for o in one) / runs for name in ("rounds", "loads")]
    return (
        f"{100 * noise.between:.0f} %",
        f"{100 * noise.drift:.0f} %",
        "0.8" if noise.correlated else "0",
        f"auto, up to {rounds}" if auto else str(rounds),
        *(f"{100 * count / runs:.1f} %" for count in share),
        *(f"{value:.1f}" for value in spent),
    )
