"""What every checkpoint of a comparison is asked: settings of the quality measures.

Each is the settings of one measure, frozen, and equal for every checkpoint: scores are paired only
when they are.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.corpus import DATA_DIR
from core.engine import Options
from core.errors import UserError

DEFAULT_TASKS = ("gsm8k", "hellaswag", "piqa", "arc_easy")
DEMO_TASKS = ("demo_gsm8k", "demo_hellaswag", "demo_piqa", "demo_arc_easy")
REFERENCES = "build/references"  # the bases' distributions
MAX_WINDOW = 2048
SHOTS = 5  # where neither the task nor the user says


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """lm-eval tasks, as its command line takes them.

    `limit` documents of each task (None: all). Without `num_fewshot` a task gets the shots that its
    file says, else 5 where it has a training split; one that says 0 keeps 0 in any case. `data_dir`
    holds data sets as `download_model.py --datasets` or their publishers lay them out;
    `include_path` further task files. With `confirm_run_unsafe_code` tasks may run what the model
    wrote.
    """

    names: tuple[str, ...] = DEFAULT_TASKS
    num_fewshot: int | None = None
    limit: int | None = 250
    add_bos_token: bool = True
    apply_chat_template: bool = False
    log_samples: bool = True
    include_path: str | None = None
    data_dir: str = str(DATA_DIR)
    confirm_run_unsafe_code: bool = False
    seed: int = 1234


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


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """The text to compare distributions on, and the base's distribution of it.

    `reference` is the file that the base (`is_base`) writes and every other checkpoint reads. Of
    each place it keeps the `top_k` likeliest tokens: 8 * tokens * top_k bytes.
    """

    text: Text
    reference: str
    is_base: bool
    top_k: int = 256


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """Prompts with their reference answers, answered greedily, and metrics (files) of one's own.

    With `chat` a prompt is a user message where the model has a chat template. `metric_digests` are
    those of the metrics' files.
    """

    pairs: tuple[tuple[str, str], ...]
    max_new_tokens: int = 128
    chat: bool = True
    metrics: tuple[str, ...] = ()
    metric_digests: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Everything a checkpoint is asked, None for what is not."""

    tasks: Tasks | None = None
    text: Text | None = None
    divergence: Text | None = None
    prompts: Prompts | None = None


def jobs(
    asked: Questions, base: str, engine: str, options: Options, is_base: bool
) -> list[tuple[str, Any]]:
    """Measures and their settings for one checkpoint; `base` is the base's fingerprint.

    The reference file's name says all that the base's distribution depends on.
    """
    found: list[tuple[str, Any]] = []
    if asked.tasks:
        found.append(("harness", asked.tasks))
    if asked.text:
        found.append(("perplexity", asked.text))
    if asked.divergence:
        depends = json.dumps([engine, asdict(options), asdict(asked.divergence)], sort_keys=True)
        path = f"{REFERENCES}/{base}-{digest(depends.encode())}.npz"
        found.append(
            ("divergence", Divergence(text=asked.divergence, reference=path, is_base=is_base))
        )
    if asked.prompts:
        found.append(("references", asked.prompts))
    return found


def primary(metrics: list[str]) -> str | None:
    """The metric a task is judged by: acc_norm, else acc, else strict exact match, else the first.

    Length-normalised accuracy is what published HellaSwag, PIQA and ARC figures mostly are.
    """
    order = ("acc_norm,", "acc,", "exact_match,strict", "exact_match,")
    ranked = [metric for start in order for metric in metrics if metric.startswith(start)]
    return next(iter(ranked + metrics), None)


def digest(content: bytes) -> str:
    """12 hex digits that tell one content from another."""
    return hashlib.sha256(content).hexdigest()[:12]


def window(asked: int | None, longest: int) -> int:
    """Tokens of a window: as asked, else the largest power of two below `longest`, up to 2048.

    Raises `UserError` when it does not fit the context: one token is always generated.
    """
    if asked is None:
        return min(MAX_WINDOW, 1 << ((longest - 1).bit_length() - 1))
    if not 2 <= asked < longest:
        raise UserError(f"--window {asked} does not fit {longest} tokens of context")
    return asked


def read_entries(path: Path) -> list[Any]:
    """A JSON list, empty for another document. Raises `UserError` for a file that is not JSON."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise UserError(f"{path}: not a JSON file of prompts ({problem})") from problem
    return entries if isinstance(entries, list) else []


def read_pairs(path: Path) -> tuple[tuple[str, str], ...]:
    """A JSON list of `{"prompt": ..., "reference": ...}`. Raises `UserError` for anything else."""
    pairs = []
    for number, entry in enumerate(read_entries(path), start=1):
        both = (
            [entry.get(key) for key in ("prompt", "reference")] if isinstance(entry, dict) else []
        )
        texts = [text for text in both if isinstance(text, str) and text.strip()]
        if len(texts) < 2:
            raise UserError(f"{path}: entry {number} wants a `prompt` and a `reference`")
        pairs.append((texts[0], texts[1]))
    if not pairs:
        raise UserError(f'{path}: wants a list of {{"prompt": "...", "reference": "..."}} objects')
    return tuple(pairs)
