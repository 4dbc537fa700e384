"""Prove what is inside a checkpoint: declared against actual, against its base, on your GPU.

    python analyze.py llama3_8b-INT4-W4A16
    python analyze.py llama3_8b-INT4-W4A16 --base llama3_8b --sensitivity
    python analyze.py llama3_8b-INT4-W4A16 --target sm_90 --tensor_parallel_size 4
    python analyze.py

Without a checkpoint every one found in the current folder is inspected. Only headers, scales and
configs are read unless `--base` or `--engine` ask for more; exit code 1 means something was found.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core import arguments, checkpoint, cli, models, plugins
from core.engine import Options
from core.errors import UserError

if TYPE_CHECKING:
    from core.truth import Layers

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


def find(folder: Path) -> list[str]:
    """Every checkpoint in the folder (itself included), by path, and the built-in model."""
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    found = [str(path) for path in places if _is_checkpoint(path)]
    return [*found, models.DEMO]


def _is_checkpoint(path: Path) -> bool:
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


def inspect(name: str, settings: Settings, progress: Progress) -> dict[str, Any]:
    """All that was asked about one checkpoint, as plain data.

    Raises `UserError` for what is no checkpoint; damage to one is among its findings.
    """
    from core import truth
    from inspection.overview import overview

    base = checkpoint.read(models.folder(settings.base)) if settings.base else None
    result: dict[str, Any] = {"name": name, "findings": []}
    try:
        these = truth.layers(checkpoint.read(models.folder(name)))
        found, problems = overview(these, sum(t.nbytes for t in base.tensors) if base else None)
        problems += truth.examine(these, base.linear_layers if base else None)
    except checkpoint.Damaged as problem:
        result["findings"].append({"kind": "damaged", "module": "", "reason": str(problem)})
        return result
    result["overview"] = found.as_json()
    result["findings"] += [asdict(problem) for problem in problems]
    if base is not None and not result["findings"]:
        _compare(result, these, base, settings, progress)
    if settings.target:
        result["targets"] = [_target(these, settings, result)]
    if settings.engine:
        _run(result, these, settings, progress)
    return result


def _target(these: "Layers", settings: Settings, result: dict[str, Any]) -> dict[str, Any]:
    from inspection import target

    answer = target.answer(these, str(settings.target), settings.tensor_parallel_size)
    if not answer.runs:
        why = "; ".join(answer.problems) or answer.reason
        result["findings"].append(
            {"kind": "target", "module": "", "reason": f"will not run on {answer.target}: {why}"}
        )
    return answer.as_json()


def _compare(
    result: dict[str, Any], these: "Layers", base: checkpoint.Checkpoint, settings: Settings,
    progress: Progress,
) -> None:  # fmt: skip
    """Weights one by one; where that means nothing, and when asked, effects on text."""
    if these.declared is None:
        return
    from inspection import numeric

    def step(name: str, done: int, total: int) -> None:
        progress(result["name"], name, done, total)

    folded = numeric.folded(these, base)
    layers = [] if folded else numeric.compare(these, base, step)
    result["numeric"] = {
        "base": settings.base, "folded": folded.reason if folded else None,
        "layers": [layer.as_json() for layer in layers],
    }  # fmt: skip
    if folded or settings.sensitivity:
        from inspection import sensitivity
        from inspection.reference import Reference

        step("loading the base", 0, 1)
        reference = Reference(base.path, _text(base.path, settings), settings.trust_remote_code)
        result["sensitivity"] = sensitivity.measure(these, reference, folded, step).as_json()


def _text(base: Path, settings: Settings) -> list[list[int]]:
    from core import corpus

    source = settings.calibration or ("demo" if settings.base == models.DEMO else "ultrachat")
    return corpus.calibrate(
        base, source, settings.num_calibration_samples, settings.max_sequence_length,
        settings.seed, settings.trust_remote_code,
    ).rows  # fmt: skip


def _run(result: dict[str, Any], these: "Layers", settings: Settings, progress: Progress) -> None:
    from core import session
    from inspection import runtime

    identity = models.identify(result["name"])
    refusal = session.impossible(identity, str(settings.engine), allow_fallback=True)
    if refusal:
        result["findings"].append({"kind": "runtime", "module": "", "reason": refusal})
        return
    options = Options(
        enforce_eager=True, max_model_len=settings.max_model_len,
        tensor_parallel_size=settings.tensor_parallel_size,
        trust_remote_code=settings.trust_remote_code,
    )  # fmt: skip
    engine = str(settings.engine)
    progress(result["name"], f"loading in {engine}", 0, 1)
    mine = runtime.run(these.found.path, engine, options, LOG)
    base = None
    if settings.base:
        progress(settings.base, f"loading in {engine}", 0, 1)
        base = runtime.run(models.folder(settings.base), engine, options, LOG)
    result["runtime"] = {
        **mine.as_json(), "base_answers": base.answers if base else None,
        "agreement": runtime.agreement(mine, base) if base else None,
    }  # fmt: skip
    if mine.failed:
        reason = f"in the engine: {mine.failed} (log: {LOG})"
        result["findings"].append({"kind": "runtime", "module": "", "reason": reason})


def _scheme(name: str, settings: Settings) -> dict[str, Any] | None:
    """The answer for a scheme's name given instead of a checkpoint, None when it is none."""
    known = plugins.canonical(name) in plugins.names("schemes")
    if Path(name).exists() or not known or not settings.target:
        return None
    from inspection import target

    answer = target.scheme_answer(name, settings.target, settings.tensor_parallel_size)
    reason = f"will not run on {answer.target}: {answer.reason}"
    findings = [] if answer.runs else [{"kind": "target", "module": "", "reason": reason}]
    return {"name": answer.alike, "findings": findings, "targets": [answer.as_json()]}


