"""The parts of a record that its schema leaves open, as far as reports read them.

A record is read by hand-written tools and edited by hands; what would break a table later is found
here, when the file is read, and named with it. Unknown keys are left alone.
"""

import functools
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from checkpoints.manifest import Manifest
from core.errors import UserError, first_fault
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
    arguments: dict[str, Any] | None = None


class _Task(_Part):
    primary: str | None
    documents: list[str]
    scores: dict[str, list[float]]
    higher_is_better: dict[str, bool]
    chance: float | None = None
    generated: int = 0
    prompts_cut: int = 0
    answers_cut: int = 0


class _Raw(_Part):
    columns: list[str] | None = None
    repeats: list[list[list[float]]] | None = None
    files: list[str] | None = None


class _Judged(_Raw):
    """Scores by task and document, as lm-eval tasks have them."""

    tasks: dict[str, _Task] | None = None
    truncated: int = 0


@functools.cache
def _raw_model(name: str) -> type[_Part]:
    """What raw values of a measure must be: what its plug-in says, and what every report reads."""
    measure = measures.find(name)
    if name == ANALYSIS or measure is None:
        return _Analysis if name == ANALYSIS else _Raw
    types: dict[str, Any] = {key: (kind, ...) for key, kind in measure.raw_types.items()}
    return create_model("_Own", __base__=_Judged if measure.scores else _Raw, **types)


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


class _Open(_Part):
    machine: _Machine
    settings: _Settings
    served: _Served
    manifest: Manifest


def check(record: Record) -> None:
    """Raise `UserError` that names the first part no report could be made of."""
    raw = record.raw or {} if record.status == "ok" else {}
    parts = {
        "machine": record.machine,
        "settings": record.settings,
        "served": record.served or {},
        "manifest": record.subject.manifest,
    }
    _validate(_Open, parts, "")
    _validate(_raw_model(record.measure) if raw else _Raw, raw, "raw.")
    for name, figure in record.figures.items():
        if not figure.values:
            raise UserError(f"not a record (figures.{name}: it has no values)")
    _check_variant(record)
    _check_rows(raw)
    if measures.judges(record.measure):
        _check_scores(raw)
    _check_equal(record.measure, raw)


def _validate(model: type[_Part], part: dict[str, Any], where: str) -> None:
    try:
        model.model_validate(part)
    except ValidationError as problem:
        raise UserError(f"not a record ({where}{first_fault(problem)})") from problem


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


def _check_scores(raw: dict[str, Any]) -> None:
    """Raise `UserError` for scores that do not fit their documents."""
    for task, scored in (raw.get("tasks") or {}).items():
        counts = {len(scores) for scores in scored["scores"].values()}
        if counts - {len(scored["documents"])} or scored["primary"] not in (
            None,
            *scored["scores"],
        ):
            raise UserError(f"not a record (raw.tasks.{task}: scores do not fit the documents)")


def _check_equal(name: str, raw: dict[str, Any]) -> None:
    """Raise `UserError` where lists that a measure declares are not of one length."""
    measure = measures.find(name)
    lengths = {key: len(raw[key]) for key in measure.raw_types} if measure and raw else {}
    if len(set(lengths.values())) > 1:
        first, second, *_ = lengths
        raise UserError(f"not a record (raw.{first}: not as many as {second})")
