"""JSON from untrusted files: bounded in size, each key once, else an error in one sentence.

A config of a hundred megabytes of brackets would take gigabytes once parsed, a key given twice is
read differently by different programs, and a number of five thousand digits is no number here.
"""

import json
import re
import stat
from pathlib import Path
from typing import Any

from core.errors import UserError

MAX_BYTES = 64 << 20
MAX_NESTED = 1_000_000  # objects and lists in one document; two hundred bytes each once parsed
MAX_VALUES = 6_000_000
MAX_DIGITS = 308  # of an integer that a float can hold: 1.8e308 is the largest
# Of what is kept and computed with: squares and ratios of such numbers are floats too.
SMALLEST, LARGEST = 1e-100, 1e100
DEEPEST = 100  # objects and lists in each other
SURROGATE = re.compile(r"[\ud800-\udfff]")
# What a text must hold for its document to have a `fault`, but for nesting: with fewer than 49
# digits in a row and an exponent below 50, a number is between 1e-98 and 1e98.
SUSPECT = re.compile(
    r"(?:NaN|Infinity|\d[eE][+-]?(?:0*[5-9]\d|0*\d{3,}))(?=[\s,\]}])|\d{49}|\\u[dD][89a-fA-F]"
)


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
    try:
        document = loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as problem:
        where = f"the {what}is broken: " if what else ""
        raise Damaged(f"{path}: {where}not valid JSON ({problem})") from problem
    if not isinstance(document, dict):
        raise Damaged(f"{path}: {f'the {what}is ' if what else ''}not an object")
    return document


def loads(text: str | bytes, **options: Any) -> Any:
    """`json.loads`; an integer that no float can hold is a `ValueError`, as is too much at once."""
    check_amount(text)
    return json.loads(text, parse_int=_integer, **options)


def check_amount(text: str | bytes) -> None:
    """Raise `ValueError` for JSON that would take gigabytes once parsed."""
    nested, values = _count(text, "[") + _count(text, "{"), _count(text, ",")
    if nested > MAX_NESTED or values > MAX_VALUES:
        raise ValueError("more objects and values than any file here has")


def _count(text: str | bytes, sign: str) -> int:
    return text.count(sign) if isinstance(text, str) else text.count(sign.encode())


def usable(number: float) -> bool:
    """Whether a number can be computed with: 0, or between 1e-100 and 1e100 in size."""
    return number == 0 or SMALLEST <= abs(number) <= LARGEST


def unusable(number: float) -> str:
    """Why a number is not `usable`."""
    return f"{float(number):.3g} is no finite number between 1e-100 and 1e100 in size"


def fault(document: Any) -> str | None:
    """The first value nothing can be made of, as `place: why`; None for a document without one.

    Such are numbers that are not `usable`, text that UTF-8 cannot hold, and nesting without end.
    """
    left: list[tuple[Any, str, int]] = [(document, "", 0)]
    while left:
        value, place, depth = left.pop()
        why = _fault(value, depth)
        if why is not None:
            return f"{place[1:]}: {why}"
        if isinstance(value, dict):
            inner = [(part, f"{place}.{key}", depth + 1) for key, part in value.items()]
            left += [*reversed(inner), *((key, place, 0) for key in value)]
        elif isinstance(value, list):
            inner = [(part, f"{place}.{n}", depth + 1) for n, part in enumerate(value)]
            left += reversed(inner)
    return None


def nesting(document: Any) -> str | None:
    """The `fault` that a document may have whose text holds nothing `SUSPECT`: its nesting."""
    level = [document]
    for _ in range(DEEPEST + 1):
        inside = [each for each in level if type(each) in (dict, list)]
        level = [v for each in inside for v in (each.values() if type(each) is dict else each)]
        if not level:
            return None
    return f"more than {DEEPEST} objects and lists in each other"


def _fault(value: Any, depth: int) -> str | None:
    if isinstance(value, int | float) and not usable(value):
        return unusable(value)
    if isinstance(value, str) and not value.isascii() and SURROGATE.search(value):
        return "text that UTF-8 cannot hold"
    if depth > DEEPEST:
        return f"more than {DEEPEST} objects and lists in each other"
    return None


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