def main(
    checkpoints: Annotated[
        list[str] | None,
        typer.Argument(help="checkpoint folders (or with --target scheme names); by default all"),
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="compare with this model: a folder, or `demo`")
    ] = Settings.base,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="rank layers by the harm they do (needs --base)")
    ] = Settings.sensitivity,
    target: Annotated[
        str | None, typer.Option("--target", help="will it run there? sm_80, sm_90, ... or cpu")
    ] = Settings.target,
    tensor_parallel_size: arguments.TensorParallelSize = Settings.tensor_parallel_size,
    engine: Annotated[
        str | None, typer.Option("--engine", help="load it and look at what runs: vllm or fake")
    ] = Settings.engine,
    max_model_len: arguments.MaxModelLen = Settings.max_model_len,
    calibration: arguments.Calibration = Settings.calibration,
    num_calibration_samples: arguments.Samples = Settings.num_calibration_samples,
    max_sequence_length: arguments.Length = Settings.max_sequence_length,
    seed: arguments.Seed = Settings.seed,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="save PNG pictures in this folder")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="every layer and every finding")] = False,
    trust_remote_code: arguments.TrustRemoteCode = Settings.trust_remote_code,
    json_: arguments.Json = False,
) -> None:
    """Prove what is inside a checkpoint: declared against actual, against its base, on a GPU."""
    from reporting import analysis

    if sensitivity and not base:
        raise UserError("--sensitivity compares with the base model: give it with --base")
    if engine:
        plugins.find("engines", engine)
    settings = Settings(
        base=base, sensitivity=sensitivity, calibration=calibration,
        num_calibration_samples=num_calibration_samples, seed=seed,
        max_sequence_length=max_sequence_length, target=target, engine=engine,
        tensor_parallel_size=tensor_parallel_size, max_model_len=max_model_len,
        trust_remote_code=trust_remote_code,
    )  # fmt: skip
    names = checkpoints or find(Path())
    with analysis.progress() as progress:
        results = [_scheme(n, settings) or inspect(n, settings, progress) for n in names]
    if json_:
        cli.print_json(results)
    elif len(results) == 1:
        analysis.show(results[0], all_)
    else:
        analysis.listing(results)
    if pictures:
        from reporting import analysis_pictures

        for path in analysis_pictures.draw(results, pictures):
            cli.say(f"saved {path}")
    if any(result["findings"] for result in results):
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
