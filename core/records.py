"""Records: what one measure found on one checkpoint, as saved, and where they are.

A record explains itself: what was measured on what, with which command, software, hardware and
seed. Files are `RESULTS/{model}-{scheme}/{measure}-{UTC}-{id}.json`; each is written under a
temporary name, flushed and renamed, so one that exists is whole, and none is ever overwritten.
"""

import contextlib
import json
import os
import re
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from core import names, strict_json
from core.errors import UserError, first_fault

SCHEMA_VERSION = 2
SURROGATES = re.compile("[\ud800-\udfff]")  # half characters, which UTF-8 cannot hold
TRIED_BYTES = 64 << 10  # what a large record takes
NAMES = "*-????????T??????Z-??????.json"
UNFINISHED = NAMES.replace(".json", ".tmp")
ABANDONED_S = 3600.0  # writing takes seconds; the writer may be another machine's
MAX_BYTES = 256 << 20  # of a record; those with a thousand generated texts have a few megabytes


def _name(value: str, most: int = names.MOST_BYTES) -> str:
    why = names.fault(value, most)
    if why is not None:
        shown = repr(value)[: names.MOST_BYTES]
        raise PydanticCustomError("name", "{shown} is no name: {why}", {"shown": shown, "why": why})
    return value


def _folder(value: str) -> str:
    return _name(value, names.FILE_BYTES) if value else value


def _usable(number: float) -> float:
    if not strict_json.usable(number):
        raise PydanticCustomError("figure", "{why}", {"why": strict_json.unusable(number)})
    return number


Name = Annotated[str, AfterValidator(lambda value: _name(value))]
FolderName = Annotated[str, AfterValidator(_folder)]  # empty where it is not known
Number = Annotated[float, AfterValidator(_usable)]


class Figure(BaseModel):
    """One number and the `values` it is made of, unit, which way is better, interval."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    value: Number
    values: list[Number]
    unit: str
    better: Literal["lower", "higher", "none"]
    low: Number | None = None
    high: Number | None = None
    cv: Number | None = None
    stability: Literal["stable", "noisy", "unstable"] | None = None


class Subject(BaseModel):
    """The checkpoint a record is about; `manifest` is its `compression.json` where it has one."""

    model_config = ConfigDict(extra="forbid")

    model: Name
    scheme: Name
    path: FolderName
    fingerprint: str
    bytes: Annotated[int, Field(ge=0, le=1 << 60)]
    format: str
    revision: str | None
    manifest: dict[str, Any]


class Record(BaseModel):
    """One measure on one checkpoint. `status` is ok, failed or unsupported (see `reason`).

    `round` counts the fresh loads of a run, from 1; 0 is the one that its loads were chosen by. Of
    rounds taken together it is their number. `looks` is
    how often the run meant to look at its rounds before it stopped (see `--rounds auto`).
    `contention` is what else the machine did meanwhile, None where nobody watched (schema 1).
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    run_id: Name
    round: Annotated[int, Field(ge=0, le=1 << 20)] = 1
    looks: Annotated[int, Field(ge=1, le=1 << 20)] = 1
    kind: Literal["performance", "quality"]
    measure: Annotated[str, Field(pattern=r"^\w*$", max_length=names.MOST_BYTES)]
    status: Literal["ok", "failed", "unsupported"]
    reason: str | None = None
    subject: Subject
    engine: Name
    options: dict[str, Any]
    served: dict[str, Any] | None
    settings: dict[str, Any]
    figures: dict[str, Figure]
    raw: dict[str, Any] | None
    machine: dict[str, Any]
    contention: dict[str, float] | None = None
    command: list[str]
    started: str
    ended: str


def new_run_id(plan: str = "") -> str:
    """A name for one execution of a command: UTC time and 6 hex digits, sortable.

    The digits are those of its `plan` where it has one, by which another execution of the same
    finds it, else random.
    """
    return f"{now():%Y%m%dT%H%M%SZ}-{plan or uuid.uuid4().hex[:6]}"


