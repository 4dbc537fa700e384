"""Paired statistics: worked values, and by simulation how rarely an alarm is false."""

import random

import pytest

from quality import paired


@pytest.mark.parametrize(
    ("worse", "better", "p"),
    [(0, 0, 1.0), (5, 0, 0.0625), (3, 3, 1.0), (10, 2, 0.03857421875), (40, 20, 0.014171)],
)
def test_mcnemar(worse: int, better: int, p: float) -> None:
    assert paired.mcnemar(worse, better) == pytest.approx(p, rel=1e-3)


def test_the_base_against_itself_passes() -> None:
    scores = [float(n % 3 == 0) for n in range(300)]
    found = paired.compare(scores, scores)
    assert (found.verdict, found.difference, found.recovery) == ("pass", 0.0, 100.0)
    assert (found.worse, found.better, found.real) == (0, 0, False)


def test_a_collapse_fails() -> None:
    found = paired.compare([1.0] * 150 + [0.0] * 150, [0.0] * 300)
    assert found.verdict == "fail" and found.real
    assert found.worse == 150 and found.recovery == 0.0


def test_few_documents_cannot_decide_and_say_how_many_would() -> None:
    base = [1.0] * 60 + [0.0] * 40
    other = [1.0] * 57 + [0.0] * 3 + [1.0] * 2 + [0.0] * 38
    found = paired.compare(base, other)
    assert found.verdict == "undecided"
    assert found.documents_needed is not None and found.documents_needed > 1000


@pytest.mark.parametrize(("base", "other"), [([], []), ([1.0], [1.0, 0.0])])
def test_documents_that_cannot_be_paired(base: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        paired.compare(base, other)


def test_a_base_that_scored_nothing_has_no_recovery() -> None:
    assert paired.compare([0.0] * 50, [0.0] * 49 + [1.0]).recovery is None


def flip(rng: random.Random, base: list[float], down: float, up: float) -> list[float]:
    """Scores after a right answer is lost with chance `down`, a wrong one found with `up`."""
    return [float(rng.random() >= down) if s else float(rng.random() < up) for s in base]


def test_false_alarms_are_rare() -> None:
    """200 A/A comparisons: equal true accuracy, 5 % of documents flip by chance."""
    rng = random.Random(0)
    alarms = fails = 0
    for _ in range(200):
        base = [float(n < 250) for n in range(500)]
        found = paired.compare(base, flip(rng, base, 0.05, 0.05))
        alarms += found.real
        fails += found.verdict == "fail"
    assert alarms <= 0.05 * 200
    assert fails == 0


def test_a_planted_loss_is_found_at_the_size_asked_for() -> None:
    """3 points lost against a margin of 1: undecided when small, then `fail` in 90 % and more."""
    rng = random.Random(1)

    def draw(n: int) -> paired.Comparison:
        base = [float(rng.random() < 0.6) for _ in range(n)]
        return paired.compare(base, flip(rng, base, 0.08, 0.045))  # 0.6*0.08 - 0.4*0.045 = 0.03

    asked = []
    while len(asked) < 20:
        found = draw(400)
        if found.verdict == "undecided" and found.difference < -0.02:
            asked.append(found.documents_needed or 0)
    size = sorted(asked)[len(asked) // 2]
    hits = sum(draw(size).verdict == "fail" for _ in range(100))
    assert hits >= 90, (size, hits)


def test_no_flip_among_few_documents_proves_little() -> None:
    few, many = (paired.compare([1.0] * n, [1.0] * n) for n in (50, 1000))
    assert few.verdict == "undecided" and few.low < -0.01
    assert few.documents_needed is not None and 250 < few.documents_needed < 400
    assert many.verdict == "pass"


def test_a_stricter_confidence_only_widens_the_verdict() -> None:
    base = [1.0] * 600 + [0.0] * 400
    other = [1.0] * 570 + [0.0] * 430
    usual, strict = (paired.compare(base, other, 0.02, confidence=c) for c in (0.95, 0.9999999))
    assert (usual.low, usual.high) == (strict.low, strict.high)
    assert (usual.verdict, strict.verdict) == ("fail", "undecided")


def test_scores_between_0_and_1() -> None:
    rng = random.Random(2)
    base = [rng.random() for _ in range(400)]
    worse = paired.compare(base, [s * 0.9 for s in base])
    assert worse.real and worse.verdict == "fail" and worse.recovery == pytest.approx(90)
    same = paired.compare(base, [s + rng.gauss(0, 0.001) for s in base])
    assert same.verdict == "pass" and not same.real


def test_every_task_counts_the_same() -> None:
    large = [1.0] * 1000, [1.0] * 1000
    small = [1.0] * 100, [0.0] * 100
    assert paired.pooled([large, small]).difference == -0.5


def test_too_few_documents_decide_nothing() -> None:
    assert paired.compare([1.0] * 5, [0.0] * 5).verdict == "undecided"
    assert paired.compare([0.5], [0.4]).verdict == "undecided"


def test_tasks_of_unequal_size_need_documents_where_they_are_few() -> None:
    large = [1.0] * 2000 + [0.0] * 300, [1.0] * 2000 + [0.0] * 300
    small = [1.0] * 80 + [0.0] * 20, [1.0] * 77 + [0.0] * 23
    found = paired.pooled([large, small])
    assert found.verdict == "undecided" and found.documents_needed is not None
    grown = round(found.documents_needed / found.n)
    again = paired.pooled([(a * grown, b * grown) for a, b in (large, small)])
    assert grown > 2 and again.verdict != "undecided"


def test_holm() -> None:
    assert paired.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_ratio_of_sums_is_weighted_and_covers() -> None:
    found = paired.ratio_of_sums([2.0, 30.0, 4.0], [1, 10, 2])
    assert found.value == pytest.approx(36 / 13)
    assert found.low is not None and found.high is not None
    assert 2.0 <= found.low < found.value < found.high <= 3.0
    assert paired.ratio_of_sums([3.0], [2]) == (1.5, None, None)
    with pytest.raises(ValueError, match="no mean"):
        paired.ratio_of_sums([float("nan"), 1.0], [1, 1])


def test_quantile_of_groups() -> None:
    found = paired.quantile_of_groups([list(range(100)), list(range(100, 200))], 0.5)
    assert found.value == pytest.approx(99.5)
    assert found.low is not None and found.high is not None and found.low < 99.5 < found.high


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        paired.compare([1.0, float("nan")], [1.0, 1.0])
