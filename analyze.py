"""Prove what is inside a checkpoint: declared against actual, against its base, on your GPU.

    python analyze.py llama3_8b-INT4-W4A16
    python analyze.py llama3_8b-INT4-W4A16 --base llama3_8b --sensitivity
    python analyze.py llama3_8b-INT4-W4A16 --target sm_90 --tensor_parallel_size 4
    python analyze.py

Without a checkpoint every one found in the current folder is inspected. Only headers, scales and
configs are read unless `--base` or `--engine` ask for more; exit code 1 means something was found.
"""

from pathlib import Path
from typing import Annotated

import typer

from core import arguments, cli, records
from inspection import results, saving, several
from inspection.results import Settings


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
        inspections = several.inspect(checkpoints or several.find(Path()), settings, progress)
    if json_:
        cli.print_json([inspection.as_json() for inspection in inspections])
    elif len(inspections) == 1:
        analysis.show(inspections[0], all_)
    else:
        analysis.listing(inspections)
    if save:
        for inspection in inspections:
            cli.say(saving.save(inspection, settings, results_dir, run_id, started))
    if pictures:
        from reporting.console import analysis_pictures

        for path in analysis_pictures.draw(inspections, pictures):
            cli.say(f"saved {path}")
    if any(inspection.findings for inspection in inspections):
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
