"""The words of a comparison, the confidence of each task, and which records are compared."""

import math
import re
from typing import Any

import pytest

from core.errors import UserError
from core.records import Record
from quality import documents, planning
from quality.comparison import Margin, parse_margins, quality
from quality.paired import compare
from tests.quality_records import harness, record

RIGHT = [1.0] * 800 + [0.0] * 200


def scored(*drops: int) -> tuple[list[Record], list[Record]]:
    """A base and a checkpoint that lost so many of 800 right answers, a task each."""
    base = {f"task{n}": RIGHT for n in range(len(drops))}
    mine = {f"task{n}": [1.0] * (800 - drop) + [0.0] * (200 + drop) for n, drop in enumerate(drops)}
    return [harness("BASE", base)], [harness("INT8-W8A8", mine)]


REASONS: list[tuple[tuple[int, ...], float, str, str]] = [
    ((0,), 1, "pass", "1 task, 1,000 documents, {}: within the margin of 1 point"),
    ((0, 100), 9, "pass", "mean of 2 tasks, 2,000 documents, {}: within the margin of 9 points"),
    (
        (100,),
        5,
        "fail",
        "task0 lost more than the margin of 5 points; 1 task, 1,000 documents, {}",
    ),
    (
        (0, 90, 90),
        5,
        "fail",
        "task1 and task2 lost more than the margin of 5 points; mean of 3 tasks, 3,000 documents, "
        "{}",
    ),
    # no task by itself is shown to have lost too much, their mean is
    (
        (18, 18, 18, 18),
        1,
        "fail",
        "mean of 4 tasks, 4,000 documents, {}: a larger loss than the margin of 1 point",
    ),
]


@pytest.mark.parametrize(("drops", "points", "verdict", "sentence"), REASONS)
def test_the_reason(drops: tuple[int, ...], points: float, verdict: str, sentence: str) -> None:
    found = quality(*scored(*drops), Margin(points=points))
    assert found.verdict == verdict and found.aggregate is not None
    numbers = re.search(r"(\S+) points \[(\S+), (\S+)\]", found.reason)
    assert numbers is not None
    assert found.reason == sentence.format(numbers[0])
    mean = -100 * sum(drops) / len(drops) / 1000
    assert float(numbers[1]) == pytest.approx(mean, abs=0.006)
    told = float(numbers[2]), float(numbers[3])
    interval = 100 * found.aggregate.low, 100 * found.aggregate.high
    assert told == pytest.approx(interval, abs=0.006)
    assert numbers[1][0] in ("+-" if any(drops) else "0")


def test_a_recovery_is_of_the_bases_mean_over_tasks() -> None:
    found = quality(*scored(0, 20), Margin(points=None, recovery=97.0))
    assert found.aggregate is not None
    assert found.aggregate.margin == pytest.approx(0.8 * 0.03)
    assert found.tasks["task1"].margin == pytest.approx(0.8 * 0.03)


@pytest.mark.parametrize("text", ["100.5", "49.9%", "100.5%"])
def test_margins_beyond_their_bounds(text: str) -> None:
    with pytest.raises(UserError, match="--margin wants points like 1 or a recovery like 99%"):
        parse_margins(text)


def test_an_open_verdict_says_how_many_documents_of_each_task() -> None:
    found = quality(*scored(7, 7), Margin())
    assert found.verdict == "undecided" and found.documents_each == 1000
    tasks = [found.tasks[name] for name in ("task0", "task1")]
    factor = planning.growth(tasks, [None, None], 0.01, planning.level(2))
    assert found.documents_needed == math.ceil(1000 * factor) > 1000
    each = f"about {found.documents_needed:,} documents of each task would, with 90 % probability"
    assert f": does not decide a margin of 1 point; {each} if all goes on as seen" in found.reason


def test_a_loss_about_the_margin_gives_no_number() -> None:
    found = quality(*scored(10, 10), Margin())
    assert found.verdict == "undecided" and found.documents_needed is None
    assert found.reason.endswith(
        "more documents will hardly decide it: the loss seen is about the margin"
    )


def test_documents_that_are_not_there_are_not_asked_for() -> None:
    base, mine = scored(7, 7)
    for task in (mine[0].raw or {})["tasks"].values():
        task["available"] = 1100
    found = quality(base, mine)
    assert found.available == {"task0": 1100, "task1": 1100}
    assert found.verdict == "undecided" and found.documents_needed is None
    assert found.reason.endswith("; all documents that these tasks have would hardly decide it")


def test_every_task_is_judged_at_a_confidence_for_all_of_them() -> None:
    """Bonferroni: of four tasks each at 98.75 %."""
    drops = (0, 0, 0, 18)
    base, mine = scored(*drops)
    found = quality(base, mine)
    wanted = compare(RIGHT, [1.0] * 782 + [0.0] * 218, 0.01, confidence=1 - 0.05 / 4)
    assert found.tasks["task3"] == wanted
    assert found.p_values["task3"] == pytest.approx(min(1.0, 4 * wanted.p_value))


def test_what_else_was_measured_is_compared_whatever_became_of_the_tasks() -> None:
    raw = {"documents": ["a"], "generated": ["yes"]}
    base, mine = [record("references", raw=raw)], [record("references", "INT8-W8A8", raw)]
    assert quality(base, mine).paired["same_answers"] == 1.0
    tasks, others = scored(0)
    assert quality([*tasks, *base], [*others, *mine]).paired["same_answers"] == 1.0
    unpaired = harness(
        "INT8-W8A8", {"task0": RIGHT}, {"task0": [f"other {n}" for n in range(1000)]}
    )
    found = quality([*tasks, *base], [unpaired, *mine])
    assert found.unpaired and found.paired["same_answers"] == 1.0


