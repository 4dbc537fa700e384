"""The corpus contract: text to calibrate on, as chats or plain documents, chosen by seed.

A corpus file (`corpora/ultrachat.py`) exports one `CORPUS`. A JSONL file with `messages` or `text`
on every line is a corpus too, named by its path.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import models, plugins
from core.errors import UserError

DATA_DIR = Path("datasets_cache")  # data sets as `download_model.py --datasets` lays them out
NO_TEMPLATE = (
    "{model} has no chat template, which the chats of {source} need: calibrate on text "
    "(--calibration wikitext, or a JSONL with `text`)"
)
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


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Token ids to calibrate on, and what identifies them."""

    source: str
    rows: list[list[int]]
    seed: int

    @property
    def tokens(self) -> int:
        """How many tokens all rows hold."""
        return sum(len(row) for row in self.rows)

    @property
    def fingerprint(self) -> str:
        """16 hex digits over every token id in order."""
        return hashlib.sha256(json.dumps(self.rows).encode()).hexdigest()[:16]


def documents(source: str, count: int, seed: int) -> list[Document]:
    """`count` documents from a corpus by name or from a JSONL file, chosen by `seed`.

    Raises `UserError` for an unknown source, a broken file (with its line) or too few documents.
    """
    if source.endswith((".jsonl", ".json")) or Path(source).is_file():
        return choose(read_jsonl(Path(source)), count, seed, source)
    corpus: Corpus = plugins.load("corpora", source)
    return corpus.load(count, seed)


def text(source: str, data_dir: Path = DATA_DIR) -> str:
    """The text of a corpus by name, or of a file. Raises `UserError` where there is none."""
    path = Path(source)
    if path.is_file():
        try:
            found = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as problem:
            raise UserError(f"{path}: not UTF-8 text ({problem})") from problem
        if not found.strip():
            raise UserError(f"{path}: the file is empty")
        return found
    if "/" in source or path.suffix:
        raise UserError(f"{path}: there is no such file")
    corpus: Corpus = plugins.load("corpora", source)
    if corpus.text is None:
        raise UserError(f"{source} has no text to measure on; `wikitext` and `demo` have")
    return corpus.text(data_dir)


def quiet_libraries() -> None:
    """What fails is told in one sentence; progress bars and retries would only stand before it."""
    import logging

    import datasets

    datasets.disable_progress_bars()
    for name in ("lm_eval", "huggingface_hub", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)


def choose(found: list[Document], count: int, seed: int, source: str) -> list[Document]:
    """A seeded choice without repetition. Raises `UserError` when there are fewer than asked."""
    if count > len(found):
        raise UserError(f"{count} samples were asked for, {source} has {len(found)}")
    return random.Random(seed).sample(found, count)


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


def calibrate(
    model: Path, source: str, count: int, max_tokens: int, seed: int, trust: bool
) -> Calibration:
    """Documents through the model's tokenizer (chats through its chat template), cut to length."""
    chosen = documents(source, count, seed)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=trust)
    if any("messages" in document for document in chosen) and not tokenizer.chat_template:
        raise UserError(NO_TEMPLATE.format(model=model, source=source))
    rows = [_tokenize(tokenizer, document, max_tokens, source) for document in chosen]
    kept = [row for row in rows if row]
    if not kept:
        raise UserError(f"{source} gives no token at all: there is nothing to calibrate on")
    return Calibration(source=source, rows=kept, seed=seed)


def check(source: str, count: int, model: Path) -> None:
    """Raise `UserError` for a source that cannot give `count` documents, as far as files tell.

    Or that has chats where the folder `model` has no template for them.
    """
    if source.endswith((".jsonl", ".json")) or Path(source).is_file():
        chosen = choose(read_jsonl(Path(source)), count, 0, source)
        chats = any("messages" in document for document in chosen)
    else:
        chats = plugins.load("corpora", source).chats
    if chats and not models.has_chat_template(model):
        raise UserError(NO_TEMPLATE.format(model=model, source=source))


def _tokenize(tokenizer: Any, document: Document, max_tokens: int, source: str) -> list[int]:
    """Token ids of one document; a chat template writes its own special tokens."""
    from jinja2 import TemplateError

    if "messages" in document:
        try:
            text = tokenizer.apply_chat_template(document["messages"], tokenize=False)
        except TemplateError as problem:
            roles = ", ".join(message["role"] for message in document["messages"])
            raise UserError(
                f"the chat template refuses a chat of {source} ({problem}; its roles: {roles})"
            ) from problem
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    else:
        ids = tokenizer(document["text"])["input_ids"]
    return list(ids[:max_tokens])