def now() -> datetime:
    """The one clock for time stamps."""
    return datetime.now(UTC)


def command() -> list[str]:
    """The command line, its program by file name: a record is read on other machines."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]


def folder(subject: Subject, results: Path) -> Path:
    """Where a checkpoint's records are."""
    return results / f"{subject.model}-{subject.scheme}"


def save(record: Record, results: Path) -> Path:
    """Write a record; returns its file. Raises `UserError` when the folder cannot be written."""
    home = folder(record.subject, results)
    stamp = f"{now():%Y%m%dT%H%M%SZ}"
    final = home / f"{record.measure}-{stamp}-{uuid.uuid4().hex[:6]}.json"
    temporary = final.with_suffix(".tmp")
    text = _text(record)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with temporary.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(final)
    except OSError as problem:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise UserError(f"cannot save a record in {home}: {problem.strerror}") from problem
    return final


def _text(record: Record) -> str:
    """A record as JSON; what UTF-8 cannot hold (a library's message may have it) is escaped.

    Of what JSON has no word for: arrays are lists, the rest is its text.
    """
    try:
        return record.model_dump_json(indent=1)
    except ValueError:
        plain = record.model_dump(mode="python")
        text = json.dumps(plain, indent=1, ensure_ascii=False, default=_plain)
        return SURROGATES.sub(lambda found: "\\" + ascii(found[0])[1:-1], text)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def try_writing(results: Path) -> None:
    """Write as `save` will, and remove what writers that were killed left.

    Raises `UserError` where records could not be saved: before hours of work rather than after.
    """
    made = [path for path in (results, *results.parents) if not os.path.lexists(path)]
    try:
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=results, prefix=".tried-") as file:
            file.write(b" " * TRIED_BYTES)
            file.flush()
        for path in results.glob(f"*/{UNFINISHED}"):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink(missing_ok=True)
    except OSError as problem:
        raise UserError(f"cannot save records in {results}: {problem.strerror}") from problem
    finally:
        for path in made:
            with contextlib.suppress(OSError):  # another may have put something there
                path.rmdir()


def load(path: Path) -> Record:
    """Read one record. Raises `UserError` for a broken file or a newer schema."""
    try:
        text = strict_json.read_bytes(path, MAX_BYTES).decode("utf-8")
        document = strict_json.loads(text)
        version = document.get("schema_version") if isinstance(document, dict) else None
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise UserError(
                f"{path}: made by a newer version of this project (schema {version}, "
                f"this one reads up to {SCHEMA_VERSION})"
            )
        record = Record.model_validate(document)
    except ValidationError as problem:
        raise UserError(f"{path}: not a record ({first_fault(problem)})") from problem
    except (OSError, ValueError, RecursionError) as problem:  # not JSON, not UTF-8
        raise UserError(f"{path}: not a whole record ({problem})") from problem
    if why := _fault(text, document):
        raise UserError(f"{path}: not a record ({why})")
    return record


def fault(record: Record) -> str | None:
    """Why `load` would refuse the record once it is saved, None where it would not."""
    text = _text(record)
    return _fault(text, json.loads(text))


def _fault(text: str, document: dict[str, Any]) -> str | None:
    """What no report can use; the raw values of a measure that failed are kept as they are."""
    suspect = strict_json.SUSPECT.search(text) is not None
    if document["status"] != "ok" or not suspect:
        document.pop("raw")  # by far the most of it
    return strict_json.fault(document) if suspect else strict_json.nesting(document)


def load_all(results: Path) -> list[Record]:
    """Every record under a results folder, oldest first (not lm-eval's files next to them)."""
    records = [load(path) for path in sorted(results.glob(f"*/{NAMES}"))]
    return sorted(records, key=lambda record: record.ended)


def load_checkpoint(subject: Subject, results: Path) -> list[Record]:
    """A checkpoint's whole records, oldest first; broken files are left out."""
    records = []
    for path in sorted(folder(subject, results).glob(NAMES)):
        with contextlib.suppress(UserError):
            records.append(load(path))
    return sorted(records, key=lambda record: record.ended)
