"""Plug-ins found by file name: `schemes/int4_w4a16.py` is the scheme `INT4-W4A16`.

A room is a folder of plug-in files. Each file exports one constant named after the room's
singular (`SCHEME`, `ENGINE`, `MEASURE`, `CORPUS`, `STUDY`, `FORMAT`). Listing names imports
nothing; a plug-in is imported when it is loaded. Files that start with `_` are shared code, not
plug-ins.
"""

import difflib
import functools
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from core.errors import UserError

if TYPE_CHECKING:
    from core.corpus import Corpus
    from core.engine import Engine
    from core.measure import Measure
    from core.scheme import Scheme

Room = Literal["schemes", "engines", "measures", "corpora", "studies", "reporting/formats"]
ROOT = Path(__file__).resolve().parent.parent
CONSTANT: dict[Room, str] = {
    "schemes": "SCHEME",
    "engines": "ENGINE",
    "measures": "MEASURE",
    "corpora": "CORPUS",
    "studies": "STUDY",
    "reporting/formats": "FORMAT",
}


def canonical(name: str) -> str:
    """The file stem of a plug-in name: case and `-` or `_` make no difference."""
    return name.strip().lower().replace("-", "_")


def names(room: Room) -> list[str]:
    """File stems of every plug-in in `room`, sorted, without importing any."""
    return sorted(f.stem for f in (ROOT / room).glob("*.py") if not f.name.startswith("_"))


def shown(room: Room, stem: str) -> str:
    """A plug-in's name as people write it: schemes are `INT4-W4A16`, the rest keep the stem."""
    if room == "studies":
        return stem.replace("_", "-")
    return stem.upper().replace("_", "-") if room == "schemes" else stem


@functools.cache  # errors are not kept
def find(room: Room, name: str) -> str:
    """The file stem for `name`, or a `UserError` that says which exist and which was meant."""
    known = names(room)
    stem = canonical(name)
    if stem in known:
        return stem
    close = difflib.get_close_matches(stem, known, n=1, cutoff=0.5)
    hint = f" Did you mean {shown(room, close[0])}?" if close else ""
    listed = ", ".join(shown(room, known_name) for known_name in known)
    raise UserError(f"There is no {CONSTANT[room].lower()} {name!r}.{hint} There are: {listed}.")


@overload
def load(room: Literal["schemes"], name: str) -> "Scheme": ...
@overload
def load(room: Literal["engines"], name: str) -> "type[Engine]": ...
@overload
def load(room: Literal["measures"], name: str) -> "Measure": ...
@overload
def load(room: Literal["corpora"], name: str) -> "Corpus": ...
@overload
def load(room: Literal["studies", "reporting/formats"], name: str) -> Any: ...  # known above only
def load(room: Room, name: str) -> Any:
    """The constant a plug-in file exports; import errors in the file are not hidden."""
    module = importlib.import_module(f"{room.replace('/', '.')}.{find(room, name)}")
    return getattr(module, CONSTANT[room])


def scheme(name: str) -> "Scheme | None":
    """The scheme of that name, None where there is none: a checkpoint may be made elsewhere."""
    return load("schemes", name) if canonical(name) in names("schemes") else None
