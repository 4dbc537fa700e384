"""Prove what is inside a checkpoint: declared against actual, against its base, on your GPU.

    python analyze.py llama3_8b-INT4-W4A16
    python analyze.py llama3_8b-INT4-W4A16 --base llama3_8b --sensitivity
    python analyze.py llama3_8b-INT4-W4A16 --target sm_90 --tensor_parallel_size 4
    python analyze.py

Without a checkpoint every one found in the current folder is inspected. Only headers, scales and
configs are read unless `--base` or `--engine` ask for more; exit code 1 means something was found.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from checkpoints import models
from core import arguments, cli, records
from core.errors import UserError
from inspection import results, saving
from inspection.results import Progress, Settings


def find(folder: Path) -> list[str]:
    """Every checkpoint in the folder (itself included), by path, and the built-in model."""
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    found = [str(path) for path in places if _is_checkpoint(path)]
    return [*found, models.DEMO]


def _is_checkpoint(path: Path) -> bool:
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


def look(names: list[str], settings: Settings, progress: Progress) -> list[dict[str, Any]]:
    """The result of every checkpoint or scheme; of several, one that is neither spoils no other.

    Raises `UserError` when the only one is neither.
    """
    found = []
    for name in names:
        try:
            _must_be_one(name)
            one = results.scheme(name, settings)
            found.append(one or results.inspect(name, settings, progress))
        except UserError as problem:
            if len(names) == 1:
                raise
            found.append(results.refused(name, problem))
    return found


def _must_be_one(name: str) -> None:
    """Raise `UserError` for a folder that is no checkpoint but holds some."""
    folder = Path(name)
    if name == models.DEMO or not folder.is_dir() or (folder / "config.json").is_file():
        return
    inside = find(folder)[:-1]
    if inside:
        more = ", ..." if len(inside) > 3 else ""
        raise UserError(
            f"{name} is no checkpoint but holds some ({', '.join(inside[:3])}{more}): name one, or "
            "run analyze.py in there without a name for all"
        )


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
    save: Annotated[
        bool, typer.Option("--save", help="save records for report.py, one a checkpoint")
    ] = False,
    results_dir: arguments.ResultsDir = Path("eval_results"),
    json_: arguments.Json = False,
) -> None:
    """Prove what is inside a checkpoint: declared against actual, against its base, on a GPU."""
    from reporting.console import analysis

    settings = Settings(
        base=base,
        sensitivity=sensitivity,
        calibration=calibration,
        num_calibration_samples=num_calibration_samples,
        seed=seed,
        max_sequence_length=max_sequence_length,
        target=target,
        engine=engine,
        tensor_parallel_size=tensor_parallel_size,
        max_model_len=max_model_len,
        trust_remote_code=trust_remote_code,
    )
    results.check(settings)
    started, run_id = records.now().isoformat(), records.new_run_id()
    with analysis.progress() as progress:
        found = look(checkpoints or find(Path()), settings, progress)
    if json_:
        cli.print_json(found)
    elif len(found) == 1:
        analysis.show(found[0], all_)
    else:
        analysis.listing(found)
    if save:
        for result in found:
            cli.say(saving.save(result, settings, results_dir, run_id, started))
    if pictures:
        from reporting.console import analysis_pictures

        for path in analysis_pictures.draw(found, pictures):
            cli.say(f"saved {path}")
    if any(result["findings"] for result in found):
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
