"""JSON from untrusted files: bounded in size, each key once, else an error in one sentence.

A config of a hundred megabytes of brackets would take gigabytes once parsed, a key given twice is
read differently by different programs, and a number of five thousand digits is no number here.
"""

import json
import stat
from pathlib import Path
from typing import Any

from core.errors import UserError

MAX_BYTES = 64 << 20
MAX_NESTED = 1_000_000  # objects and lists in one document; two hundred bytes each once parsed
MAX_VALUES = 6_000_000
MAX_DIGITS = 308  # of an integer that a float can hold: 1.8e308 is the largest


class Damaged(UserError):
    """A checkpoint is there, but a file of it is broken: what to do is to fetch or make it anew."""


def read_json(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """A JSON object from a file; anything else is a `Damaged` that says where it breaks."""
    return parse_object(read_bytes(path, max_bytes), path, "")


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """The whole of a regular file that is no larger than allowed."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Damaged(f"{path}: not a regular file")
        if status.st_size > max_bytes:
            raise Damaged(f"{path}: {status.st_size:,} bytes, at most {max_bytes:,} are read")
        with path.open("rb") as file:
            return file.read(max_bytes)
    except OSError as problem:
        raise Damaged(f"{path}: cannot be read ({problem.strerror})") from problem


def parse_object(text: bytes, path: Path, what: str) -> dict[str, Any]:
    """A JSON object; `what` names the part of the file in messages (empty: the file itself)."""
    if text.count(b"[") + text.count(b"{") > MAX_NESTED or text.count(b",") > MAX_VALUES:
        raise Damaged(f"{path}: {what}holds more objects and values than any checkpoint has")
    try:
        document = loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as problem:
        where = f"the {what}is broken: " if what else ""
        raise Damaged(f"{path}: {where}not valid JSON ({problem})") from problem
    if not isinstance(document, dict):
        raise Damaged(f"{path}: {f'the {what}is ' if what else ''}not an object")
    return document


def loads(text: str | bytes, **options: Any) -> Any:
    """`json.loads`; an integer that no float can hold is a `ValueError`."""
    return json.loads(text, parse_int=_integer, **options)


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of the pairs. Raises `ValueError` for a key given twice."""
    document = dict(pairs)
    if len(document) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:100]!r} is given twice")
    return document
