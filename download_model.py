"""Fetch a model from the hub, and with `--datasets` the data, to carry them where no network is.

    python download_model.py
    python download_model.py Qwen/Qwen3-0.6B --output_dir models/qwen --datasets

Takes safetensors, tokenizer and configuration files, never pickles or code.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from core.cli import FAILED, application, print_json, say
from core.errors import UserError
from hub.download import Listing, check_name, listing
from hub.folders import check_folder, check_space, fetch, is_whole

DEFAULT_MODEL = "meta-llama/Meta-Llama-3-8B-Instruct"
FOLDERS = {DEFAULT_MODEL: "llama3_8b"}

MODEL_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "spiece.model",
    "chat_template*",
    "LICENSE*",
    "README.md",
    "USE_POLICY.md",
)
# Loading these can run code of whoever published them.
NEVER = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt", "*.h5", "*.msgpack", "*.py")


class DataSet(NamedTuple):
    """A data set that `--datasets` fetches: `*` in `files` also stands for folders."""

    repo_id: str
    files: tuple[str, ...]
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


class Wanted(NamedTuple):
    """What to fetch where; `choose` picks among the published paths."""

    repo_id: str
    repo_type: str
    revision: str
    folder: Path
    choose: Callable[[list[str]], list[str]]


def main(
    model: Annotated[str, typer.Argument(help="The model on the hub: org/name.")] = DEFAULT_MODEL,
    revision: Annotated[
        str, typer.Option("--revision", help="Branch, tag or commit; the commit is recorded.")
    ] = "main",
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output_dir",
            help="The model's folder. Without it: llama3_8b for the default model, else the "
            "name in lower case, anything but a-z 0-9 . _ - replaced by -.",
        ),
    ] = None,
    datasets: Annotated[
        bool, typer.Option("--datasets", help="Also fetch calibration and evaluation data.")
    ] = False,
    datasets_dir: Annotated[
        Path | None,
        typer.Option("--datasets_dir", help="Their folder; datasets_cache beside the model's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Fetch a model (safetensors and tokenizer only) from the hub, resumed where it stopped.

    A gated model needs its licence accepted and `hf auth login` or HF_TOKEN.
    """
    folder = output_dir or Path(folder_name(model))
    wanted = [Wanted(model, "model", revision, folder, choose_model_files)]
    if datasets:
        wanted += data_sets(datasets_dir or folder.resolve().parent / "datasets_cache")
    done, failed = download(wanted)
    for entry in done:
        say(told(entry), "green")
    for sentence in failed:
        say(sentence, "red")
    if as_json:
        print_json({"model": done[0], "datasets": done[1:], "failed": failed})
    if failed:
        raise typer.Exit(FAILED)


def folder_name(model: str) -> str:
    """`llama3_8b` for the default model, else the repository's name made safe for a folder."""
    return FOLDERS.get(model) or re.sub(r"[^a-z0-9._-]", "-", model.rpartition("/")[2].lower())


def choose_model_files(paths: list[str]) -> list[str]:
    """Weights, tokenizer and configuration at the top of a repository.

    Raises `UserError` when it has no safetensors.
    """
    top = [p for p in paths if "/" not in p and not _any(p, NEVER) and _any(p, MODEL_FILES)]
    weights = [p for p in top if p.endswith(".safetensors")]
    if not weights:
        pickles = [p for p in paths if _any(p, NEVER)]
        only = f" only pickles ({', '.join(pickles[:3])})," if pickles else ""
        raise UserError(
            f"This repository has no safetensors weights,{only} and this command never fetches "
            "files that can run code when loaded: choose a repository with safetensors."
        )
    # Mistral's repositories hold the weights twice: transformers reads the model-*.safetensors.
    twice = {p for p in weights if p.startswith("consolidated")}
    return [p for p in top if p not in twice] if twice < set(weights) else top


def data_sets(home: Path) -> list[Wanted]:
    """`DATA_SETS`, each in `<org>--<name>` under `home`."""
    return [
        Wanted(
            data_set.repo_id,
            "dataset",
            "main",
            home / data_set.repo_id.replace("/", "--"),
            partial(choose_data_files, data_set.files),
        )
        for data_set in DATA_SETS
    ]


def choose_data_files(patterns: tuple[str, ...], paths: list[str]) -> list[str]:
    """Files that match and the card; raises `UserError` when no file matches."""
    matching = [p for p in paths if _any(p, patterns) and not _any(p, NEVER)]
    if not matching:
        raise UserError(
            f"No file matches {' or '.join(patterns)} among {', '.join(paths[:6])}: the data set "
            "is now published in another layout; update DATA_SETS in download_model.py."
        )
    return matching + [p for p in paths if _any(p, DATA_SET_CARD)]


def download(wanted: list[Wanted]) -> tuple[list[dict[str, Any]], list[str]]:
    """Fetch the first (the model), then the rest; returns what was written and what failed.

    Everything is listed and the disk checked before the first byte is fetched.

    Raises `UserError` when the first cannot be had; of the others each ends only itself.
    """
    failed: list[str] = []
    plan = [(_list(wanted[0]), wanted[0].folder)]
    for each in wanted[1:]:
        with _noted(each.repo_id, failed):
            plan.append((_list(each), each.folder))
    check_space(plan)
    done = [_bring(*plan[0])]
    for listed, folder in plan[1:]:
        with _noted(listed.repo_id, failed):
            done.append(_bring(listed, folder))
    return done, failed


def told(entry: dict[str, Any]) -> str:
    """The line that says what is where."""
    size = f"{entry['files']} files, {entry['bytes'] / 1e9:.2f} GB"
    what = f"{entry['repo_id']} at commit {entry['commit'][:8]} ({size})"
    state = "is already complete in" if entry["already_there"] else "was written to"
    return f"{what} {state} {entry['folder']}"


def _any(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


@contextmanager
def _noted(repo_id: str, failed: list[str]) -> Iterator[None]:
    try:
        yield
    except UserError as problem:
        failed.append(f"{repo_id} was not fetched: {problem}")


def _list(wanted: Wanted) -> Listing:
    check_name(wanted.repo_id)
    check_folder(wanted.folder, wanted.repo_id)
    return listing(wanted.repo_id, wanted.repo_type, wanted.revision, wanted.choose)


def _bring(listed: Listing, folder: Path) -> dict[str, Any]:
    total_bytes = sum(file.size for file in listed.files)
    already_there = is_whole(folder, listed)
    if not already_there:
        say(f"{listed.repo_id}: {len(listed.files)} files, {total_bytes / 1e9:.2f} GB")
        fetch(listed, folder)
    return {
        "repo_id": listed.repo_id,
        "revision": listed.revision,
        "commit": listed.commit,
        "folder": str(folder),
        "files": len(listed.files),
        "bytes": total_bytes,
        "already_there": already_there,
    }


if __name__ == "__main__":
    application(main)()
