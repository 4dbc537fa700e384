"""Which repositories and which of their files are fetched.

choose_model_files(["model.safetensors", "pytorch_model.bin"])  # ["model.safetensors"]
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from checkpoints.loading import BESIDE_WEIGHTS, CHAT_TEMPLATES, CODE
from core.errors import UserError
from hub.names import enumeration, shown

DEFAULT_MODEL = "meta-llama/Meta-Llama-3-8B-Instruct"
FOLDERS = {DEFAULT_MODEL: "llama3_8b"}

MODEL_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    *BESIDE_WEIGHTS,
    "README.md",
)
TEMPLATES = (f"{CHAT_TEMPLATES}/*.jinja",)
NEVER = CODE


@dataclass(frozen=True)
class DataSet:
    """A data set to fetch: in `patterns`, `*` also stands for folders."""

    repo_id: str
    patterns: tuple[str, ...]
    purpose: str


# Evaluation sets are those that lm-eval 0.4.13's tasks name as their dataset_path.
DATA_SETS = (
    DataSet("HuggingFaceH4/ultrachat_200k", ("data/train_sft-*.parquet",), "calibration"),
    DataSet("openai/gsm8k", ("main/*.parquet",), "gsm8k"),
    DataSet("Rowan/hellaswag", ("*.parquet", "*.jsonl"), "hellaswag"),
    DataSet("baber/piqa", ("*.parquet", "*.jsonl", "*.csv"), "piqa"),
    DataSet("allenai/ai2_arc", ("ARC-*/*.parquet",), "arc_easy, arc_challenge"),
    DataSet("EleutherAI/wikitext_document_level", ("wikitext-2-raw-v1/*.parquet",), "wikitext"),
)
# The card holds the names of the configurations and splits: `load_dataset(folder)` reads them.
DATA_SET_CARD = ("README.md", "LICENSE*", "dataset_infos.json")


def folder_name(model: str) -> str:
    """`llama3_8b` for the default model, else the repository's name made safe for a folder."""
    return FOLDERS.get(model) or re.sub(r"[^a-z0-9._-]", "-", model.rpartition("/")[2].lower())


def choose_model_files(paths: list[str]) -> list[str]:
    """Weights, tokenizer and configuration at the top of a repository, and all chat templates.

    Raises `UserError` when it has no safetensors.
    """
    top = [
        path
        for path in paths
        if _matches(path, MODEL_FILES if "/" not in path else TEMPLATES)
        and not _matches(path, NEVER)
    ]
    weights = [p for p in top if p.endswith(".safetensors")]
    if not weights:
        pickles = [p for p in paths if _matches(p, NEVER)]
        only = f" only pickles ({enumeration(map(shown, pickles))})," if pickles else ""
        raise UserError(
            f"This repository has no safetensors weights,{only} and this command never fetches "
            "files that can run code when loaded: choose a repository with safetensors."
        )
    # Mistral's repositories hold the weights twice: transformers reads the model-*.safetensors.
    copies = {p for p in weights if p.startswith("consolidated")}
    return [p for p in top if p not in copies] if copies < set(weights) else top


def choose_data_files(patterns: tuple[str, ...], paths: list[str]) -> list[str]:
    """Files that match and the card; raises `UserError` when no file matches."""
    matching = [p for p in paths if _matches(p, patterns) and not _matches(p, NEVER)]
    if not matching:
        raise UserError(
            f"No file matches {' or '.join(patterns)} among {enumeration(map(shown, paths))}: the "
            "data set is now published in another layout; update DATA_SETS in hub/selection.py."
        )
    return matching + [p for p in paths if _matches(p, DATA_SET_CARD)]


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
