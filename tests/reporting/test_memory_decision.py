"""The smallest memory: sizes are counted once, so one repeat decides and 1 % is a tie."""

from pathlib import Path

import pytest

from core.records import Record
from reporting.deciding import study
from reporting.deciding.decision import Outcome, decide
from reporting.reading import results as reading
from tests.report_case import memory, performance, quality, write

MIB = 1 << 20


def outcome(folder: Path, made: list[Record]) -> Outcome:
    return decide(study.build(reading.read([write(folder, made)])), "memory")


def both(scheme: str, weights: int) -> list[Record]:
    return [*performance(scheme, 400, weights), *quality(scheme, 0.7, 0.001)]


BASE = [*performance("BASE", 300, 1000 * MIB), *quality("BASE")]


@pytest.mark.parametrize(
    ("int8", "rtn", "winner"),
    [
        (600, 600, "INT8-W8A8-RTN"),  # a tie goes to the simplest
        (600, 605, "INT8-W8A8-RTN"),
        (600, 607, "INT8-W8A8"),
        (998, 999, "BASE"),
    ],
)
def test_the_smallest_and_ties_within_a_percent(
    tmp_path: Path, int8: int, rtn: int, winner: str
) -> None:
    made = [*BASE, *both("INT8-W8A8", int8 * MIB), *both("INT8-W8A8-RTN", rtn * MIB)]
    found = outcome(tmp_path, made)
    assert found.decided and found.winner == winner and found.to_decide == []
    assert (found.measure, found.figure) == ("memory", "weights_bytes")
    assert {loser.scheme for loser in found.losers} == (
        {"BASE", "INT8-W8A8", "INT8-W8A8-RTN"} - {winner}
    )


def test_a_budget_that_nothing_fits_is_a_decision(tmp_path: Path) -> None:
    found = study.build(reading.read([write(tmp_path, [*BASE, *both("INT8-W8A8", 600 * MIB)])]))
    tight = decide(found, "memory", budget=500 * MIB)
    assert (tight.decided, tight.winner, tight.to_decide) == (True, None, [])
    assert tight.sentence == "No scheme fits 500 MiB: the smallest, INT8-W8A8, needs 602 MiB."


def test_where_nothing_passes_there_is_nothing_to_compare(tmp_path: Path) -> None:
    failed = {"status": "failed", "figures": {}, "served": None, "reason": "out of memory"}
    found = outcome(tmp_path, [memory("BASE", MIB).model_copy(update=failed)])
    assert (found.decided, found.winner, found.command) == (False, None, None)
    assert found.sentence == "Undecided: there is nothing to compare."
    assert [(loser.scheme, loser.reason) for loser in found.losers] == [
        ("BASE", "not served: out of memory")
    ]


def test_without_weights_nothing_is_known(tmp_path: Path) -> None:
    gone = memory("INT8-W8A8", 1).model_copy(update={"figures": {}})
    speeds = [r for r in both("INT8-W8A8", MIB) if r.measure != "memory"]
    found = outcome(tmp_path, [*BASE, *speeds, gone])
    assert found.winner == "BASE"
    assert found.losers[0].reason == "smallest memory is not known: was not measured"