@pytest.mark.parametrize(
    ("margin", "base", "size", "words"),
    [
        (Margin(), 0.5, 0.01, "1 point"),
        (Margin(points=2.5), 0.5, 0.025, "2.5 points"),
        (Margin(points=None, recovery=99.0), 0.5, 0.005, "99 % recovery"),
        (Margin(points=None, recovery=98.5), -0.4, 0.006, "98.5 % recovery"),
    ],
)
def test_a_margin(margin: Margin, base: float, size: float, words: str) -> None:
    assert margin.of(base) == pytest.approx(size) and str(margin) == words


@pytest.mark.parametrize(
    ("text", "margins"),
    [
        ("1", {"": Margin(points=1.0)}),
        ("100", {"": Margin(points=100.0)}),
        ("50%", {"": Margin(points=None, recovery=50.0)}),
        ("FP8-W8A8=2", {"": Margin(), "FP8-W8A8": Margin(points=2.0)}),
        ("0.5, fp8_w8a8=99%", {
            "": Margin(points=0.5), "FP8-W8A8": Margin(points=None, recovery=99.0)}),
    ],
)  # fmt: skip
def test_margins_as_they_are_spelt(text: str, margins: dict[str, Margin]) -> None:
    assert parse_margins(text) == margins


FAILED = record("harness", "X", status="failed", reason="out of memory")
SILENT = record("harness", "X", status="failed", reason=None)
OTHER = record("perplexity", "X", status="failed", reason="another measure")
DONE = harness("X", {"a": RIGHT})
MISSING: list[tuple[list[Record], list[Record], str]] = [
    ([DONE], [], "no task was scored on the checkpoint"),
    ([], [DONE], "no task was scored on the base"),
    ([], [], "no task was scored on the checkpoint"),
    ([DONE], [FAILED], "out of memory"),
    ([FAILED], [DONE], "out of memory"),
    ([DONE], [SILENT], "it failed"),
    ([DONE], [FAILED, SILENT], "it failed"),  # the last one counts
    ([DONE], [OTHER], "no task was scored on the checkpoint"),
]


@pytest.mark.parametrize(("base", "mine", "reason"), MISSING)
def test_why_nothing_is_compared(base: list[Record], mine: list[Record], reason: str) -> None:
    found = quality(base, mine)
    assert (found.verdict, found.reason, found.tasks, found.unpaired) == (None, reason, {}, False)


WINDOWS = {"nll": [100.0, 300.0], "tokens": [50, 50]}


@pytest.mark.parametrize(
    ("settings", "others", "raw", "paired"),
    [
        ({"window": 8, "stride": 4}, {"stride": 4, "window": 8}, WINDOWS, True),  # in any order
        ({"window": 8, "stride": 4}, {"window": 8, "stride": 5}, WINDOWS, False),
        ({"window": 8}, {"window": 8}, {**WINDOWS, "tokens": [50, 49]}, False),
        ({"window": 8}, {"window": 8}, None, False),
    ],
)
def test_perplexities_of_the_same_windows_are_paired(
    settings: Any, others: Any, raw: Any, paired: bool
) -> None:
    base = record("perplexity", raw=WINDOWS, settings=settings)
    mine = record("perplexity", "X", raw, settings=others)
    assert ("perplexity_ratio" in quality([base], [mine]).paired) is paired


@pytest.mark.parametrize(
    ("raw", "same"),
    [
        ({"documents": ["a", "b"], "generated": ["yes", "no"]}, 1.0),
        ({"documents": ["a", "b"], "generated": ["yes", "No"]}, 0.5),
        ({"documents": ["a", "c"], "generated": ["yes", "no"]}, None),
        (None, None),
    ],
)
def test_answers_that_are_the_bases(raw: Any, same: float | None) -> None:
    base = record("references", raw={"documents": ["a", "b"], "generated": ["yes", "no"]})
    assert quality([base], [record("references", "X", raw)]).paired.get("same_answers") == same


@pytest.mark.parametrize(
    ("base", "mine", "judged"),
    [
        ([0.0, 1.0], [1.0, 0.5], True),
        ([0.0, 1.5], [1.0, 0.5], False),
        ([0.0, 1.0], [1.0, -0.5], False),
        ([-0.1, 1.0], [1.0, 0.5], False),
        ([0.0, 1.0], [1.0, 1.1], False),
    ],
)
def test_only_scores_between_0_and_1_are_judged(
    base: list[float], mine: list[float], judged: bool
) -> None:
    pairs = documents.paired_scores(
        harness("BASE", {"a": base}).raw or {}, harness("X", {"a": mine}).raw or {}
    )
    assert pairs == ({"a": (base, mine)} if judged else {})


def test_a_group_is_of_the_tasks_that_both_were_asked() -> None:
    base = harness("BASE", {"a": [1.0, 0.0]})
    mine = harness("X", {"a": [0.0, 0.0], "b": [1.0, 1.0], "c": [1.0, 1.0]})
    assert mine.raw is not None
    mine.raw["groups"] = {"both": ["a", "b"]}
    assert documents.asked_tasks(mine.raw) == {"both": ["a", "b"], "c": ["c"]}
    assert documents.paired_scores(base.raw or {}, mine.raw) == {"both": ([1.0, 0.0], [0.0, 0.0])}
