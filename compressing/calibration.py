"""Calibration text: documents of a corpus through the model's own tokenizer."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checkpoints import models
from core import plugins
from core.corpus import Document, choose, read_jsonl
from core.errors import UserError, first_line
from guarding import bounded, templates

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RENDERING_S = 120  # and one for every hundred chats, ten times what they take
RENDERING_BYTES = 2 << 30
NO_TEMPLATE = (
    "{model} has no chat template, which the chats of {source} need: calibrate on text "
    "(--calibration wikitext, or a JSONL with `text`)"
)


def documents(source: str, count: int, seed: int) -> list[Document]:
    """`count` documents from a corpus by name or from a JSONL file, chosen by `seed`.

    Raises `UserError` for an unknown source, a broken file (with its line) or too few documents.
    """
    if source.endswith((".jsonl", ".json")) or Path(source).is_file():
        return choose(read_jsonl(Path(source)), count, seed, source)
    corpus = plugins.load("corpora", source)
    return corpus.load(count, seed)


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


def calibrate(
    model: Path, source: str, count: int, max_tokens: int, seed: int, trust: bool
) -> Calibration:
    """Documents through the model's tokenizer (chats through its chat template), cut to length."""
    chosen = documents(source, count, seed)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=trust)
    except Exception as problem:  # the libraries' errors share no other base
        why = f"{type(problem).__name__}: {first_line(problem)}"
        raise UserError(f"the tokenizer of {model} cannot be loaded ({why})") from problem
    if any("messages" in document for document in chosen) and not tokenizer.chat_template:
        raise UserError(NO_TEMPLATE.format(model=model, source=source))
    texts = bounded.within(
        RENDERING_S + count // 100, RENDERING_BYTES, f"the chat template of {model.name}",
        _render_all, tokenizer, chosen, source,
    )  # fmt: skip
    rows = [
        _tokenize(tokenizer, text, "messages" not in document, max_tokens)
        for text, document in zip(texts, chosen, strict=True)
    ]
    nonempty = [row for row in rows if row]
    if not nonempty:
        raise UserError(f"{source} gives no token at all: there is nothing to calibrate on")
    return Calibration(source=source, rows=nonempty, seed=seed)


def check(source: str, count: int, model: Path) -> None:
    """Raise `UserError` for a source that cannot give `count` documents, as far as files show.

    The same for a source of chats where the model in the folder `model` has no chat template.
    """
    if source.endswith((".jsonl", ".json")) or Path(source).is_file():
        chosen = choose(read_jsonl(Path(source)), count, 0, source)
        chats = any("messages" in document for document in chosen)
    else:
        chats = plugins.load("corpora", source).chats
    if not chats:
        return
    if not models.has_chat_template(model):
        raise UserError(NO_TEMPLATE.format(model=model, source=source))
    templates.check(model)


def _render_all(
    tokenizer: "PreTrainedTokenizerBase", chosen: list[Document], source: str
) -> list[str]:
    """Each document as text, chats as the chat template writes them."""
    return [
        _render(tokenizer, document, source) if "messages" in document else document["text"]
        for document in chosen
    ]


def _render(tokenizer: "PreTrainedTokenizerBase", document: Document, source: str) -> str:
    from jinja2 import TemplateError

    try:
        return str(tokenizer.apply_chat_template(document["messages"], tokenize=False))
    except TemplateError as problem:
        roles = ", ".join(message["role"] for message in document["messages"])
        raise UserError(f"it refuses a chat of {source} ({problem}; its roles: {roles})") from None


def _tokenize(
    tokenizer: "PreTrainedTokenizerBase", text: str, special: bool, max_tokens: int
) -> list[int]:
    """Token ids of one document; a chat template writes its own special tokens."""
    return list(tokenizer(text, add_special_tokens=special)["input_ids"][:max_tokens])
