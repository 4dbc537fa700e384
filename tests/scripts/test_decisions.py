"""The simulations of decisions, in short: no error is more frequent than it may be."""

import pytest

from scripts.decisions import quality, speed
from scripts.decisions.quality import Task

MANY = 300
ONE = [
    ([Task(250, 1.0, 0.01)], "all flips are losses"),
    ([Task(250, 0.98, 0.03, 0.02)], "losses and gains"),
    # where the base has all right the same outcomes come again, and are computed once
    ([Task(100, 1.0, 0.04), *[Task(100, 1.0, 0.0)] * 3], "four tasks, all lost in one"),
    ([Task(50, 1.0, 0.04), *[Task(1000, 1.0, 0.0)] * 3], "all lost in the small one"),
]


@pytest.mark.parametrize(("tasks", "case"), ONE, ids=[case for _, case in ONE])
def test_errors_are_rare_and_intervals_cover(tasks: list[Task], case: str) -> None:
    """At a true loss of the margin; 300 repetitions tell 5 % within 2.5 points."""
    rates = quality.rates(tasks, MANY)
    assert rates.passed <= 0.05 and rates.failed <= 0.05
    assert rates.difference >= 0.93 and rates.recovery >= 0.93


def test_a_known_truth_is_found() -> None:
    assert quality.rates([Task(1000, 1.0, 0.0)], 20) == quality.Rates(1.0, 0.0, 1.0, 1.0)
    lost = quality.rates([Task(1000, 0.7, 0.1)], 20)
    assert (lost.passed, lost.failed) == (0.0, 1.0)


def test_following_every_advice_passes_rarely_by_luck() -> None:
    passed, failed, looks = quality.over_looks(Task(250, 1.0, 0.01), MANY)
    assert passed <= 0.05 and failed <= 0.05 and 1 < looks < 4


def test_seven_schemes_together_pass_as_rarely_as_one() -> None:
    task = Task(1000, 1.0, 0.01)
    alone = quality.of_schemes(task, 7, 150, together=False)
    together = quality.of_schemes(task, 7, 150)
    assert together[0] <= 0.05 and together[1] <= 0.05
    assert alone[0] > together[0]


def test_advised_documents_decide() -> None:
    n, decided = quality.power(Task(1000, 0.99, 0.01, 0.01), 100)
    assert 2000 < n < 4000 and decided >= 0.85


NOISES = [
    (speed.Noise(between=0.03, drift=0.1), False),
    (speed.Noise(between=0.10, drift=0.2, correlated=True), False),
    (speed.Noise(between=0.0), True),
]


@pytest.mark.parametrize(("noise", "auto"), NOISES)
def test_no_scheme_is_called_faster_among_equals(noise: speed.Noise, auto: bool) -> None:
    """Any of six in 5 % of runs; 200 runs tell that within 4 points. Nor is one chosen."""
    runs = [speed.run(n, noise, {}, 6 if auto else 3, auto) for n in range(20 if auto else 200)]
    assert sum(bool(run.faster) for run in runs) <= 0.09 * len(runs)
    assert sum(run.winner not in (None, "BASE") for run in runs) <= 0.09 * len(runs)


def test_a_scheme_that_is_faster_is_found_and_chosen() -> None:
    noise = speed.Noise(between=0.01, drift=0.1)
    runs = [speed.run(n, noise, {"A": 1.10}, 3, False) for n in range(40)]
    assert sum(run.faster == {"A"} and run.winner == "A" for run in runs) >= 36
    slower = speed.run(0, noise, {"A": 0.8}, 3, False)
    assert not slower.faster and slower.winner == "BASE"
