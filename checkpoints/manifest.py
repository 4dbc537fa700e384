"""`compression.json`: what compress.py says of a checkpoint; the folder may be anybody's.

It becomes a part of every record of the checkpoint, and its names parts of paths.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from checkpoints import checkpoint
from core import strict_json
from core.errors import first_fault
from core.names import checked_name
from core.strict_json import Damaged

NAME = "compression.json"
MOST_BYTES = 4096  # of a path


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


def _place(value: str) -> str:
    if not value.isprintable() or len(value.encode()) > MOST_BYTES:
        raise ValueError("it is no path")
    return value


class _Base(_Part):
    """`path` is the name of its folder, `places` where that was (see `checkpoints.bases`)."""

    fingerprint: str | None = None
    repo_id: str | None = None
    path: str | None = None
    places: list[Annotated[str, AfterValidator(_place)]] | None = None


class Manifest(_Part):
    """The parts that are relied on; what else there is is only shown."""

    base: _Base | None = None
    settings: dict[str, Any] | None = None
    peak_memory_bytes: dict[str, int] | None = None


def read(folder: Path) -> dict[str, Any] | None:
    """The manifest of a checkpoint, None where there is none.

    Raises `UserError` for names that are none, `Damaged` for what else compress.py never writes.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    document = checkpoint.read_part(folder, NAME)
    for key in ("model", "scheme"):
        checked_name(document.get(key), f"its {key}", path)
    if why := strict_json.fault(document):
        raise Damaged(f"{path}: {why}")
    try:
        Manifest.model_validate(document)
    except ValidationError as problem:
        raise Damaged(f"{path}: {first_fault(problem)}") from problem
    return document
