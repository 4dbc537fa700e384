"""Data sets of lm-eval tasks from local files instead of the hub.

A folder of data sets may hold them as `download_model.py --datasets` does (`openai--gsm8k/`) or as
their publishers do (`gsm8k_test.jsonl`, `piqa_valid.jsonl` with its `-labels.lst`, ...). Rows get
the fields the hub's versions have, so the tasks need not know.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.corpus import read_objects
from core.errors import UserError

Row = dict[str, Any]


def _arc(row: Row) -> Row:
    """AI2's own release keeps the choices inside the question."""
    if isinstance(row.get("choices"), dict):
        return row
    question = row["question"]
    choices = question["choices"]
    return {
        "id": row["id"],
        "question": question["stem"],
        "choices": {"text": [c["text"] for c in choices], "label": [c["label"] for c in choices]},
        "answerKey": row["answerKey"],
    }


def _hellaswag(row: Row) -> Row:
    return {**row, "label": str(row["label"])}


def _gsm8k(row: Row) -> Row:
    return {"question": row["question"], "answer": row["answer"]}


def _piqa(row: Row) -> Row:
    return {key: row[key] for key in ("goal", "sol1", "sol2", "label")}


# data set and configuration on the hub: its files' first name, its splits' names, its rows
PUBLISHED: dict[tuple[str, str | None], tuple[str, dict[str, str], Callable[[Row], Row]]] = {
    ("openai/gsm8k", "main"): ("gsm8k", {"train": "train", "test": "test"}, _gsm8k),
    ("Rowan/hellaswag", None): ("hellaswag", {"train": "train", "validation": "val"}, _hellaswag),
    ("baber/piqa", None): ("piqa", {"train": "train", "validation": "valid"}, _piqa),
    ("allenai/ai2_arc", "ARC-Easy"): (
        "ARC-Easy",
        {"train": "Train", "validation": "Dev", "test": "Test"},
        _arc,
    ),
    ("allenai/ai2_arc", "ARC-Challenge"): (
        "ARC-Challenge",
        {"train": "Train", "validation": "Dev", "test": "Test"},
        _arc,
    ),
}


@contextlib.contextmanager
def local(data_dir: Path) -> Iterator[None]:
    """Tasks built in the block take their data from `data_dir` where it is there, else as usual."""
    import lm_eval.api.task

    library = lm_eval.api.task.datasets
    usual = library.load_dataset

    def load(path: str | None = None, name: str | None = None, **options: Any) -> Any:
        data = fetched(data_dir, path, name) or published(data_dir, path, name)
        return usual(path=path, name=name, **options) if data is None else data

    library.load_dataset = load
    try:
        yield
    finally:
        library.load_dataset = usual


def fetched(data_dir: Path, path: str | None, name: str | None) -> Any:
    """A data set in its `<org>--<name>` folder, None when that is not there.

    A split's files are found by their names (`main/test-00000-of-00001.parquet`).
    """
    folder = data_dir / (path or "").replace("/", "--")
    if not path or not folder.is_dir():
        return None
    from datasets import load_dataset

    files = sorted(folder.rglob("*.parquet"))
    named = [f for f in files if name in f.relative_to(folder).parts]
    flat = [f for f in files if f.parent == folder or f.parent.name == "data"]
    splits: dict[str, list[str]] = {}
    for file in named or flat:
        splits.setdefault(file.name.partition("-")[0], []).append(str(file))
    if not splits:
        raise UserError(f"{folder} holds no parquet file of {name or path}: fetch it again")
    return load_dataset("parquet", data_files=splits)


def published(data_dir: Path, path: str | None, name: str | None) -> Any:
    """A data set from files as its publishers name them, None when none of them is there."""
    known = PUBLISHED.get((path or "", name))
    if known is None:
        return None
    data_set, splits, convert = known
    rows_by_split = {}
    for split, called in splits.items():
        names = (
            f"{data_set}_{called}",
            f"{data_set}-{called}",
            f"{data_set}/{called}",
            f"{data_set}/{data_set}-{called}",
        )
        file = next((f for n in names if (f := data_dir / f"{n}.jsonl").is_file()), None)
        if file is not None:
            rows_by_split[split] = _rows(file, convert)
    if not rows_by_split:
        return None
    from datasets import Dataset, DatasetDict

    datasets_by_split = {split: Dataset.from_list(rows) for split, rows in rows_by_split.items()}
    empty = next(iter(datasets_by_split.values())).select(
        []
    )  # lm-eval wants every split, used or not
    return DatasetDict({split: datasets_by_split.get(split, empty) for split in splits})


def _rows(file: Path, convert: Callable[[Row], Row]) -> list[Row]:
    rows = read_objects(file)
    labels = file.with_name(f"{file.stem}-labels.lst")
    if labels.is_file():
        given = labels.read_text(encoding="utf-8").split()
        if len(given) != len(rows):
            raise UserError(f"{labels} has {len(given)} labels for {len(rows)} rows")
        rows = [{**row, "label": int(label)} for row, label in zip(rows, given, strict=True)]
    try:
        return [convert(row) for row in rows]
    except (KeyError, TypeError) as problem:
        raise UserError(f"{file}: a row is not as published ({problem!r})") from problem
