"""Prove what is inside a checkpoint: declared against actual, against its base, on your GPU.

    python analyze.py llama3_8b-INT4-W4A16
    python analyze.py llama3_8b-INT4-W4A16 --base llama3_8b --sensitivity
    python analyze.py llama3_8b-INT4-W4A16 --target sm_90 --tensor_parallel_size 4
    python analyze.py

Without a checkpoint every one in the current folder is inspected; of a single one everything is
shown. Only headers, scales and configs are read unless `--base` or `--engine` ask for more; exit
code 1 means something was found.
"""

from pathlib import Path
from typing import Annotated

import typer

from core import cli, records
from core.options import Json, ResultsDir, option
from inspection import results, saving, several
from inspection.results import Settings


def main(
    *,
    checkpoints: Annotated[
        list[str] | None,
        typer.Argument(help="checkpoint folders (or with --target scheme names); by default all"),
    ] = None,
    settings: Settings,
    pictures: Annotated[Path | None, option("save PNG pictures in this folder")] = None,
    all_: Annotated[bool, option("every layer and every finding", "all")] = False,
    save: Annotated[bool, option("save records for report.py, one a checkpoint")] = False,
    results_dir: ResultsDir = Path("eval_results"),
    json_: Json = False,
) -> None:
    """Prove what is inside a checkpoint: declared against actual, against its base, on a GPU."""
    from reporting.console import analysis

    results.check(settings)
    if save:
        records.try_writing(results_dir)
    started, run_id = records.now().isoformat(), records.new_run_id()
    with analysis.progress() as progress:
        inspections, saved = [], True
        for found in several.inspect(checkpoints or several.find(Path()), settings, progress):
            inspections.append(found)
            if save:
                saved &= saving.save(found, settings, results_dir, run_id, started)
    if json_:
        cli.print_json([inspection.as_json() for inspection in inspections])
    elif len(inspections) == 1:
        analysis.show(inspections[0], all_)
    else:
        analysis.listing(inspections)
    if not json_ and not settings.engine and not settings.target:
        analysis.more(inspections)
    if pictures:
        from reporting.console import analysis_pictures

        for path in analysis_pictures.draw(inspections, pictures):
            cli.say(f"saved {path}")
    if not saved or any(inspection.findings for inspection in inspections):
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
