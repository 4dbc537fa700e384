"""The parts of a record that its schema leaves open, as far as reports read them.

A record is read by hand-written tools and edited by hands; what would break a table later is found
here, when the file is read, and named with it. Unknown keys are left alone.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UserError
from core.records import Record


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Gpu(_Part):
    memory_bytes: int | None = None
    compute_capability: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None


class _Machine(_Part):
    gpus: list[_Gpu] | None = None
    libraries: dict[str, str] | None = None


class _Settings(_Part):
    batch_size: int | None = None
    requests: int | None = None
    max_new_tokens: int | None = None
    texts: list[Any] | None = None


class _Served(_Part):
    kernels: dict[str, list[str]] | None = None
    process: dict[str, Any] | None = None


class _Manifest(_Part):
    peak_memory_bytes: dict[str, int] | None = None


class _Task(_Part):
    primary: str | None
    documents: list[str]
    scores: dict[str, list[float]]
    higher_is_better: dict[str, bool]


class _Raw(_Part):
    columns: list[str] | None = None
    repeats: list[list[list[float]]] | None = None
    tasks: dict[str, _Task] | None = None
    files: list[str] | None = None
    nll: list[float] | None = None
    tokens: list[float] | None = None


class _Finding(_Part):
    module: str = ""
    reason: str


class _Kind(_Part):
    name: str
    stored: str
    layers: int
    bits_per_weight: float
    nbytes: int


class _Overview(_Part):
    bits_per_weight: float | None = None
    bytes_by_dtype: dict[str, int] | None = None
    kinds: list[_Kind] | None = None


class _Layer(_Part):
    module: str
    sqnr_db: float | None
    relative_error: float


class _Numeric(_Part):
    layers: list[_Layer] | None = None


class _Analysis(_Part):
    findings: list[_Finding]
    overview: _Overview | None = None
    numeric: _Numeric | None = None


class _References(_Raw):
    documents: list[str]
    generated: list[str]


class _Batch(_Settings):
    batch_size: int


def check(record: Record) -> None:
    """Raise `UserError` that names the first part no report could be made of."""
    if record.status != "ok":
        record = record.model_copy(update={"raw": None})
    special: dict[str, type[_Part]] = {"references": _References, "analysis": _Analysis}
    raw = special.get(record.measure, _Raw) if record.raw else _Raw
    settings = _Batch if record.measure == "batch" else _Settings
    parts: list[tuple[str, type[_Part], Any]] = [
        ("machine", _Machine, record.machine),
        ("settings", settings, record.settings),
        ("served", _Served, record.served or {}),
        ("raw", raw, record.raw or {}),
        ("manifest", _Manifest, record.subject.manifest),
    ]
    for name, model, part in parts:
        try:
            model.model_validate(part)
        except ValidationError as problem:
            first = problem.errors()[0]
            where = ".".join(map(str, (name, *first["loc"])))
            raise UserError(f"not a record ({where}: {first['msg']})") from problem
    for name, figure in record.figures.items():
        if not figure.values:
            raise UserError(f"not a record (figures.{name}: it has no values)")
    _lengths(record.raw or {})
    if raw is _References and _unequal(record.raw or {}):
        raise UserError("not a record (raw.generated: not as many as documents)")


def _lengths(raw: dict[str, Any]) -> None:
    """Raise `UserError` for rows and scores that do not fit their columns and documents."""
    width = len(raw.get("columns") or [])
    if any(len(row) != width for repeat in raw.get("repeats") or [] for row in repeat):
        raise UserError("not a record (raw.repeats: a row does not fit the columns)")
    for task, one in (raw.get("tasks") or {}).items():
        counts = {len(scores) for scores in one["scores"].values()}
        if counts - {len(one["documents"])} or one["primary"] not in (None, *one["scores"]):
            raise UserError(f"not a record (raw.tasks.{task}: scores do not fit the documents)")
    if "nll" in raw and len(raw["nll"] or []) != len(raw.get("tokens") or []):
        raise UserError("not a record (raw.nll: not as many as tokens)")


def _unequal(raw: dict[str, Any]) -> bool:
    return len(raw["generated"]) != len(raw["documents"])
