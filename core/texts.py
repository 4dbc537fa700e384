"""Text by name: a corpus of `corpora/`, or a file of the user's."""

import hashlib
import json
from pathlib import Path
from typing import Any

from core import plugins
from core.corpus import DATA_DIR, Document, choose, read_jsonl
from core.errors import UserError


def documents(source: str, count: int, seed: int) -> list[Document]:
    """`count` documents from a corpus by name or from a JSONL file, chosen by `seed`.

    Raises `UserError` for an unknown source, a broken file (with its line) or too few documents.
    """
    if source.endswith((".jsonl", ".json")) or Path(source).is_file():
        return choose(read_jsonl(Path(source)), count, seed, source)
    corpus = plugins.load("corpora", source)
    return corpus.load(count, seed)


def text(source: str, data_dir: Path = DATA_DIR) -> str:
    """The text of a corpus by name, or of a file. Raises `UserError` where there is none."""
    path = Path(source)
    if path.is_file():
        try:
            content = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as problem:
            raise UserError(f"{path}: not UTF-8 text ({problem})") from problem
        if not content.strip():
            raise UserError(f"{path}: the file is empty")
        return content
    if "/" in source or path.suffix:
        raise UserError(f"{path}: there is no such file")
    corpus = plugins.load("corpora", source)
    if corpus.text is None:
        raise UserError(f"{source} has no text to measure on; `wikitext` and `demo` have")
    return corpus.text(data_dir)


def read_entries(path: Path) -> list[Any]:
    """A JSON list, empty for another document. Raises `UserError` for a file that is not JSON."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise UserError(f"{path}: not a JSON file of prompts ({problem})") from problem
    return entries if isinstance(entries, list) else []


def digest(content: bytes) -> str:
    """12 hex digits of the SHA-256 of some content."""
    return hashlib.sha256(content).hexdigest()[:12]
