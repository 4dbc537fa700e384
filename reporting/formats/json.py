"""The report for machines: a long table as CSV (one row a value), and the whole as JSON."""

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from reporting.contents.document import Report
from reporting.deciding.context import key_of
from reporting.reading.results import Stored

COLUMNS = (
    "model", "scheme", "kind", "measure", "batch_size", "figure", "unit", "better", "repeat",
    "value", "median", "low", "high", "stability", "status", "reason", "run_id", "engine", "device",
    "ended", "file",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def long_csv(stored: list[Stored]) -> str:
    """One row per repeat of every figure of every record, as `pandas.read_csv` likes it.

    A record without figures is one row with its reason. Texts that a spreadsheet would run as a
    formula get a leading apostrophe.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for one in stored:
        for row in _rows(one):
            writer.writerow({name: _harmless(value) for name, value in row.items()})
    return out.getvalue()


def _harmless(value: Any) -> Any:
    risky = isinstance(value, str) and value.startswith(FORMULA)
    return f"'{value}" if risky else value


def _rows(one: Stored) -> Iterator[dict[str, Any]]:
    record = one.record
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
        "batch_size": record.settings.get("batch_size", "") if record.measure == "batch" else "",
        "file": str(one.path),
    }
    if not record.figures:
        yield shared
    for name, figure in record.figures.items():
        told = {
            "figure": name,
            "unit": figure.unit,
            "better": figure.better,
            "median": figure.value,
            "low": figure.low,
            "high": figure.high,
            "stability": figure.stability,
        }
        for repeat, value in enumerate(figure.values):
            yield {**shared, **told, "repeat": repeat, "value": value}


def as_json(report: Report) -> dict[str, Any]:
    """The decision, figures per scheme, tables and notes as plain data."""
    study = report.study
    return {
        "model": study.model,
        "decision": [asdict(outcome) for outcome in report.outcomes],
        "schemes": {c.scheme: _scheme(report, c) for c in study.candidates},
        "observations": report.observations,
        "environment": dict(report.environment),
        "context": study.context,
        "margin": {scheme or "default": str(m) for scheme, m in study.margins.items()},
        "notes": report.notes,
        "not_read": study.broken,
    }


def _scheme(report: Report, candidate: Any) -> dict[str, Any]:
    stored = [*candidate.performance.values(), *candidate.quality.values()]
    loads = ["sequential", *report.study.batches()]
    ratios = {m: report.study.speed_up(candidate, m) for m in loads}
    return {
        "checkpoint": candidate.newest.subject.path,
        "fingerprint": candidate.newest.subject.fingerprint,
        "kernels": candidate.served.get("kernels"),
        "measures": {key_of(s.record): _measure(s) for s in stored},
        "speed_up": {m: asdict(r) for m, r in ratios.items() if r is not None},
        "quality": candidate.compared.as_json() if candidate.compared else None,
    }


def _measure(one: Stored) -> dict[str, Any]:
    figures = {name: figure.model_dump() for name, figure in one.record.figures.items()}
    return {
        "status": one.record.status,
        "reason": one.record.reason,
        "figures": figures,
        "run_id": one.record.run_id,
        "file": str(one.path),
    }
