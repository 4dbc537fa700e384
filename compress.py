"""Compress a model with one scheme, check the result, and leave a checkpoint vLLM serves.

    python compress.py --compression_type INT4-W4A16 --model_id llama3_8b
    python compress.py --compression_type FP8-W8A8 --model_id demo --dry_run
    python compress.py --list

The checkpoint goes to `{model_id}-{compression_type}/` and appears there only when it is whole and
verified. `compression.json` in it says how it was made.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from checkpoints import checkpoint, models
from core import arguments, cli, plugins
from core.errors import UserError

Progress = Callable[[str, int, int], None]


class CompressionFailed(Exception):
    """The compression ran but its result is not what was asked; the message lists the findings."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to compress. `calibration` is a corpus name or a JSONL file; None picks one."""

    num_calibration_samples: int = 512
    max_sequence_length: int = 2048
    calibration: str | None = None
    ignore: tuple[str, ...] = ()
    seed: int = 0
    trust_remote_code: bool = False

    def corpus(self, model_id: str) -> str:
        """The corpus to calibrate on: the demo model has its own, others take UltraChat."""
        return self.calibration or ("demo" if model_id == models.DEMO else "ultrachat")


def plan(compression_type: str, model_id: str, settings: Settings, output_dir: Path) -> Any:
    """What will be done, from headers alone. Raises `UserError` for what cannot work."""
    from compressing import calibration, preflight
    from core import machine

    name, scheme = _scheme(compression_type)
    base = checkpoint.read(models.folder(model_id))
    tokens = settings.num_calibration_samples * settings.max_sequence_length
    target = models.checkpoint_path(model_id, name, output_dir)
    planned = preflight.plan(
        name,
        scheme,
        base,
        settings.ignore,
        machine.probe(),
        tokens if scheme.calibration else 0,
        target,
    )
    if scheme.calibration:
        calibration.check(settings.corpus(model_id), settings.num_calibration_samples, base.path)
    return planned


