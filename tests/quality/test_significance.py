"""p-values against scipy.stats, and Holm's correction against the definition it follows from."""

import itertools
import random

import numpy as np
import pytest

from quality import significance

DISCORDANT = [(0, 0), (1, 0), (5, 0), (3, 3), (10, 2), (2, 10), (12, 12), (24, 0), (8, 16)]


@pytest.mark.parametrize(("worse", "better"), DISCORDANT)
def test_few_flips_are_tested_exactly(worse: int, better: int) -> None:
    from scipy.stats import binomtest

    wanted = binomtest(worse, worse + better).pvalue if worse + better else 1.0
    assert significance.mcnemar(worse, better) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("worse", "better"), [(25, 0), (13, 12), (12, 13), (40, 20), (20, 40), (300, 310)]
)
def test_many_flips_by_chi_squared_with_continuity_correction(worse: int, better: int) -> None:
    from scipy.stats import chi2

    statistic = (abs(worse - better) - 1) ** 2 / (worse + better)
    assert significance.mcnemar(worse, better) == pytest.approx(chi2.sf(statistic, 1))


def test_25_discordant_documents_are_many() -> None:
    from scipy.stats import binomtest

    assert significance.mcnemar(18, 7) != pytest.approx(binomtest(18, 25).pvalue, rel=1e-6)
    assert significance.mcnemar(17, 7) == pytest.approx(binomtest(17, 24).pvalue, rel=1e-6)


def closed_testing(p_values: list[float]) -> list[float]:
    """Marcus, Peritz and Gabriel 1976 with Bonferroni's test, of which Holm's is the short cut.

    A hypothesis falls when every set of hypotheses with it in falls: its smallest p-value, times
    the size of the set.
    """
    numbers = range(len(p_values))
    sets = [s for size in numbers for s in itertools.combinations(numbers, size + 1)]
    return [
        max(min(1.0, len(s) * min(p_values[m] for m in s)) for s in sets if n in s) for n in numbers
    ]


P_VALUES = [
    [0.01, 0.04, 0.03],
    [0.04],
    [0.5, 0.6, 0.9],
    [0.01, 0.01, 0.02],
    [0.001, 0.02, 0.02, 0.3, 0.9],
    [],
]


@pytest.mark.parametrize("p_values", P_VALUES)
def test_holm(p_values: list[float]) -> None:
    assert significance.holm(p_values) == pytest.approx(closed_testing(p_values))


def test_holm_of_random_p_values() -> None:
    rng = random.Random(0)
    for size in range(1, 9):
        p_values = [rng.random() ** 3 for _ in range(size)]
        assert significance.holm(p_values) == pytest.approx(closed_testing(p_values))


SCORES = [
    [0.5, -0.25, 0.125, 0.75],
    [-0.5, -0.25, -0.125, -0.75, -1.0],
    [0.1, 0.1, -0.1, 0.1, -0.1, 0.1, 0.1, 0.2],
    [0.0, 0.0, 0.3],
]


@pytest.mark.parametrize("differences", SCORES)
def test_sign_flips_against_all_flips_there_are(differences: list[float]) -> None:
    """Of few documents every flip can be counted; 4000 random ones come within 3 points."""
    total = abs(sum(differences)) - 1e-9
    flips = list(itertools.product((1, -1), repeat=len(differences)))
    as_far = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True))) >= total for signs in flips
    ]
    wanted = sum(as_far) / len(flips)
    p = significance.sign_flips(np.array(differences), seed=0)
    assert p == pytest.approx(wanted, abs=0.03)
    assert significance.sign_flips(np.array(differences), seed=0) == p


def test_no_difference_is_no_evidence_and_a_large_one_is_never_certain() -> None:
    assert significance.sign_flips(np.zeros(5), seed=0) == 1.0
    assert significance.sign_flips(np.full(200, 0.3), seed=0) == 1 / 4001
