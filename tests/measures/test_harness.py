"""Scores per document out of lm-eval's samples, and figures of tasks."""

from typing import Any

import pytest

from measures import _documents, harness


def sample(number: int, **scores: Any) -> dict[str, Any]:
    """One document as lm-eval logs it."""
    return {
        "doc_id": number,
        "prompt_hash": f"p{number}",
        "doc_hash": f"d{number}",
        "target_hash": f"t{number}",
        "filter": "none",
        "metrics": list(scores),
        **scores,
    }


def documents(samples: list[dict[str, Any]], results: dict[str, Any], **tell: Any) -> Any:
    told = {"higher_is_better": {"task": {}}, "n-shot": {}, "versions": {}, **tell}
    return _documents.documents("task", samples, {"results": {"task": results}, **told})


def test_scores_per_document() -> None:
    samples = [sample(0, acc=1.0, acc_norm=False), sample(1, acc=0, acc_norm=True)]
    results = {"acc,none": 0.5, "acc_norm,none": 0.5, "acc_stderr,none": 0.1, "alias": "task"}
    found = documents(
        samples, results, **{"n-shot": {"task": 5}, "versions": {"task": 1.0, "other": 2}}
    )
    assert found["scores"] == {"acc,none": [1.0, 0.0], "acc_norm,none": [0.0, 1.0]}
    assert found["primary"] == "acc_norm,none"
    assert (found["n_shot"], found["version"]) == (5, 1.0)
    assert found["aggregated"] == {"acc,none": 0.5, "acc_norm,none": 0.5}
    assert found["higher_is_better"] == {"acc,none": True, "acc_norm,none": True}
    assert len(set(found["documents"])) == 2 and all(len(d) == 12 for d in found["documents"])


@pytest.mark.parametrize("key", ["prompt_hash", "doc_hash", "target_hash"])
def test_another_question_prompt_or_answer_is_another_document(key: str) -> None:
    first, other = sample(0, acc=1.0), sample(0, acc=1.0)
    other[key] = "another"
    assert documents([first], {})["documents"] != documents([other], {})["documents"]


def test_several_filters_of_one_document_are_several_scores() -> None:
    samples = [sample(0, exact_match=1.0), {**sample(0, exact_match=0.0), "filter": "strict-match"}]
    found = documents(samples, {})
    assert found["scores"] == {"exact_match,none": [1.0], "exact_match,strict-match": [0.0]}
    assert len(found["documents"]) == 1 and found["primary"] == "exact_match,strict-match"


def test_what_is_no_number_is_no_score() -> None:
    samples = [sample(0, bleu=("a", "b"), loss=2.5)]
    results = {"bleu,none": 30.0, "bad,none": float("nan"), "words,none": "N/A"}
    told = {"higher_is_better": {"task": {"loss": False, "bleu": None}}}
    found = documents(samples, results, **told)
    assert found["scores"] == {"loss,none": [2.5]} and found["aggregated"] == {"bleu,none": 30.0}
    assert found["higher_is_better"] == {"loss,none": False, "bleu,none": True}


def test_a_task_without_scores_per_document_is_judged_by_the_whole() -> None:
    assert documents([], {"word_perplexity,none": 9.0})["primary"] == "word_perplexity,none"
    assert documents([], {})["primary"] is None


TASK = {
    "scores": {
        "acc,none": [1.0, 0.0, 1.0, 1.0],
        "f1,none": [0.5, 0.7],
        "em,none": [0.0, 0.0],
    },
    "aggregated": {
        "acc,none": 0.75,
        "f1,none": 0.9,
        "em,none": 1e-12,
        "word_perplexity,none": 12.5,
    },
    "higher_is_better": {"acc,none": True, "word_perplexity,none": False},
}


@pytest.mark.parametrize(
    ("metric", "value", "interval"),
    [
        ("acc,none", 0.75, True),
        ("f1,none", 0.9, False),  # no mean over documents, so their spread is not its
        ("em,none", 0.0, True),  # rounding is no difference
        ("word_perplexity,none", 12.5, False),
    ],
)
def test_figures(metric: str, value: float, interval: bool) -> None:
    figures = harness.figures({"tasks": {"demo": TASK}})
    assert figures.keys() == {f"demo/{name}" for name in TASK["aggregated"]}
    figure = figures[f"demo/{metric}"]
    assert figure.value == pytest.approx(value) and (figure.low is not None) == interval


def test_units() -> None:
    units = harness.quantities_of({"tasks": {"demo": TASK}})
    told = {name.partition("/")[2]: (unit.unit, unit.better) for name, unit in units.items()}
    assert told == {
        "acc,none": ("fraction", "higher"),
        "f1,none": ("fraction", "higher"),
        "em,none": ("fraction", "higher"),
        "word_perplexity,none": ("1", "lower"),
    }


@pytest.mark.parametrize(("value", "unit"), [(0.0, "fraction"), (1, "fraction"), (1.01, "1")])
def test_shares_are_fractions(value: float, unit: str) -> None:
    task = {"aggregated": {"acc,none": value}, "higher_is_better": {}}
    assert harness.quantities_of({"tasks": {"demo": task}})["demo/acc,none"].unit == unit


def counted(documents: int, generated: int = 0, prompts: int = 0, answers: int = 0) -> Any:
    """A task's raw values as far as they say what was cut."""
    names = [f"{n:012x}" for n in range(documents)]
    cut = {"prompts_cut": prompts, "answers_cut": answers}
    return {"documents": names, "generated": generated, **cut}


def test_what_was_cut_is_said_for_each_task_as_it_was_asked() -> None:
    raw = {
        "tasks": {
            "gsm8k": counted(60, 60, prompts=53, answers=12),
            "piqa": counted(60),
            "mmlu_law": counted(40, prompts=3),
            "mmlu_math": counted(30, prompts=2),
            "drop": counted(10, 20, answers=1),
        },
        "groups": {"mmlu": ["mmlu_law", "mmlu_math"]},
    }
    assert harness.warnings(raw) == [
        "mmlu: 5 of 70 prompts lost their beginning",
        "gsm8k: 53 of 60 prompts lost their beginning, 12 of 60 answers used up their room",
        "drop: 1 of 20 answers used up their room",
    ]
    assert harness.cut(raw) == {
        "gsm8k": "53 prompts, 12 answers",
        "mmlu_law": "3 prompts",
        "mmlu_math": "2 prompts",
        "drop": "1 answer",
        "mmlu": "5 prompts",
    }


def test_older_records_say_what_they_counted() -> None:
    old = {"tasks": {"gsm8k": {"documents": ["a", "b"]}}, "truncated": 2}
    said = "2 prompts did not fit the context and lost their beginning"
    assert harness.warnings(old) == [said] and harness.cut(old) == {}
    assert harness.warnings({}) == [] and harness.cut({}) == {}
