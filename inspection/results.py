"""One checkpoint or scheme, inspected as `analyze.py`'s options ask.

What cannot be done (a base that is another model's, text that cannot be fetched) becomes a finding
of kind `refused`: what was found before is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from checkpoints import checkpoint, models, truth
from checkpoints.checkpoint import Checkpoint
from checkpoints.truth import Layers
from compressing import calibration
from compressing.settings import CalibrationSource, Length, Samples
from core import plugins
from core.engine import Options
from core.errors import UserError
from core.options import MaxModelLen, Seed, TensorParallelSize, TrustRemoteCode, option
from inspection import decompress, numeric, runtime, sensitivity, target
from inspection.data import EngineRun, Inspection
from inspection.overview import overview
from inspection.reference import Reference
from running import serving

# of what, which step, how many are done, of how many
Progress = Callable[[str, str, int, int], None]
LOG = Path("build/logs/analyze.log")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to look at in addition to the files.

    `calibration` and the options after it choose the text for sensitivity and layer outputs.
    """

    base: Annotated[str | None, option("compare with this model: a folder, or `demo`")] = None
    sensitivity: Annotated[bool, option("rank layers by the harm they do (needs --base)")] = False
    target: Annotated[str | None, option("will it run there? sm_80, sm_90, ... or cpu")] = None
    tensor_parallel_size: TensorParallelSize = 1
    engine: Annotated[
        str | None,
        option(f"load it and look at what runs: {', '.join(plugins.names('engines'))} or auto"),
    ] = None
    max_model_len: MaxModelLen = None
    calibration: CalibrationSource = None
    num_calibration_samples: Samples = 8
    max_sequence_length: Length = 128
    seed: Seed = 0
    trust_remote_code: TrustRemoteCode = False


def check(settings: Settings) -> None:
    """Raise `UserError` for settings that cannot work, before any checkpoint is read."""
    if settings.sensitivity and not settings.base:
        raise UserError("--sensitivity compares with the base model: give it with --base")
    if settings.engine:
        serving.check(settings.engine, Options())
    if settings.target:
        target.capability(settings.target)
    base = read_base(settings)
    if base is not None and (settings.sensitivity or settings.calibration):
        calibration.check(text_source(base, settings), settings.num_calibration_samples, base.path)


def read_base(settings: Settings) -> Checkpoint | None:
    """The base's headers. Raises `UserError` for one that is compressed itself."""
    if settings.base is None:
        return None
    base = checkpoint.read(models.folder(settings.base))
    if base.quantization is not None:
        raise UserError(
            f"{settings.base} is compressed ({base.format[:50]!r}) and cannot be a base: "
            "--base wants the model it was made from"
        )
    return base


def inspect(name: str, settings: Settings, progress: Progress) -> Inspection:
    """Inspect a checkpoint; damage to it is a finding. Raises `UserError` for no checkpoint."""
    base = read_base(settings)
    result = Inspection(name=name)
    try:
        layers = truth.layers(checkpoint.read(models.folder(name)))
        base_bytes = sum(tensor.nbytes for tensor in base.tensors) if base else None
        figures, findings = overview(layers, base_bytes)
        findings += truth.examine(layers, base.linear_layers if base else None)
    except checkpoint.Damaged as problem:
        result.add_finding("damaged", str(problem))
        return result
    result.overview = figures
    result.findings += findings
    if base is not None and not findings:
        _guarded(result, lambda: _compare(result, layers, base, settings, progress))
    if settings.target:
        _guarded(result, lambda: _target(result, layers, settings))
    if settings.engine:
        _guarded(result, lambda: _run(result, layers, settings, progress))
    return result


def refused(name: str, problem: UserError) -> Inspection:
    """The result of a folder that is no checkpoint, among others that are."""
    result = Inspection(name=name)
    result.add_finding("refused", str(problem))
    return result


