"""What `analyze.py` found as a record beside a checkpoint's quality records."""

import json
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Literal

from checkpoints import models
from core import records
from core.errors import UserError
from core.machine import probe
from core.records import Figure, Record
from inspection.results import Settings
from running.run import subject_of

MEASURE = "analysis"


def save(
    result: dict[str, Any], settings: Settings, results: Path, run_id: str, started: str
) -> str:
    """Save a result of `inspect`; says in one sentence where, or why there is no record of it.

    Of schemes and of folders that could not be read there is none: a record is about weights.
    Raises `UserError` when the folder of results cannot be written.
    """
    if not result.get("overview"):
        return f"{result['name']}: nothing is saved, no checkpoint was read"
    try:
        subject = subject_of(models.identify(result["name"]))
    except UserError as problem:
        return f"{result['name']}: nothing is saved ({problem})"
    made = Record(
        run_id=run_id,
        kind="quality",
        measure=MEASURE,
        status="ok",
        subject=subject,
        engine=settings.engine or "none",
        options={},
        served=None,
        settings=asdict(settings),
        figures=figures(result),
        raw=_plain(result),
        machine=probe().as_json(),
        command=records.command(),
        started=started,
        ended=records.now().isoformat(),
    )
    return f"saved {records.save(made, results)}"


def figures(result: dict[str, Any]) -> dict[str, Figure]:
    """Bits a weight and, where weights were compared, the median and worst SQNR of their layers.

    Layers equal to the base's have no SQNR and are left out.
    """
    made = {"bits_per_weight": _figure(result["overview"]["bits_per_weight"], "bits", "lower")}
    layers = result.get("numeric", {}).get("layers", ())
    found = [layer["sqnr_db"] for layer in layers if layer["sqnr_db"] is not None]
    if found:
        made["sqnr_db_median"] = _figure(median(found), "dB", "higher")
        made["sqnr_db_worst"] = _figure(min(found), "dB", "higher")
    return made


def _figure(value: float, unit: str, better: Literal["lower", "higher"]) -> Figure:
    return Figure(value=value, values=[value], unit=unit, better=better)


def _plain(result: dict[str, Any]) -> Any:
    """As it comes back from a file: lists for tuples, no half characters of a stranger's text."""
    text = json.dumps(result, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "replace").decode())
