"""All that `analyze.py` was asked about one checkpoint or scheme, as plain data.

What cannot be done (a base that is another model's, text that cannot be fetched) becomes a finding
of kind `refused`: what was found before is kept.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, models, truth
from checkpoints.checkpoint import Checkpoint
from checkpoints.truth import Layers
from compressing import calibration
from core import plugins
from core.engine import Options
from core.errors import UserError

Progress = Callable[[str, str, int, int], None]
LOG = Path("build/logs/analyze.log")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to look at besides the files; calibration is for sensitivity and layer outputs."""

    base: str | None = None
    sensitivity: bool = False
    calibration: str | None = None
    num_calibration_samples: int = 8
    max_sequence_length: int = 128
    seed: int = 0
    target: str | None = None
    tensor_parallel_size: int = 1
    engine: str | None = None
    max_model_len: int | None = None
    trust_remote_code: bool = False


def check(settings: Settings) -> None:
    """Raise `UserError` for what can be told to be wrong before any checkpoint is read."""
    if settings.sensitivity and not settings.base:
        raise UserError("--sensitivity compares with the base model: give it with --base")
    if settings.engine:
        plugins.find("engines", settings.engine)
    if settings.target:
        from inspection.target import capability

        capability(settings.target)
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


def inspect(name: str, settings: Settings, progress: Progress) -> dict[str, Any]:
    """One checkpoint. Raises `UserError` for what is none; damage to one is a finding."""
    from inspection.overview import overview

    base = read_base(settings)
    result: dict[str, Any] = {"name": name, "findings": []}
    try:
        these = truth.layers(checkpoint.read(models.folder(name)))
        found, problems = overview(these, sum(t.nbytes for t in base.tensors) if base else None)
        problems += truth.examine(these, base.linear_layers if base else None)
    except checkpoint.Damaged as problem:
        _finding(result, "damaged", str(problem))
        return result
    result["overview"] = found.as_json()
    result["findings"] += [asdict(problem) for problem in problems]
    if base is not None and not result["findings"]:
        _guarded(result, lambda: _compare(result, these, base, settings, progress))
    if settings.target:
        _guarded(result, lambda: _target(result, these, settings))
    if settings.engine:
        _guarded(result, lambda: _run(result, these, settings, progress))
    return result


def refused(name: str, problem: UserError) -> dict[str, Any]:
    """The result of a folder that is no checkpoint, among others that are."""
    result: dict[str, Any] = {"name": name, "findings": []}
    _finding(result, "refused", str(problem))
    return result


def scheme(name: str, settings: Settings) -> dict[str, Any] | None:
    """The answer for a scheme's name given instead of a checkpoint, None when it is none.

    Raises `UserError` without a target: there is nothing else to ask of a scheme.
    """
    if Path(name).exists() or plugins.canonical(name) not in plugins.names("schemes"):
        return None
    if not settings.target:
        raise UserError(
            f"{name} is a scheme and no checkpoint: add --target (sm_90, cpu, ...) to know whether "
            "it will run there"
        )
    from inspection import target

    answer = target.scheme_answer(name, settings.target, settings.tensor_parallel_size)
    result: dict[str, Any] = {"name": answer.alike, "findings": [], "targets": [answer.as_json()]}
    if not answer.runs:
        _finding(result, "target", f"will not run on {answer.target}: {answer.reason}")
    return result


def _finding(result: dict[str, Any], kind: str, reason: str) -> None:
    result["findings"].append({"kind": kind, "module": "", "reason": reason})


def _guarded(result: dict[str, Any], step: Callable[[], None]) -> None:
    try:
        step()
    except UserError as problem:
        _finding(result, "refused", str(problem))


def _target(result: dict[str, Any], these: Layers, settings: Settings) -> None:
    from inspection import target

    answer = target.answer(these, str(settings.target), settings.tensor_parallel_size)
    result["targets"] = [answer.as_json()]
    if not answer.runs:
        why = "; ".join(answer.problems) or answer.reason
        _finding(result, "target", f"will not run on {answer.target}: {why}")


def _compare(
    result: dict[str, Any], these: Layers, base: Checkpoint, settings: Settings, progress: Progress
) -> None:
    """Weights one by one; where that means nothing, and when asked, effects on text."""
    if these.declared is None:
        return
    if these.declared.method != "compressed-tensors":
        what = f"compressed by {these.declared.method[:50]!r}"
        result["overview"]["notes"].append(
            f"{what}: its weights are not compared, only those of compressed-tensors checkpoints"
        )
        return
    from inspection import numeric

    def step(name: str, done: int, total: int) -> None:
        progress(result["name"], name, done, total)

    folded = numeric.folded(these, base)
    layers = [] if folded else numeric.compare(these, base, step)
    result["numeric"] = {
        "base": settings.base,
        "folded": folded.reason if folded else None,
        "layers": [layer.as_json() for layer in layers],
    }
    if folded or settings.sensitivity:
        from inspection import sensitivity
        from inspection.reference import Reference

        step("loading the base", 0, 1)
        text = calibration.calibrate(
            base.path,
            text_source(base, settings),
            settings.num_calibration_samples,
            settings.max_sequence_length,
            settings.seed,
            settings.trust_remote_code,
        )
        reference = Reference(base.path, text.rows, settings.trust_remote_code)
        result["sensitivity"] = sensitivity.measure(these, reference, folded, step).as_json()


def text_source(base: Checkpoint, settings: Settings) -> str:
    """What to calibrate on: as asked, the demo text for the demo model, else UltraChat."""
    if settings.calibration:
        return settings.calibration
    demo = models.DEMO_PATH.is_dir() and (
        base.path.resolve() == models.DEMO_PATH
        or base.fingerprint == checkpoint.read(models.DEMO_PATH).fingerprint
    )
    return models.DEMO if demo else "ultrachat"


def _run(result: dict[str, Any], these: Layers, settings: Settings, progress: Progress) -> None:
    from inspection import runtime
    from running import session

    identity = models.identify(result["name"])
    refusal = session.impossible(identity, str(settings.engine), allow_fallback=True)
    if refusal:
        _finding(result, "runtime", refusal)
        return
    options = Options(
        enforce_eager=True,
        max_model_len=settings.max_model_len,
        tensor_parallel_size=settings.tensor_parallel_size,
        trust_remote_code=settings.trust_remote_code,
    )
    engine = str(settings.engine)
    progress(result["name"], f"loading in {engine}", 0, 1)
    mine = runtime.run(these.found.path, engine, options, LOG)
    base = None
    if settings.base:
        progress(settings.base, f"loading in {engine}", 0, 1)
        base = runtime.run(models.folder(settings.base), engine, options, LOG)
    result["runtime"] = {
        **mine.as_json(),
        "base_answers": base.answers if base else None,
        "agreement": runtime.agreement(mine, base) if base else None,
    }
    if mine.failed:
        _finding(result, "runtime", f"in the engine: {mine.failed} (log: {LOG})")
