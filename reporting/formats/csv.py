"""Every record as a long table (CSV): one row a value, as `pandas.read_csv` likes it."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core import cli
from reporting.contents.document import Request
from reporting.formats._format import Format, write_text
from reporting.reading import measures
from reporting.reading.results import Stored

COLUMNS = (
    "model", "scheme", "kind", "measure", "batch_size", "figure", "unit", "better", "load",
    "value", "figure_value", "low", "high", "stability", "status", "reason", "run_id", "engine",
    "device", "ended", "file",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and their wide forms


def long_csv(stored: list[Stored]) -> str:
    """One row per load of every figure of every record.

    `batch_size` is the variant of a record's measure, where it has variants. A record without
    figures is one row with its reason. Texts are on one line, and those that a spreadsheet would
    run as a formula get a leading apostrophe.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for record in stored:
        writer.writerows(_rows(record))
    return out.getvalue()


def _harmless(row: dict[str, Any]) -> dict[str, Any]:
    """The row, its texts such that no spreadsheet runs them."""
    texts = {
        name: _text(str(v)) for name, v in row.items() if not isinstance(v, int | float | None)
    }
    return row | texts


def _text(value: str) -> str:
    shown = cli.one_line(value).strip()
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def _rows(stored: Stored) -> Iterator[dict[str, Any]]:
    record = stored.record
    _, variant = measures.split(measures.key_of(record))
    gpus = record.machine.get("gpus") or []
    shared = {
        "model": record.subject.model,
        "scheme": record.subject.scheme,
        "kind": record.kind,
        "measure": record.measure,
        "status": record.status,
        "reason": record.reason or "",
        "run_id": record.run_id,
        "engine": record.engine,
        "ended": record.ended,
        "device": gpus[0].get("name") if gpus else record.machine.get("cpu", ""),
        "batch_size": "" if variant is None else variant,
        "file": str(stored.path),
    }
    shared = _harmless(shared)
    if not record.figures:
        yield shared
    for name, figure in record.figures.items():
        row = {
            "figure": name,
            "unit": figure.unit,
            "better": figure.better,
            "figure_value": figure.value,
            "low": figure.low,
            "high": figure.high,
            "stability": figure.stability,
        }
        row = shared | _harmless(row)
        for load, value in enumerate(figure.values):
            yield {**row, "load": load, "value": value}


def _write(request: Request, output: Path | None) -> None:
    write_text(long_csv(request.records), output)


FORMAT = Format(summary="one row a value, for pandas", suffixes=(".csv",), write=_write)
