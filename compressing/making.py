"""Makes a checkpoint: plan from headers, calibration text, a recipe carried out, verification.

A module of `MAKERS` runs what a scheme's recipe is for: `make` does it, `NEEDS` are the modules it
cannot do without, `PRELOADED` those that may be imported before processes are forked.
"""

import importlib.util
import json
import os
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from checkpoints import bases, checkpoint, models
from compressing import bitsandbytes, calibration, casting, oneshot, preflight, staging, verify
from compressing.calibration import Calibration
from compressing.preflight import Plan
from compressing.settings import Settings
from core import machine, plugins, records
from core.cli import Tell
from core.errors import UserError
from core.scheme import BitsAndBytes, Cast, Scheme
from guarding import own_code

MAKERS: dict[type, ModuleType] = {BitsAndBytes: bitsandbytes, Cast: casting}  # by kind of recipe


class CompressionFailed(Exception):
    """The compression ran but its result is not what was asked; the message lists the findings."""


def plan(place: models.Place, settings: Settings) -> Plan:
    """What will be done, from headers alone. Raises `UserError` for what can work nowhere."""
    scheme = _scheme(place, settings)
    _must_be_installed(place.scheme, maker(scheme))
    base = checkpoint.read(models.folder(place.model_id))
    own_code.refuse(base, settings.trust_remote_code)
    tokens = settings.num_calibration_samples * settings.max_sequence_length
    planned = preflight.plan(
        place.scheme,
        scheme,
        base,
        settings.ignore,
        machine.probe(),
        tokens,
    )
    if scheme.calibration:
        source = settings.corpus(place.model_id)
        calibration.check(source, settings.num_calibration_samples, base.path)
    return planned


def must_fit(place: models.Place, planned: Plan) -> None:
    """Raise `UserError` where this machine has too little disk or memory for what is planned."""
    preflight.must_fit(planned, place.path, machine.probe())


def compress(
    place: models.Place, settings: Settings, force: bool, progress: Tell
) -> dict[str, Any]:
    """Compress and verify; returns the manifest, which is also saved as `compression.json`.

    Raises `UserError` before any work for bad input, and when the disk fills up on the way;
    `CompressionFailed` when the written checkpoint is not what the scheme promises.
    """
    started, begun = time.perf_counter(), datetime.now(UTC)
    scheme, planned = _scheme(place, settings), plan(place, settings)
    must_fit(place, planned)
    source = models.folder(place.model_id)
    _quiet_libraries()
    own_code.refuse_unknown(checkpoint.read(source), settings.trust_remote_code)
    with staging.whole(place.path, force) as folder:
        if scheme.calibration:
            progress("reading the calibration text", 0, 0)
        text = _calibration_text(scheme, place, settings)
        tokenized = time.perf_counter()
        rows = text.rows if text else []
        done = maker(scheme).make(scheme, planned, settings, source, folder, rows, progress)
        done["phases"]["calibration_text_s"] = tokenized - started
        progress("verifying", 0, 0)
        _check(folder, scheme, planned, source)
        manifest = {
            **_manifest(place, settings, planned, text),
            **done,
            "started": begun.isoformat(),
            "wall_s": time.perf_counter() - started,
        }
        (folder / models.MANIFEST).write_text(
            json.dumps(manifest, indent=2) + "\n", encoding="utf-8"
        )
    return {**manifest, "path": str(place.path)}


def maker(scheme: Scheme) -> ModuleType:
    """What makes a scheme's checkpoints; for all but those in `MAKERS` it is llmcompressor."""
    return MAKERS.get(type(scheme.recipe), oneshot)


def _scheme(place: models.Place, settings: Settings) -> Scheme:
    scheme: Scheme = plugins.load("schemes", place.scheme)
    if scheme.recipe is None:
        raise UserError("BASE is the model as it is: there is nothing to compress")
    return settings.applied(scheme)


def _must_be_installed(name: str, made_by: ModuleType) -> None:
    for module in made_by.NEEDS:
        if importlib.util.find_spec(module) is None:
            raise UserError(
                f"{name} is made by {module}, which is not installed here: `make setup` installs "
                "what requirements/ locks, where there is a build for the machine"
            )


def _quiet_libraries() -> None:
    """Switch the libraries' progress bars and logs off, unless the environment sets them."""
    os.environ.setdefault("LLM_COMPRESSOR_LOG_LEVEL", "ERROR")
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _calibration_text(
    scheme: Scheme, place: models.Place, settings: Settings
) -> Calibration | None:
    if not scheme.calibration:
        return None
    return calibration.calibrate(
        models.folder(place.model_id),
        settings.corpus(place.model_id),
        settings.num_calibration_samples,
        settings.max_sequence_length,
        settings.seed,
        settings.trust_remote_code,
    )


def _check(folder: Path, scheme: Scheme, planned: Plan, source: Path) -> None:
    findings = verify.verify(folder, scheme, planned.layers, planned.dtype_bits)
    if scheme.dtype is not None and not findings:
        findings = verify.cast(folder, source, scheme.dtype)
    if findings:
        more = f"; and {len(findings) - 5} more" if findings[5:] else ""
        shown = "; ".join(findings[:5]) + more
        raise CompressionFailed(f"the checkpoint is not what was asked and was not kept: {shown}")


def _manifest(
    place: models.Place, settings: Settings, planned: Plan, text: Calibration | None
) -> dict[str, Any]:
    """What made the checkpoint, in full."""
    base = checkpoint.read(models.folder(place.model_id))
    calibrated = text and {
        "source": text.source,
        "samples": len(text.rows),
        "tokens": text.tokens,
        "fingerprint": text.fingerprint,
    }
    return {
        **models.random_mark(base.path),
        "schema_version": 1,
        "model": place.model,
        "scheme": place.scheme,
        "base": {
            "path": base.path.name,
            bases.PLACES: bases.places(base.path, place.path),
            "fingerprint": base.fingerprint,
            **models.hub(base.path),
        },
        "settings": asdict(settings),
        "calibration": calibrated,
        "bits_per_weight": planned.bits_per_weight,
        "peak_memory_bytes": _peak_memory(),
        "command": records.command(),
        "machine": machine.probe().as_json(),
    }


def _peak_memory() -> dict[str, int]:
    """Peak bytes of this process in main memory, and on the GPU where there is one."""
    import resource

    peak = {"main": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        peak["gpu"] = torch.cuda.max_memory_allocated()
    return peak
