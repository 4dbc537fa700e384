"""Names of files that a stranger chose: which are written to disk, and how they are shown.

check_names(["config.json", "data/part.parquet"])
"""

from collections.abc import Iterable
from itertools import accumulate

from checkpoints.models import DOWNLOAD
from core.cli import one_line
from core.errors import UserError

UNFINISHED = "unfinished.json"  # says whose files a `.partial` folder holds
# A published file of such a name would be taken for what this command or huggingface_hub wrote.
RESERVED = (DOWNLOAD, UNFINISHED, ".cache")
MOST_BYTES_OF_A_PART = 240  # file systems take 255; huggingface_hub appends ".metadata"
MOST_BYTES = 1000
MOST_SHOWN = 100  # characters


def check_names(paths: Iterable[str]) -> None:
    """Raises `UserError` unless each path can be written below a folder, with all the others."""
    taken: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        if fault := "is listed twice" if path in taken else _fault(path):
            raise UserError(_sentence(path, fault))
        taken.add(path)
        folders |= set(accumulate(path.split("/")[:-1], "{}/{}".format))
    if both := sorted(taken & folders):
        raise UserError(_sentence(both[0], "is both a file and a folder"))


def shown(name: str) -> str:
    """A stranger's name on one line of a message: nothing that acts on a terminal, not endless."""
    text = one_line(name)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def enumeration(texts: Iterable[str], most: int = 3) -> str:
    """The first of many texts that are fit to be shown: `a, b, c, and 7 more`."""
    listed = list(texts)
    more = f", and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def _sentence(path: str, fault: str) -> str:
    return (
        f"The hub lists {shown(path)}, which {fault}: nothing of it was fetched; check HF_ENDPOINT "
        "or tell who published it."
    )


def _fault(path: str) -> str | None:
    """Why a path cannot be written below a folder; None when it can."""
    parts = path.split("/")
    if not path.isprintable():  # lone surrogates are not printable either
        return "has unprintable characters in its name"
    if "\\" in path or {"", ".", ".."} & set(parts):
        return "has a name that leads out of its folder"
    n_bytes = len(path.encode())
    if n_bytes > MOST_BYTES or max(len(p.encode()) for p in parts) > MOST_BYTES_OF_A_PART:
        return f"has a name of {n_bytes:,} bytes"
    if parts[0].casefold() in RESERVED:  # a disk may not tell upper from lower case
        return "has a name that this command uses itself"
    return None
