"""UltraChat 200k (HuggingFaceH4/ultrachat_200k, split train_sft): what most published recipes use.

Read from the folder `download_model.py --datasets` fills where there is one, else from the hub.
"""

from typing import TYPE_CHECKING

from core.corpus import DATA_DIR, Corpus, Document, quiet_libraries
from core.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset

REPOSITORY = "HuggingFaceH4/ultrachat_200k"
SPLIT = "train_sft"
LOCAL = DATA_DIR / REPOSITORY.replace("/", "--")


def load(count: int, seed: int) -> list[Document]:
    """`count` chats, shuffled by `seed`. Raises `UserError` without network or with too few."""
    rows = _rows()
    if count > len(rows):
        raise UserError(f"{count} samples were asked for, UltraChat's {SPLIT} has {len(rows)}")
    chosen = rows.shuffle(seed=seed).select(range(count))
    return [{"messages": row["messages"]} for row in chosen]


def _rows() -> "Dataset":
    from datasets import load_dataset

    quiet_libraries()
    parquet = sorted(str(file) for file in LOCAL.rglob(f"*{SPLIT}*.parquet"))
    if parquet:
        return load_dataset("parquet", data_files=parquet, split="train")
    try:
        return load_dataset(REPOSITORY, split=SPLIT)
    except Exception as problem:  # httpx's, the hub's and datasets' errors share no other base
        raise UserError(
            f"cannot fetch {REPOSITORY} ({type(problem).__name__}): on a machine with network run "
            "`python download_model.py --datasets` and copy datasets_cache/, or give your own text "
            "with --calibration FILE.jsonl"
        ) from problem


CORPUS = Corpus(summary="UltraChat 200k, 207,865 chats between a user and an assistant", load=load)
