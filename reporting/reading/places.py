"""Where the checkpoints of records are: records name a folder only as the command that ran did.

What was typed is relative to where that command ran, which the place of its results folder tells;
a folder counts when it holds the weights the record is about.
"""

import functools
from collections.abc import Iterable
from pathlib import Path

from checkpoints import bases, checkpoint, models
from checkpoints.models import DEMO, DEMO_PATH
from core.errors import UserError
from core.records import Record
from reporting.reading.results import EXAMPLE, Stored

BASE = "BASE"
RESULTS = {"performance": "perf_results", "quality": "eval_results"}  # where nothing is said


def given(words: list[str], option: str, default: str = "") -> str:
    """The last value of an option on a command line, however it is spelled."""
    value = default
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, is_same, own = word.partition("=")
        if name.startswith("--") and name[2:].replace("-", "_") == option:
            value = own if is_same else following
    return value


def results_folder(stored: Stored) -> Path | None:
    """The results folder a record is in, of the example the one around it; None without a file."""
    if not stored.path.name:
        return None
    folder = stored.path.absolute().parent.parent
    return folder.parent if folder.name == EXAMPLE else folder


def stood(stored: Stored) -> Path:
    """The folder in which the command of a record ran; the current one where nothing tells."""
    results, words = results_folder(stored), stored.record.command
    usual = RESULTS[stored.record.kind]
    named = given(words, "results_dir", usual)
    if stored.record.kind == "quality" and words[:1] == ["pipeline.py"]:
        named = given(words, "eval_results_dir", usual)
    parts = Path(named).parts
    if results is None or Path(named).is_absolute() or results.parts[-len(parts) :] != parts:
        return Path.cwd()
    return Path(*results.parts[: -len(parts)])


def typed(record: Record) -> str:
    """The checkpoint's folder as the command that measured it named it."""
    subject, words = record.subject, record.command
    if subject.model == DEMO and subject.scheme == BASE:
        return "demo/model"
    named = next((word for word in words if Path(word).name == subject.path), None)
    if named is not None:
        return named
    beside = given(words, "output_dir") if subject.scheme != BASE else ""
    return str(Path(beside) / subject.path)


def found(stored: Stored, others: Iterable[Stored] = ()) -> Path | None:
    """The folder with the weights a record is about, None where it is not to be found here.

    Of a base, also where checkpoints among `others` say that theirs is.
    """
    subject, words = stored.record.subject, stored.record.command
    if subject.model == DEMO and subject.scheme == BASE:
        return DEMO_PATH
    start = stood(stored)
    options = [word.partition("=")[2] or word for word in words[1:]]
    likely = [typed(stored.record), subject.path, *(o for o in options if o[:1] != "-")]
    for name in dict.fromkeys(likely):
        if name and _weights(start / name) == subject.fingerprint:
            return start / name
    return _of_checkpoints(others, subject.fingerprint) if subject.scheme == BASE else None


def _of_checkpoints(compressed: Iterable[Stored], fingerprint: str) -> Path | None:
    """Where the checkpoints that are here find the base with these weights."""
    for stored in compressed:
        folder = found(stored)
        try:
            base = bases.find(models.identify(str(folder))) if folder else None
        except UserError:
            continue
        if base is not None and _weights(base) == fingerprint:
            return base
    return None


@functools.lru_cache
def _weights(folder: Path) -> str | None:
    """The fingerprint of the weights in a folder, None where there are none."""
    try:
        return checkpoint.read(folder).fingerprint
    except (UserError, OSError, ValueError):
        return None
