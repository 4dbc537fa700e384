"""How certain a look must be, and how many documents would decide: by formula and by simulation."""

import random

import pytest

from quality import planning
from quality.paired import Comparison, compare
from tests.quality.test_paired import flipped


def test_looks_share_the_error() -> None:
    assert [planning.level(look) for look in (1, 2, 3)] == pytest.approx([0.025, 0.0125, 0.00625])
    assert [planning.confidence(look) for look in (1, 2)] == pytest.approx([0.95, 0.975])
    assert sum(planning.level(look) for look in range(1, 60)) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("difference", "about"),
    [(-0.01, True), (-0.0124, True), (-0.0126, False), (-0.0076, True), (-0.0074, False)],
)
def test_a_loss_about_the_margin_is_hardly_decided(difference: float, about: bool) -> None:
    assert planning.hardly(difference, 0.01) is about


def left(tasks: list[Comparison], sizes: list[float], margin: float, error: float) -> float:
    """What the distance from the margin has over its bound, the score interval's form."""
    from scipy.stats import norm

    z, power = norm.ppf(1 - error), norm.ppf(0.9)
    number = len(tasks)
    variance = sum(t.deviation**2 / n for t, n in zip(tasks, sizes, strict=True)) / number**2
    unit = 1 / number / min(sizes)
    distance = abs(sum(t.difference for t in tasks) / number + margin)
    half = z * (variance + (z * unit / 2) ** 2) ** 0.5 + power * variance**0.5
    skew = z**2 + (power**2 if variance else 0)
    return float(distance - half - skew * unit / 2)


GROWTHS = [
    ([(0, 0, 50)], [None], 0.01),
    ([(3, 2, 100)], [None], 0.02),
    ([(12, 2, 100)], [None], 0.01),
    ([(0, 0, 100), (1, 0, 20)], [None, None], 0.04),
    ([(2, 1, 100), (1, 1, 100)], [400, None], 0.04),
]


@pytest.mark.parametrize(("flips", "available", "margin"), GROWTHS)
@pytest.mark.parametrize("error", [0.025, 0.003])
def test_documents_grow_until_the_bound_is_clear_of_the_margin(
    flips: list[tuple[int, int, int]], available: list[int | None], margin: float, error: float
) -> None:
    tasks = [compare(*flipped(*of_task)) for of_task in flips]
    factor = planning.growth(tasks, available, margin, error)
    sizes = [
        [min(f * t.n, most or 1e99) for t, most in zip(tasks, available, strict=True)]
        for f in (factor, factor * 0.998)
    ]
    assert left(tasks, sizes[0], margin, error) > 0 > left(tasks, sizes[1], margin, error)


def test_what_all_documents_cannot_decide_needs_infinitely_many() -> None:
    task = compare(*flipped(3, 2, 100))
    assert planning.growth([task], [150], 0.02, 0.025) == float("inf")
    assert planning.growth([task], [50], 0.02, 0.025) == float("inf")  # as many are there at least
    assert 1 < planning.growth([task], [100_000], 0.02, 0.025) < 100


@pytest.mark.parametrize(
    ("lost", "found", "verdict"), [(0.01, 0.01, "pass"), (0.05, 0.02, "fail"), (0, 0, "pass")]
)
def test_the_documents_asked_for_decide(lost: float, found: float, verdict: str) -> None:
    """As often as promised, 9 of 10, at the confidence of a second look."""
    rng = random.Random(0)
    per_mille = compare(*flipped(round(lost * 1000), round(found * 1000), 1000))
    factor = planning.growth([per_mille], [None], 0.01, planning.level(2))
    n = round(1000 * max(factor, 1))
    known: dict[tuple[int, int], bool] = {}
    hits = 0
    for _ in range(200):
        drawn = rng.choices([0, 1, 2], [lost, found, 1 - lost - found], k=n)
        flips = drawn.count(0), drawn.count(1)
        if flips not in known:
            told = compare(*flipped(*flips, n), confidence=planning.confidence(2))
            known[flips] = told.verdict == verdict
        hits += known[flips]
    assert hits >= 0.86 * 200
