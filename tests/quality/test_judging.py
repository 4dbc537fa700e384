"""Several schemes judged together: among many one passes or fails by luck."""

from typing import Any

import pytest

from quality.comparison import Quality, judged_together, quality
from quality.paired import compare
from quality.planning import level
from tests.quality.test_paired import flipped
from tests.quality_records import harness

BASE = [1.0] * 800 + [0.0] * 200


def scheme(lost: int) -> Quality:
    """A checkpoint that lost so many of 800 right answers of 1000."""
    mine = [1.0] * (800 - lost) + [0.0] * (200 + lost)
    return quality([harness("BASE", {"a": BASE})], [harness("X", {"a": mine})])


def test_a_pass_must_be_one_among_all() -> None:
    """3 of 1000 lost is p = 0.01: a pass alone, not as one of six."""
    lucky = scheme(3)
    assert lucky.verdict == "pass" and lucky.aggregate is not None
    assert lucky.aggregate.p_pass == pytest.approx(0.0101, abs=0.002)
    assert judged_together([lucky]) == [lucky]
    others = [scheme(8) for _ in range(5)]
    together = judged_together([lucky, *others])
    assert [made.verdict for made in together] == ["undecided"] * 6
    assert together[0].schemes == 6
    assert "within the margin by itself but not as one of 6 schemes: does not decide" in (
        together[0].reason
    )
    alone, needed = together[0].documents_needed, scheme(3).documents_needed
    assert needed is None and alone is not None and alone > 1000


def test_a_clear_pass_and_a_clear_failure_stand() -> None:
    """No flip among 1000 is p = 0.00004, of six 0.00026."""
    made = [scheme(0), *(scheme(8) for _ in range(4)), scheme(100)]
    assert [each.verdict for each in judged_together(made)] == [
        "pass", "undecided", "undecided", "undecided", "undecided", "fail",
    ]  # fmt: skip


def test_holm_lets_the_rest_pass_more_easily() -> None:
    """Two that lost 2 and 3 (p = 0.003 and 0.01) both pass together: 2 * 0.003 and 0.01."""
    assert [each.verdict for each in judged_together([scheme(2), scheme(3)])] == ["pass", "pass"]
    assert [each.verdict for each in judged_together([scheme(3), scheme(8), scheme(8)])] == [
        "undecided", "undecided", "undecided",
    ]  # fmt: skip


def test_a_failure_by_luck_is_open_but_a_tasks_own_stands() -> None:
    two = {"a": BASE, "b": BASE}
    base = [harness("BASE", two)]

    def lost(number: int) -> Quality:
        mine = [1.0] * (800 - number) + [0.0] * (200 + number)
        return quality(base, [harness("X", {"a": mine, "b": mine})])

    failing = lost(16)
    assert failing.verdict == "fail" and not failing.failed and failing.aggregate is not None
    assert 0.001 < failing.aggregate.p_fail < 0.025
    many = judged_together([failing, *(lost(8) for _ in range(30))])
    assert many[0].verdict == "undecided" and "beyond the margin by itself" in many[0].reason
    own = lost(60)
    assert own.failed == ["a", "b"]
    assert judged_together([own, *(lost(8) for _ in range(30))])[0].verdict == "fail"


def test_a_task_that_fails_by_luck_among_many_schemes_is_open() -> None:
    """22 of 1000 lost on one of two tasks: enough for one scheme, not for one of 31."""
    base = [harness("BASE", {"a": BASE, "b": BASE})]

    def lost(number: int) -> Quality:
        mine = [1.0] * (800 - number) + [0.0] * (200 + number)
        return quality(base, [harness("X", {"a": mine, "b": BASE})])

    own = lost(22)
    assert own.failed == ["a"] and 0.0004 < own.tasks["a"].p_fail < 0.0125
    assert judged_together([own])[0].verdict == "fail"
    many = judged_together([own, *(lost(0) for _ in range(30))])
    assert many[0].verdict == "undecided" and not many[0].failed


def test_a_later_look_counts_as_more() -> None:
    """0.01 at a second look is like 0.02 at a first: with two schemes it is not enough."""
    from dataclasses import replace

    second = replace(scheme(3), looks=2)
    assert judged_together([second])[0].verdict == "pass"
    assert judged_together([second, scheme(8)])[0].verdict == "undecided"
    assert level(2) == level(1) / 2


def test_what_was_not_judged_stays_as_it_is() -> None:
    nothing: Any = Quality(tasks={}, p_values={}, aggregate=None, verdict=None, reason="no task")
    together = judged_together([nothing, scheme(3)])
    assert (together[0].reason, together[0].verdict) == ("no task", None)
    assert together[1].verdict == "pass" and together[1].schemes == 1
    assert judged_together([]) == []


def test_the_p_value_is_that_of_the_draws() -> None:
    made = scheme(3)
    assert made.aggregate == compare(BASE, [1.0] * 797 + [0.0] * 203)
    assert made.aggregate.p_pass == pytest.approx(compare(*flipped(3, 0, 1000)).p_pass, abs=0.003)
