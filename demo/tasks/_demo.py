"""Data of the demo tasks: the held-out and few-shot sets in `demo/data`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

DATA = Path(__file__).resolve().parent.parent / "data"


def load(train: str, test: str = "", validation: str = "", **metadata: Any) -> "DatasetDict":
    """A data set of JSONL files, one a split (`test="gsm8k_test"`); lm-eval adds its metadata."""
    from datasets import Dataset, DatasetDict

    named = {"train": train, "test": test, "validation": validation}
    return DatasetDict({split: Dataset.from_list(_rows(n)) for split, n in named.items() if n})


def _rows(name: str) -> list[dict[str, Any]]:
    text = (DATA / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def hellaswag_docs(documents: "Dataset") -> "Dataset":
    """The fields that lm-eval's HellaSwag makes of the published ones."""

    def fields(row: dict[str, Any]) -> dict[str, Any]:
        context = f"{row['ctx_a']} {row['ctx_b'].capitalize()}"
        return {
            "query": f"{row['activity_label']}: {context}",
            "choices": row["endings"],
            "gold": int(row["label"]),
        }

    return documents.map(fields)
