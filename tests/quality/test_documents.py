"""Scores per document: shared ones are paired, those of several records are one."""

from typing import Any

import pytest

from core.errors import UserError
from quality import documents
from tests.quality_records import harness


def raw(
    tasks: dict[str, list[float]], names: dict[str, list[str]] | None = None, **more: Any
) -> Any:
    """Raw values of tasks with these scores; documents are `a`, `b`, ... unless named."""
    named = {task: [chr(97 + n) for n in range(len(scores))] for task, scores in tasks.items()}
    return {**(harness("X", tasks, named | (names or {})).raw or {}), **more}


def test_documents_are_paired_by_their_hash_in_any_order() -> None:
    base = raw({"t": [1.0, 0.0, 1.0]}, {"t": ["a", "b", "c"]})
    own = raw({"t": [0.5, 0.25, 0.75]}, {"t": ["c", "x", "a"]})
    assert documents.paired_scores(base, own) == {"t": ([1.0, 1.0], [0.5, 0.75])}
    assert documents.coverage(base, own) == {"t": (2, 3)}
    assert documents.documents_each(base, own) == 2


def test_two_documents_alike_are_told_apart() -> None:
    base = raw({"t": [1.0, 0.0, 1.0]}, {"t": ["a", "a", "b"]})
    own = raw({"t": [0.0, 1.0]}, {"t": ["a", "a"]})
    assert documents.paired_scores(base, own) == {"t": ([1.0, 0.0], [0.0, 1.0])}


def test_tasks_without_a_document_in_common() -> None:
    base, own = raw({"t": [1.0]}, {"t": ["a"]}), raw({"t": [1.0]}, {"t": ["b"]})
    with pytest.raises(UserError, match="none is the same: score the base anew"):
        documents.paired_scores(base, own)
    both = raw({"t": [1.0], "u": [0.0]}, {"t": ["b"], "u": ["a"]})
    more = raw({"t": [1.0], "u": [1.0]}, {"t": ["a"], "u": ["a"]})
    assert documents.paired_scores(more, both) == {"u": ([1.0], [0.0])}
    assert documents.coverage(more, both) == {"t": (0, 1), "u": (1, 1)}


def test_chance_of_a_group_is_that_of_its_documents() -> None:
    own = raw({"t": [1.0], "u": [1.0, 0.0, 1.0], "v": [1.0]}, groups={"both": ["t", "u"]})
    own["tasks"]["t"]["chance"], own["tasks"]["u"]["chance"] = 0.5, 0.25
    own["tasks"]["v"]["chance"] = None
    assert documents.chance(own, "both") == pytest.approx((0.5 + 3 * 0.25) / 4)
    assert documents.chance(own, "v") == 0.0


SETTINGS = {"names": ["t", "u"], "limit": 200, "num_fewshot": 5, "log_samples": True}


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        ({}, True),
        ({"names": ["t"]}, True),
        ({"limit": 100, "log_samples": False}, True),
        ({"names": ["t", "v"]}, False),
        ({"limit": 201}, False),
        ({"limit": None}, False),
        ({"num_fewshot": 4}, False),
        ({"data_dir": "elsewhere"}, False),
    ],
)
def test_what_was_asked_may_be_more(changes: dict[str, Any], covered: bool) -> None:
    assert documents.covers(SETTINGS, {**SETTINGS, **changes}) is covered
    every = {**SETTINGS, "limit": None}
    assert documents.covers(every, {**SETTINGS, "limit": None}) is True
    assert documents.covers({"window": 8}, {"window": 8}) is True
    assert documents.covers({"window": 8}, {"window": 9}) is False


def test_one_record_is_itself() -> None:
    own = raw({"t": [1.0]})
    assert documents.merge([own]) == {"looks": 1, **own}
    assert documents.merge([{**own, "looks": 3}])["looks"] == 3


