"""Data of the real tasks from local files, as downloaded and as published; no hub is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from measures._windows import read_text
from quality import tasks
from quality.tasks import Tasks

pytestmark = pytest.mark.real
ARC = {"id": "1", "question": "2+2?", "choices": {"text": ["3", "4"], "label": ["A", "B"]},
       "answerKey": "B"}  # fmt: skip
AI2 = {"id": "1", "question": {"stem": "2+2?", "choices": [
    {"text": "3", "label": "A"}, {"text": "4", "label": "B"}]}, "answerKey": "B"}  # fmt: skip
EVENT = {"ind": 1, "activity_label": "Cooking", "ctx_a": "A man cooks.", "ctx_b": "he",
         "ctx": "A man cooks. he", "endings": ["eats.", "flies."], "label": 0}  # fmt: skip
GOAL = {"goal": "Open a jar", "sol1": "Twist the lid.", "sol2": "Eat the lid."}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def build(name: str, data: Path, shots: int | None = 0) -> Any:
    asked = Tasks(names=(name,), num_fewshot=shots, data_dir=str(data))
    return next(iter(tasks.build(asked)["tasks"].values()))


def test_published_files(tmp_path: Path) -> None:
    write(tmp_path / "gsm8k_test.jsonl", [{"question": "1+1?", "answer": "#### 2"}] * 3)
    write(tmp_path / "hellaswag_val.jsonl", [EVENT] * 4)
    write(tmp_path / "ARC-Easy" / "ARC-Easy-Test.jsonl", [AI2] * 5)
    write(tmp_path / "piqa" / "valid.jsonl", [GOAL] * 2)
    (tmp_path / "piqa" / "valid-labels.lst").write_text("0\n1\n")
    found = {n: build(n, tmp_path) for n in ("gsm8k", "hellaswag", "arc_easy", "piqa")}
    assert {n: len(task.eval_docs) for n, task in found.items()} == {
        "gsm8k": 3,
        "hellaswag": 4,
        "arc_easy": 5,
        "piqa": 2,
    }
    for task in found.values():
        document = task.eval_docs[0]
        assert task.doc_to_text(document) and task.doc_to_target(document) is not None
    assert found["arc_easy"].doc_to_target(found["arc_easy"].eval_docs[0]) in (1, "1")
    assert [row["label"] for row in found["piqa"].eval_docs] == [0, 1]


def test_downloaded_folders_by_configuration(tmp_path: Path) -> None:
    from datasets import Dataset

    folder = tmp_path / "allenai--ai2_arc" / "ARC-Easy"
    folder.mkdir(parents=True)
    for split, count in (("train", 2), ("validation", 2), ("test", 6)):
        Dataset.from_list([ARC] * count).to_parquet(folder / f"{split}-00000-of-00001.parquet")
    assert len(build("arc_easy", tmp_path, 1).eval_docs) == 6
    with pytest.raises(UserError, match="ARC-Challenge"):
        build("arc_challenge", tmp_path)


@pytest.mark.parametrize(
    ("file", "rows", "task", "shots", "sentence"),
    [
        ("piqa_valid.jsonl", [GOAL], "piqa", 0, "not as published"),
        ("gsm8k_test.jsonl", [{"q": 1}], "gsm8k", 0, "not as published"),
        ("gsm8k_test.jsonl", [{"question": "?", "answer": "1"}], "gsm8k", None, "5 shots come"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path,
    file: str,
    rows: list[dict[str, Any]],
    task: str,
    shots: int | None,
    sentence: str,
) -> None:
    write(tmp_path / file, rows)
    with pytest.raises(UserError, match=sentence):
        build(task, tmp_path, shots)


def test_labels_must_be_as_many_as_rows(tmp_path: Path) -> None:
    write(tmp_path / "piqa_valid.jsonl", [GOAL] * 2)
    (tmp_path / "piqa_valid-labels.lst").write_text("0\n")
    with pytest.raises(UserError, match="1 labels for 2 rows"):
        build("piqa", tmp_path)


def test_the_text_for_perplexity_is_looked_for_there_too(tmp_path: Path) -> None:
    from datasets import Dataset

    folder = tmp_path / "EleutherAI--wikitext_document_level" / "wikitext-2-raw-v1"
    folder.mkdir(parents=True)
    pages = Dataset.from_dict({"page": ["One article.", "Another."]})
    pages.to_parquet(folder / "test-00000-of-00001.parquet")
    assert read_text("wikitext", tmp_path) == "One article.\n\nAnother."
