"""The parts of a record that its schema leaves open, as far as reports read them.

A record is read by hand-written tools and edited by hands; what would break a table later is found
here, when the file is read, and named with it. Unknown keys are left alone.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UserError
from core.records import Record
from reporting.reading import measures

ANALYSIS = "analysis"  # the measure of what is inside a checkpoint: shown, never compared


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
    files: list[str] | None = None


class _Paired(_Raw):
    """Raw values that are paired with the base's: document by document, or window by window."""

    tasks: dict[str, _Task] | None = None
    nll: list[float] | None = None
    tokens: list[float] | None = None
    documents: list[str] | None = None
    generated: list[str] | int | None = None  # texts, or how many


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


def check(record: Record) -> None:
    """Raise `UserError` that names the first part no report could be made of."""
    if record.status != "ok":
        record = record.model_copy(update={"raw": None})
    measure = measures.find(record.measure)
    raw: type[_Part] = _Paired if measure and (measure.paired or measure.scores) else _Raw
    raw = _Analysis if record.measure == ANALYSIS and record.raw else raw
    parts: list[tuple[str, type[_Part], Any]] = [
        ("machine", _Machine, record.machine),
        ("settings", _Settings, record.settings),
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
    _check_variant(record)
    _check_rows(record.raw or {})
    if raw is _Paired:
        _check_pairs(record.raw or {})


def _check_variant(record: Record) -> None:
    """Raise `UserError` for settings that do not say what variant of its measure was measured."""
    try:
        measures.key_of(record)
    except (KeyError, TypeError, ValueError) as problem:
        raise UserError(f"not a record (settings: {record.measure} wants {problem})") from problem


def _check_rows(raw: dict[str, Any]) -> None:
    """Raise `UserError` for rows that do not fit their columns."""
    width = len(raw.get("columns") or [])
    if any(len(row) != width for repeat in raw.get("repeats") or [] for row in repeat):
        raise UserError("not a record (raw.repeats: a row does not fit the columns)")


def _check_pairs(raw: dict[str, Any]) -> None:
    """Raise `UserError` for scores and answers that do not fit their documents."""
    for task, one in (raw.get("tasks") or {}).items():
        counts = {len(scores) for scores in one["scores"].values()}
        if counts - {len(one["documents"])} or one["primary"] not in (None, *one["scores"]):
            raise UserError(f"not a record (raw.tasks.{task}: scores do not fit the documents)")
    if "nll" in raw and len(raw["nll"] or []) != len(raw.get("tokens") or []):
        raise UserError("not a record (raw.nll: not as many as tokens)")
    texts = raw.get("generated")
    if isinstance(texts, list) and len(texts) != len(raw.get("documents") or texts):
        raise UserError("not a record (raw.generated: not as many as documents)")