def test_records_are_merged_by_task_and_document() -> None:
    old = raw({"t": [1.0, 0.0], "u": [1.0]}, {"t": ["a", "b"]}, generated=2, truncated=2)
    new = raw({"t": [0.0, 1.0], "v": [0.5]}, {"t": ["b", "c"]}, generated=8)
    old["tasks"]["t"] |= {"prompts_cut": 2, "available": 9, "chance": 0.25}
    new["tasks"]["t"] |= {"prompts_cut": 1, "available": 9, "chance": 0.5}
    old["files"], new["files"] = ["old.json"], ["new.json"]
    old["groups"], new["groups"] = {"g": ["t"]}, {"g": ["t", "v"], "h": ["v"]}
    merged = documents.merge([old, new])
    task = merged["tasks"]["t"]
    assert list(merged["tasks"]) == ["t", "u", "v"]
    assert task["documents"] == ["a", "b", "c"]
    assert task["scores"] == {"acc,none": [1.0, 0.0, 1.0]}
    assert task["aggregated"] == {"acc,none": pytest.approx(2 / 3)}
    # of the older record one document of two is scored anew
    assert task["prompts_cut"] == 2 and task["chance"] == 0.5 and task["available"] == 9
    assert merged["tasks"]["u"] == old["tasks"]["u"] and merged["tasks"]["v"] == new["tasks"]["v"]
    # of the three documents of the older record two count
    assert (merged["generated"], merged["truncated"], merged["empty"]) == (9, 1, 0)
    assert merged["files"] == ["old.json", "new.json"]
    assert merged["groups"] == {"g": ["t", "v"], "h": ["v"]}
    assert merged["looks"] == 2


def test_only_what_adds_documents_is_another_look() -> None:
    one, two = raw({"t": [1.0]}), raw({"t": [1.0, 0.0]})
    assert documents.merge([one, two, two, one])["looks"] == 2
    assert documents.merge([two, one])["looks"] == 1
    assert documents.merge([two, one])["tasks"]["t"]["scores"] == {"acc,none": [1.0, 0.0]}
    assert documents.merge([documents.merge([one, two]), raw({"u": [1.0]})])["looks"] == 3
    assert documents.merge([raw({}), raw({})])["looks"] == 1


def test_metrics_that_not_all_records_have_are_left_out() -> None:
    old, new = raw({"t": [1.0]}), raw({"t": [0.0]}, {"t": ["b"]})
    new["tasks"]["t"]["scores"] = {"f1,none": [0.5], "acc,none": [0.0]}
    new["tasks"]["t"]["primary"] = "f1,none"
    task = documents.merge([old, new])["tasks"]["t"]
    assert task["scores"] == {"acc,none": [1.0, 0.0]} and task["primary"] == "acc,none"


def test_a_figure_that_is_no_mean_is_the_larger_records() -> None:
    large, small = raw({"t": [1.0, 0.0]}), raw({"t": [1.0]}, {"t": ["c"]})
    large["tasks"]["t"]["aggregated"] = {"acc,none": 0.5, "bleu,none": 30.0}
    small["tasks"]["t"]["aggregated"] = {"acc,none": 1.0, "bleu,none": 90.0}
    for order in ([large, small], [small, large]):
        figures = documents.merge(order)["tasks"]["t"]["aggregated"]
        assert figures == {"acc,none": pytest.approx(2 / 3), "bleu,none": 30.0}


def test_the_files_of_lm_eval_hash_otherwise_and_are_not_mixed_in() -> None:
    ours, theirs = raw({"t": [1.0, 0.0]}), raw({"t": [1.0]}, {"t": ["z"]}, asked_by="lm_eval")
    merged = documents.merge([ours, theirs])
    assert merged["tasks"]["t"]["documents"] == ["a", "b"] and merged["looks"] == 1
    more = raw({"t": [1.0] * 3}, asked_by="lm_eval")
    assert documents.merge([ours, more])["asked_by"] == "lm_eval"
