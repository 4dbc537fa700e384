"""The report for machines: the whole as one JSON document."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from core import cli
from reporting.contents import changes
from reporting.contents.changes import RunComparison
from reporting.contents.document import Report, Request
from reporting.deciding.candidate import Candidate
from reporting.formats._format import Format, write_text
from reporting.reading.results import Stored


def as_json(report: Report) -> dict[str, Any]:
    """The decision, figures per scheme, tables and notes as plain data."""
    study = report.study
    return {
        "model": study.model,
        "decision": [asdict(outcome) for outcome in report.outcomes],
        "engine": study.engine,
        "schemes": _schemes(report),
        "on_other_engines": {other.study.engine: _schemes(other) for other in report.others},
        "observations": report.observations,
        "environment": dict(report.environment),
        "context": study.context,
        "margin": {scheme or "default": str(m) for scheme, m in study.margins.items()},
        "notes": report.notes,
        "not_read": study.broken,
    }


def _schemes(report: Report) -> dict[str, Any]:
    return {c.scheme: _scheme(report, c) for c in report.study.candidates}


def _scheme(report: Report, candidate: Candidate) -> dict[str, Any]:
    ratios = {key: report.study.speed_up(candidate, key) for key in report.study.loads()}
    return {
        "checkpoint": candidate.newest.subject.path,
        "fingerprint": candidate.newest.subject.fingerprint,
        "kernels": candidate.served.get("kernels"),
        "measures": {key: _measure(stored) for key, stored in candidate.stored.items()},
        "speed_up": {key: asdict(r) for key, r in ratios.items() if r is not None},
        "quality": candidate.compared.as_json() if candidate.compared else None,
    }


def _measure(stored: Stored) -> dict[str, Any]:
    figures = {name: figure.model_dump() for name, figure in stored.record.figures.items()}
    return {
        "status": stored.record.status,
        "reason": stored.record.reason,
        "figures": figures,
        "run_id": stored.record.run_id,
        "file": str(stored.path),
    }


def _print(document: Any, output: Path | None) -> None:
    if output is None:
        return cli.print_json(document)
    return write_text(cli.json_text(document, indent=1) + "\n", output)


def _write(request: Request, output: Path | None) -> None:
    _print(as_json(request.report), output)


def _write_changes(comparison: RunComparison, output: Path | None) -> None:
    _print(changes.as_json(comparison), output)


FORMAT = Format(
    summary="everything, for machines",
    suffixes=(".json",),
    write=_write,
    here=True,
    compare=_write_changes,
    history=_write_changes,
)
