"""What measures read: prompts of a file, a text as windows of token ids, which are scored."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from checkpoints import models
from core import plugins
from core.corpus import DATA_DIR
from core.engine import Engine, TokenIds
from core.errors import UserError
from core.measure import ServedBase
from core.options import DataDir, option

MAX_WINDOW = 2048
AddBosToken = Annotated[bool, option("begin every text with BOS", negative=True)]


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """Which text to read, and how it is cut."""

    text: Annotated[
        str | None, option("text for perplexity and divergence: wikitext, demo, a file, none")
    ] = None
    window: Annotated[int | None, option("tokens of a window; by default up to 2048")] = None
    add_bos_token: AddBosToken = True
    data_dir: DataDir = DATA_DIR


@dataclass(frozen=True, kw_only=True)
class Text:
    """Text in windows of `window` tokens that begin `stride` tokens apart; `tokens` bounds it all.

    Each window begins with the model's BOS token where it has one and `add_bos_token`; that counts
    as one of the window's tokens and is not scored. No token is scored twice. `digest` is the
    text's: another text under the same name is another question. `data_dir` as for `Tasks`.
    """

    source: str
    digest: str
    window: int
    stride: int
    tokens: int | None = None
    add_bos_token: bool = True
    data_dir: str = str(DATA_DIR)


def settings(options: TextOptions, base: ServedBase) -> Text | None:
    """The whole text in windows that do not overlap; None where no text is asked for.

    Raises `UserError` for text that cannot be read, windows that do not fit, and random weights.
    """
    length = window(options.window, base.context_length)
    if options.text == "none":
        return None
    models.refuse_random_weights(base.path)
    demo = base.path.resolve() == models.DEMO_PATH
    source = options.text or ("demo" if demo else "wikitext")
    return Text(
        source=source,
        digest=digest(read_text(source, options.data_dir).encode()),
        window=length,
        stride=length - 1,
        add_bos_token=options.add_bos_token,
        data_dir=str(options.data_dir),
    )


def window(wanted: int | None, longest: int) -> int:
    """Tokens of a window: as asked for, else the largest power of two below `longest`, up to 2048.

    Raises `UserError` when it does not fit the context: one token is always generated.
    """
    if wanted is None:
        return min(MAX_WINDOW, 1 << ((longest - 1).bit_length() - 1))
    if not 2 <= wanted < longest:
        raise UserError(f"--window {wanted} does not fit {longest} tokens of context")
    return wanted


@dataclass(frozen=True, kw_only=True)
class Window:
    """Token ids, of which those from `first` on are scored (0 is the first id)."""

    ids: TokenIds
    first: int


def cut(engine: Engine, settings: Text) -> list[Window]:
    """Windows of at most `window` ids, `stride` tokens of text apart; none is scored twice.

    The text is tokenized as a whole and without special tokens.
    """
    text = read_text(settings.source, Path(settings.data_dir))
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


def read_text(source: str, data_dir: Path = DATA_DIR) -> str:
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