def scheme(name: str, settings: Settings) -> Inspection | None:
    """Whether a scheme, named instead of a checkpoint, runs on the target; None for other names.

    Raises `UserError` without a target: there is nothing else to ask of a scheme.
    """
    if Path(name).exists() or plugins.canonical(name) not in plugins.names("schemes"):
        return None
    if not settings.target:
        raise UserError(
            f"{name} is a scheme and no checkpoint: add --target (sm_90, cpu, ...) to know whether "
            "it will run there"
        )
    answer = target.scheme_answer(name, settings.target, settings.tensor_parallel_size)
    result = Inspection(name=answer.alike, targets=[answer])
    if not answer.runs:
        result.add_finding("target", f"will not run on {answer.target}: {answer.reason}")
    return result


def _guarded(result: Inspection, step: Callable[[], None]) -> None:
    """Take a step; one that is refused leaves a finding."""
    try:
        step()
    except UserError as problem:
        result.add_finding("refused", str(problem))


def _target(result: Inspection, layers: Layers, settings: Settings) -> None:
    """Whether the checkpoint runs on the target."""
    answer = target.answer(layers, str(settings.target), settings.tensor_parallel_size)
    result.targets = [answer]
    if not answer.runs:
        why = "; ".join(answer.problems) or answer.reason
        result.add_finding("target", f"will not run on {answer.target}: {why}")


def _compare(
    result: Inspection, layers: Layers, base: Checkpoint, settings: Settings, progress: Progress
) -> None:
    """Compare with the base: weights one by one, where that makes sense, and effects on text."""
    if layers.declared is None:
        return
    if layers.declared.method not in decompress.METHODS:
        assert result.overview is not None
        result.overview.notes.append(
            f"compressed by {layers.declared.method[:50]!r}: its weights are not compared, only "
            "those of compressed-tensors and bitsandbytes"
        )
        return

    def step(name: str, done: int, total: int) -> None:
        progress(result.name, name, done, total)

    folded = numeric.folded(layers, base)
    result.numeric = numeric.WeightErrors(
        base=str(settings.base),
        folded=folded.reason if folded else None,
        layers=[] if folded else numeric.compare(layers, base, step),
    )
    if folded or settings.sensitivity:
        step("loading the base", 0, 1)
        rows = _token_rows(base, settings)
        reference = Reference(base.path, rows, settings.trust_remote_code)
        result.sensitivity = sensitivity.measure(layers, reference, folded, step)


def _token_rows(base: Checkpoint, settings: Settings) -> list[list[int]]:
    """Token ids of the calibration text, a list a document."""
    text = calibration.calibrate(
        base.path,
        text_source(base, settings),
        settings.num_calibration_samples,
        settings.max_sequence_length,
        settings.seed,
        settings.trust_remote_code,
    )
    return text.rows


def text_source(base: Checkpoint, settings: Settings) -> str:
    """What to calibrate on: as asked, the demo text for the demo model, else UltraChat."""
    if settings.calibration:
        return settings.calibration
    demo = models.DEMO_PATH.is_dir() and (
        base.path.resolve() == models.DEMO_PATH
        or base.fingerprint == checkpoint.read(models.DEMO_PATH).fingerprint
    )
    return models.DEMO if demo else "ultrachat"


def _run(result: Inspection, layers: Layers, settings: Settings, progress: Progress) -> None:
    """Load the checkpoint in the engine, and its base after it."""
    engine = str(settings.engine)
    service = serving.of(models.identify(result.name), engine, allow_fallback=True)
    engine = service.engine
    refusal = service.untimed if service.decompressed else service.unserved
    if refusal:
        result.add_finding("runtime", refusal)
        return
    options = Options(
        enforce_eager=True,
        max_model_len=settings.max_model_len,
        tensor_parallel_size=settings.tensor_parallel_size,
        trust_remote_code=settings.trust_remote_code,
    )
    progress(result.name, f"loading in {engine}", 0, 1)
    run = runtime.run(layers.checkpoint.path, engine, options, LOG)
    base = None
    if settings.base:
        progress(settings.base, f"loading in {engine}", 0, 1)
        base = runtime.run(models.folder(settings.base), engine, options, LOG)
    result.runtime = EngineRun(checkpoint=run, base=base)
    if run.failed:
        result.add_finding("runtime", f"in the engine: {run.failed} (log: {LOG})")
