"""Calibration text: documents of a corpus through the model's own tokenizer."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checkpoints import models
from core import plugins
from core.corpus import Document, choose, read_jsonl
from core.errors import UserError
from core.texts import documents

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NO_TEMPLATE = (
    "{model} has no chat template, which the chats of {source} need: calibrate on text "
    "(--calibration wikitext, or a JSONL with `text`)"
)


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

    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=trust)
    if any("messages" in document for document in chosen) and not tokenizer.chat_template:
        raise UserError(NO_TEMPLATE.format(model=model, source=source))
    rows = [_tokenize(tokenizer, document, max_tokens, source) for document in chosen]
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
    if chats and not models.has_chat_template(model):
        raise UserError(NO_TEMPLATE.format(model=model, source=source))


def _tokenize(
    tokenizer: "PreTrainedTokenizerBase", document: Document, max_tokens: int, source: str
) -> list[int]:
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
