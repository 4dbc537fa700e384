"""The simulations of decisions, in short: no error is more frequent than it may be."""

import pytest

from scripts.decisions import quality
from scripts.decisions.quality import Task

MANY = 300
ONE = [
    ([Task(250, 1.0, 0.01)], "all flips are losses"),
    ([Task(250, 0.98, 0.03, 0.02)], "losses and gains"),
    # where the base has all right the same outcomes come again, and are reckoned once
    ([Task(100, 1.0, 0.04), *[Task(100, 1.0, 0.0)] * 3], "four tasks, all lost in one"),
    ([Task(50, 1.0, 0.04), *[Task(1000, 1.0, 0.0)] * 3], "all lost in the small one"),
]


@pytest.mark.parametrize(("tasks", "case"), ONE, ids=[case for _, case in ONE])
def test_errors_are_rare_and_intervals_cover(tasks: list[Task], case: str) -> None:
    """At a true loss of the margin; 300 repetitions tell 5 % within 2.5 points."""
    told = quality.rates(tasks, MANY)
    assert told.passed <= 0.05 and told.failed <= 0.05
    assert told.difference >= 0.93 and told.recovery >= 0.93


def test_a_known_truth_is_told() -> None:
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
