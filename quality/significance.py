"""p-values: is there a difference between paired scores at all, also where many are looked at?

Reports ask too, so p-values come from scipy.special (0.20 s to import on top of numpy) and not from
scipy.stats (0.64 s) or statsmodels (0.90 s). Tests hold them against scipy.stats.

Sources: McNemar 1947; Holm 1979.
"""

from collections.abc import Sequence
from typing import Any

EXACT_BELOW = 25  # discordant documents
RESAMPLES = 4000


def mcnemar(worse: int, better: int) -> float:
    """Two-sided p-value that flips go both ways equally often; exact below 25 discordant."""
    from scipy.special import bdtr, chdtrc

    discordant = worse + better
    if discordant < EXACT_BELOW:
        return min(1.0, 2 * float(bdtr(min(worse, better), discordant, 0.5)))
    return float(chdtrc(1, (abs(worse - better) - 1) ** 2 / discordant))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm's step-down), in the given order."""
    order = sorted(range(len(p_values)), key=lambda n: p_values[n])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, n in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[n]))
        corrected[n] = highest
    return corrected


def sign_flips(difference: Any, seed: int) -> float:
    """Permutation test of a zero mean, for scores that are not 0 or 1."""
    import numpy as np

    if not difference.any():
        return 1.0
    rng = np.random.default_rng(seed)
    observed = (abs(difference.mean()) - 1e-12) * difference.size
    signs = (rng.choice([-1.0, 1.0], (100, difference.size)) for _ in range(RESAMPLES // 100))
    beyond = sum(int((np.abs(block @ difference) >= observed).sum()) for block in signs)
    return (beyond + 1) / (RESAMPLES + 1)