def compress(
    compression_type: str,
    model_id: str,
    settings: Settings,
    output_dir: Path,
    force: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Compress and verify; returns the manifest, which is also saved as `compression.json`.

    Raises `UserError` before any work for bad input, and when the disk fills up on the way;
    `CompressionFailed` when the written checkpoint is not what the scheme promises.
    """
    from compressing import calibration as texts
    from compressing import staging

    started, begun = time.perf_counter(), datetime.now(UTC)
    name, scheme = _scheme(compression_type)
    planned = plan(name, model_id, settings, output_dir)
    target = models.checkpoint_path(model_id, name, output_dir)
    source = models.folder(model_id)
    _quiet_libraries()
    with staging.whole(target, force) as folder:
        calibration = None
        if scheme.calibration:
            calibration = texts.calibrate(
                source,
                settings.corpus(model_id),
                settings.num_calibration_samples,
                settings.max_sequence_length,
                settings.seed,
                settings.trust_remote_code,
            )
        tokenized = time.perf_counter()
        made = _run(scheme, source, folder, calibration, planned, settings, progress)
        made["phases"]["calibration_text_s"] = tokenized - started
        _check(folder, scheme, planned)
        manifest = _manifest(name, model_id, settings, planned, calibration, made)
        manifest["started"], manifest["wall_s"] = begun.isoformat(), time.perf_counter() - started
        _write(folder / models.MANIFEST, manifest)
    return {**manifest, "path": str(target)}


def _scheme(compression_type: str) -> tuple[str, Any]:
    stem = plugins.find("schemes", compression_type)
    scheme = plugins.load("schemes", stem)
    if scheme.recipe is None:
        raise UserError("BASE is the model as it is: there is nothing to compress")
    return plugins.shown("schemes", stem), scheme


def _quiet_libraries() -> None:
    """One progress bar of ours for hundreds of theirs; the environment can bring them back."""
    os.environ.setdefault("LLM_COMPRESSOR_LOG_LEVEL", "ERROR")
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _run(
    scheme: Any,
    source: Path,
    folder: Path,
    calibration: Any,
    planned: Any,
    settings: Settings,
    progress: Progress,
) -> dict[str, Any]:
    from schemes import _llmcompressor

    rows = calibration.rows if calibration else []
    return _llmcompressor.compress(
        scheme,
        source,
        folder,
        rows,
        planned.ignored,
        planned.smoothing,
        settings.seed,
        settings.trust_remote_code,
        progress,
    )


def _check(folder: Path, scheme: Any, planned: Any) -> None:
    from compressing import verify

    findings = verify.verify(folder, scheme, planned.layers, planned.dtype_bits)
    if findings:
        shown = "; ".join(findings[:5]) + (
            f"; and {len(findings) - 5} more" if findings[5:] else ""
        )
        raise CompressionFailed(f"the checkpoint is not what was asked and was not kept: {shown}")


def _manifest(
    name: str,
    model_id: str,
    settings: Settings,
    planned: Any,
    calibration: Any,
    made: dict[str, Any],
) -> dict[str, Any]:
    """What made the checkpoint, in full."""
    from core import machine, records

    base = checkpoint.read(models.folder(model_id))
    text = None
    if calibration:
        text = {
            "source": calibration.source,
            "samples": len(calibration.rows),
            "tokens": calibration.tokens,
            "fingerprint": calibration.fingerprint,
        }
    return {
        **models.random_mark(base.path),
        "schema_version": 1,
        "model": models.model_name(model_id),
        "scheme": name,
        "base": {"path": base.path.name, "fingerprint": base.fingerprint, **models.hub(base.path)},
        "settings": asdict(settings),
        "calibration": text,
        "bits_per_weight": planned.bits_per_weight,
        "peak_memory_bytes": _peak_memory(),
        "command": records.command(),
        "machine": machine.probe().as_json(),
        **made,
    }


def _peak_memory() -> dict[str, int]:
    """Peak bytes of this process in main memory, and on the GPU where there is one."""
    import resource

    peak = {"main": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        peak["gpu"] = torch.cuda.max_memory_allocated()
    return peak


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def main(
    compression_type: Annotated[
        str, typer.Option("--compression_type", help="scheme, for instance INT4-W4A16 (see --list)")
    ] = "",
    model_id: arguments.ModelId = "llama3_8b",
    num_calibration_samples: arguments.Samples = Settings.num_calibration_samples,
    max_sequence_length: arguments.Length = Settings.max_sequence_length,
    calibration: arguments.Calibration = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore", help="layers to leave out besides the scheme's: a name, or re:..."
        ),
    ] = None,
    output_dir: arguments.OutputDir = Path(),
    seed: arguments.Seed = 0,
    force: Annotated[
        bool, typer.Option("--force", help="replace an existing checkpoint, once the new is whole")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry_run", help="print the plan and stop before loading weights")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="list the schemes and what this machine can serve")
    ] = False,
    trust_remote_code: arguments.TrustRemoteCode = False,
    json_: arguments.Json = False,
) -> None:
    """Compress a model with one quantization scheme into {model_id}-{scheme}/ and verify it."""
    from reporting.console import compression

    if list_:
        return compression.print_schemes(json_)
    if not compression_type:
        raise UserError("which scheme? --compression_type NAME (--list shows them)")
    settings = Settings(
        num_calibration_samples=num_calibration_samples,
        max_sequence_length=max_sequence_length,
        calibration=calibration,
        ignore=tuple(ignore or ()),
        seed=seed,
        trust_remote_code=trust_remote_code,
    )
    name, _ = _scheme(compression_type)
    planned = plan(name, model_id, settings, output_dir)
    compression.print_plan(planned, settings, json_ and dry_run)
    if dry_run:
        return None
    try:
        with compression.progress_bar() as bar:
            made = compress(name, model_id, settings, output_dir, force, bar)
    except CompressionFailed as problem:
        cli.say(f"error: {problem}", "red")
        raise typer.Exit(cli.FAILED) from problem
    return compression.print_result(made, json_)


app = cli.application(main)

if __name__ == "__main__":
    app()
