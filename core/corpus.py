"""The corpus contract: text to calibrate on, as chats or plain documents, chosen by seed.

A corpus file (`corpora/ultrachat.py`) exports one `CORPUS`. A JSONL file with `messages` or `text`
on every line is a corpus too, named by its path: `compressing.calibration` finds either.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UserError

DATA_DIR = Path("datasets_cache")  # data sets as `download_model.py --datasets` lays them out
Document = dict[str, Any]  # {"messages": [{"role", "content"}, ...]} or {"text": "..."}


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A source of documents; `load(count, seed)` gives the same ones for the same seed.

    `chats` says that these are chats, which need a model's template. `text(data_dir)` gives one
    long text to measure perplexity on, where the source has one; data sets are looked for in
    `data_dir` first.
    """

    summary: str
    load: Callable[[int, int], list[Document]]
    text: Callable[[Path], str] | None = None
    chats: bool = True


def quiet_libraries() -> None:
    """Silence progress bars and retry notices: a failure is reported in one sentence of ours."""
    import logging

    import datasets

    datasets.disable_progress_bars()
    for name in ("lm_eval", "huggingface_hub", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)


def choose(documents: list[Document], count: int, seed: int, source: str) -> list[Document]:
    """A seeded choice without repetition. Raises `UserError` when there are fewer than asked."""
    if count > len(documents):
        raise UserError(f"{count} samples were asked for, {source} has {len(documents)}")
    return random.Random(seed).sample(documents, count)


def read_jsonl(path: Path) -> list[Document]:
    """Every document of a JSONL file; a broken line is a `UserError` that names it."""
    return [_document(where, entry) for where, entry in _objects(path)]


def read_objects(path: Path) -> list[dict[str, Any]]:
    """Every object of a JSONL file; a broken line is a `UserError` that names it."""
    return [entry for _, entry in _objects(path)]


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    empty = True
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                empty = False
                where = f"{path}, line {number}"
                yield where, _object(where, line)
    if empty:
        raise UserError(f"{path}: the file is empty")


def _object(where: str, line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as problem:
        raise UserError(f"{where}: not JSON ({problem})") from problem
    if not isinstance(entry, dict):
        raise UserError(f"{where}: not an object")
    return entry


def _document(where: str, entry: dict[str, Any]) -> Document:
    messages, text = entry.get("messages"), entry.get("text")
    if isinstance(messages, list) and messages and all(map(_is_message, messages)):
        return {"messages": messages}
    if isinstance(text, str) and text.strip():
        return {"text": text}
    raise UserError(f"{where}: has neither `messages` (role, content) nor a `text`")


def _is_message(entry: Any) -> bool:
    return isinstance(entry, dict) and all(
        isinstance(entry.get(key), str) for key in ("role", "content")
    )
