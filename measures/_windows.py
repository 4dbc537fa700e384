"""A text as windows of token ids, and which of their tokens are scored."""

from dataclasses import dataclass
from pathlib import Path

from core import texts
from core.engine import Engine, TokenIds
from quality.questions import Text


@dataclass(frozen=True, kw_only=True)
class Window:
    """Token ids, of which those from `first` on are scored (0 is the first id)."""

    ids: TokenIds
    first: int


def cut(engine: Engine, settings: Text) -> list[Window]:
    """Windows of at most `window` ids, `stride` tokens of text apart; none is scored twice.

    The text is tokenized as a whole and without special tokens.
    """
    text = texts.text(settings.source, Path(settings.data_dir))
    ids = engine.encode(text, special=False)[: settings.tokens]
    begin = engine.start_ids[0] if settings.add_bos_token else None
    return sliding(ids, settings.window, settings.stride, begin)


def sliding(ids: TokenIds, length: int, stride: int, begin: int | None) -> list[Window]:
    """Windows over `ids`, each beginning with `begin` unless that is None.

    A first token without anything before it cannot be scored.
    """
    front = [] if begin is None else [begin]
    body = length - len(front)
    windows: list[Window] = []
    scored = 0
    for start in range(0, len(ids), stride):
        if scored >= len(ids):
            break
        part = ids[start : start + body]
        first = max(len(front) + scored - start, 1)
        if len(front) + len(part) > first:
            windows.append(Window(ids=front + part, first=first))
        scored = start + len(part)
    return windows
