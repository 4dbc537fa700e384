"""Inspections as records, next to a checkpoint's quality records."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Literal

from checkpoints import models
from core import cli, records
from core.errors import UserError
from core.machine import probe
from core.records import Figure, Record
from inspection.data import Inspection
from inspection.numeric import LayerError
from inspection.results import Settings
from running import outcomes
from running.outcomes import subject_of

MEASURE = "analysis"


def save(
    result: Inspection, settings: Settings, results_dir: Path, run_id: str, started: str
) -> bool:
    """Save an inspection and say where; False for a record that its folder could not take.

    Records are about weights: there is none of a scheme or of a folder that could not be read.
    """
    if result.overview is None:
        cli.say(f"{result.name}: nothing is saved, no checkpoint was read")
        return True
    try:
        subject = subject_of(models.identify(result.name))
    except UserError as problem:
        cli.say(f"{result.name}: nothing is saved ({problem})")
        return True
    layers = result.numeric.layers if result.numeric else []
    record = Record(
        run_id=run_id,
        kind="quality",
        measure=MEASURE,
        status="ok",
        subject=subject,
        engine=settings.engine or "none",
        options={},
        served=None,
        settings=asdict(settings),
        figures=figures(result.overview.bits_per_weight, layers),
        raw=_plain(result.as_json()),
        machine=probe().as_json(),
        command=records.command(),
        started=started,
        ended=records.now().isoformat(),
    )
    path = outcomes.keep(record, results_dir)
    if path is not None:
        cli.say(f"saved {path}")
    return path is not None


def figures(bits_per_weight: float, layers: Iterable[LayerError]) -> dict[str, Figure]:
    """Bits a weight and, where weights were compared, the median and worst SQNR of their layers.

    Layers equal to the base's have no SQNR and are left out, as are those that hold NaN.
    """
    figures_ = {"bits_per_weight": _figure(bits_per_weight, "bits", "lower")}
    known = [layer.sqnr_db for layer in layers if layer.sqnr_db is not None]
    sqnr_db = [value for value in known if math.isfinite(value)]
    if sqnr_db:
        figures_["sqnr_db_median"] = _figure(median(sqnr_db), "dB", "higher")
        figures_["sqnr_db_worst"] = _figure(min(sqnr_db), "dB", "higher")
    return figures_


def _figure(value: float, unit: str, better: Literal["lower", "higher"]) -> Figure:
    return Figure(value=value, values=[value], unit=unit, better=better)


def _plain(document: dict[str, Any]) -> Any:
    """The document as UTF-8 can hold it: lists for tuples, `?` for lone surrogates."""
    text = json.dumps(document, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "replace").decode())
