"""Options as other benchmark scripts spell them: what they are called here, or why there is none.

They are data in `spellings.toml`. docs/coming_from.md shows their commands next to ours.
"""

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.errors import UserError

TABLE = Path(__file__).with_suffix(".toml")


def ours(words: list[str], known: set[str], device: Callable[[str], None]) -> list[str]:
    """A command line in which a command with options `known` is told what others call otherwise.

    `device` raises `UserError` for a device that engines do not run on here. So does this for
    options that would mean something else.
    """
    if all(name is None or name in known for name in map(_name, words)):
        return words
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return list(_translated(iter(words), known, table, device))


def _name(word: str) -> str | None:
    """The name of an option, None of another word."""
    name = word.partition("=")[0]
    return name[2:].replace("-", "_") if name.startswith("--") else None


def _translated(
    words: Iterator[str], known: set[str], table: dict[str, Any], device: Callable[[str], None]
) -> Iterator[str]:
    for word in words:
        name, (_, is_same, value) = _name(word), word.partition("=")
        if name is None or name in known:
            yield word
        elif renamed := next((n for n in table["same"].get(name, ()) if n in known), None):
            yield f"--{renamed}{is_same}{value}"
        elif name == "device":
            device(value if is_same else next(words, ""))
        elif only := _entry(table["only"], name, known):
            if (value if is_same else next(words, "")) != only["value"]:
                raise UserError(f"--{name}: {only['said']}")
        elif refused := _entry(table["refused"], name, known):
            raise UserError(f"--{name}: {refused['said']}")
        else:
            yield word


def _entry(entries: list[dict[str, str]], name: str, known: set[str]) -> dict[str, str] | None:
    return next((e for e in entries if e["name"] == name and e["beside"] in known), None)
