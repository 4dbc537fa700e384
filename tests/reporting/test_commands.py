"""What would settle an open quality: the command with all its options, or why there is none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.records import Record
from quality.comparison import Margin, Quality
from quality.paired import compare
from reporting.deciding import commands
from reporting.deciding.candidate import Candidate
from reporting.deciding.study import Study
from reporting.reading.results import Stored
from tests.quality_records import harness
from tests.report_case import OPTIONS, performance, quality

OPEN = Quality(
    tasks={},
    p_values={},
    aggregate=None,
    verdict="undecided",
    reason="",
    judged=("a", "b"),
    documents_needed=700,
)
SETTINGS = {"names": ["a", "b", "c"], "limit": 40, "num_fewshot": None, "include_path": "own"}


def scored(scheme: str, documents: int = 40, **changes: Any) -> Record:
    """Scores of three tasks of so many documents."""
    tasks = {name: [1.0] * documents for name in "abc"}
    made = harness(scheme, tasks)
    subject = made.subject.model_copy(update={"path": f"tiny-{scheme}", "manifest": {"model": "t"}})
    fields = {"engine": "vllm", "options": OPTIONS, "settings": SETTINGS, "subject": subject}
    return made.model_copy(update={**fields, **changes})


def candidate(*records: Record, path: str = "", compared: Quality | None = OPEN) -> Candidate:
    made = Candidate(records[0].subject.scheme, compared=compared)
    for record in records:
        made.quality[record.measure] = Stored.of(record, Path(path))
    return made


def command(own: Candidate, base: Candidate | None = None, margins: Any = None) -> str:
    both = [each for each in (base, own) if each]
    study = Study(model="tiny", candidates=both, context={}, margins=margins or {"": Margin()})
    return commands.score_command(study, own)


MINE = "python score.py --model tiny-INT8-W8A8"
ASKED = "--tasks a,b --limit 700 --include_path own"


def test_the_question_is_asked_again_of_the_tasks_that_decide() -> None:
    assert command(candidate(scored("INT8-W8A8"))) == f"{MINE} {ASKED} --max_model_len 1024"


@pytest.mark.parametrize(
    ("documents", "available", "named"),
    [(40, None, True), (700, None, False), (900, None, False), (500, 500, False), (40, 500, True)],
)
def test_a_base_with_fewer_documents_is_named(
    documents: int, available: int | None, named: bool
) -> None:
    base = scored("BASE", documents)
    for task in (base.raw or {})["tasks"].values():
        task["available"] = available
    line = command(candidate(scored("INT8-W8A8")), candidate(base, compared=None))
    assert line.startswith(f"{MINE} {'--model tiny-BASE ' if named else ''}--tasks")


def test_every_option_it_was_served_with() -> None:
    options = {**OPTIONS, "dtype": "float16", "tensor_parallel_size": 2, "enforce_eager": True}
    own = scored(
        "INT8-W8A8",
        options={**options, "kv_cache_memory_bytes": 1 << 30},
        engine="fake",
        command=["score.py", "--allow_fallback"],
        settings={
            **SETTINGS,
            "num_fewshot": 3,
            "apply_chat_template": True,
            "add_bos_token": False,
            "data_dir": "elsewhere",
        },
    )
    assert command(
        candidate(own, path="other/tiny-INT8-W8A8/harness.json"),
        margins={"": Margin(points=None, recovery=99), "FP8-W8A8": Margin(points=2.5)},
    ) == (
        f"{MINE} --tasks a,b --num_fewshot 3 --limit 700 --no_add_bos_token --apply_chat_template "
        "--include_path own --data_dir elsewhere --margin 99%,FP8-W8A8=2.5 --engine fake "
        "--dtype float16 --max_model_len 1024 --tensor_parallel_size 2 --enforce_eager "
        "--kv_cache_memory_bytes 1073741824 --allow_fallback --results_dir other"
    )


def test_the_usual_folder_is_not_named() -> None:
    own = candidate(scored("INT8-W8A8"), path="eval_results/tiny-INT8-W8A8/harness.json")
    assert "--results_dir" not in command(own)


def test_what_is_known_of_texts_is_not_asked_again() -> None:
    text = quality("INT8-W8A8")[1]
    assert " --text none " in command(candidate(scored("INT8-W8A8"), text))
    failed = text.model_copy(update={"status": "failed"})
    assert "--text" not in command(candidate(scored("INT8-W8A8"), failed))


def test_all_documents_and_no_fewer_than_before() -> None:
    whole = scored("INT8-W8A8", settings={**SETTINGS, "limit": None})
    assert " --tasks a,b --limit 0 --include_path own " in command(candidate(whole))
    more = scored("INT8-W8A8", settings={**SETTINGS, "limit": 900})
    assert " --limit 900 " in command(candidate(more))
    closed = replace(OPEN, documents_needed=None)
    line = command(candidate(scored("INT8-W8A8"), compared=closed))
    assert " --tasks a,b,c --limit 40 " in line


def test_a_checkpoint_never_scored_is_asked_as_its_base_was() -> None:
    own = Candidate("INT8-W8A8")
    own.performance = {"memory": Stored.of(performance("INT8-W8A8", 1, 1)[-1])}
    base = candidate(scored("BASE"), compared=None)
    assert command(own, base) == (
        f"{MINE} --tasks a,b,c --limit 40 --include_path own --text none --max_model_len 1024"
    )
    assert command(own) == f"{MINE} --max_model_len 1024"


def test_a_checkpoint_of_others_does_not_name_its_base() -> None:
    own = scored("INT8-W8A8")
    foreign = own.subject.model_copy(update={"manifest": {}})
    line = command(candidate(own.model_copy(update={"subject": foreign})))
    assert line.startswith(f"{MINE} --base tiny --tasks")
    demo = Study(
        model="demo",
        candidates=[candidate(scored("BASE")), candidate(own)],
        context={},
        margins={},
    )
    assert commands.score_command(demo, demo.candidates[1]).startswith(f"{MINE} --model demo ")


PASSED = compare([1.0] * 1000, [1.0] * 1000)
BOTH = "Add tasks (score.py --tasks) or state a wider --margin."
BEYOND: list[tuple[Quality | None, list[str]]] = [
    (None, []),
    (OPEN, []),
    (replace(OPEN, verdict="pass", documents_needed=None), []),
    (replace(OPEN, verdict=None, documents_needed=None), []),
    (replace(OPEN, documents_needed=None), [BOTH]),
    (
        replace(OPEN, documents_needed=None, available={"a": 500, "b": 800}),
        [f"These tasks have only 1,300 documents: they hardly decide it. {BOTH}"],
    ),
    (replace(OPEN, documents_needed=None, available={"a": 500}), [BOTH]),
    (replace(OPEN, documents_needed=None, judged=()), ["Add tasks (score.py --tasks)."]),
    (
        replace(OPEN, documents_needed=None, aggregate=PASSED, contradiction="they diverge"),
        ["Look at its answers (vllm_test.py) and its layers (analyze.py)."],
    ),
]


@pytest.mark.parametrize(("compared", "sentences"), BEYOND)
def test_where_more_documents_decide_nothing(
    compared: Quality | None, sentences: list[str]
) -> None:
    assert commands.too_few_documents(candidate(scored("X"), compared=compared)) == sentences
