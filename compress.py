"""Compress a model with one scheme, check the result, and leave a checkpoint vLLM serves.

    python compress.py --compression_type INT4-W4A16 --model_id llama3_8b
    python compress.py --compression_type FP8-W8A8 --model_id demo --dry_run
    python compress.py --list

The checkpoint goes to `{model_id}-{compression_type}/` and appears there only when it is whole and
verified. `compression.json` in it says how it was made.
"""

from pathlib import Path
from typing import Annotated

import typer

from checkpoints import models
from compressing.settings import Settings
from core import cli, plugins
from core.errors import UserError
from core.options import Json, ModelId, OutputDir, option


def main(
    *,
    compression_type: Annotated[str, option("scheme, for instance INT4-W4A16 (see --list)")] = "",
    model_id: ModelId = "llama3_8b",
    settings: Settings,
    output_dir: OutputDir = Path(),
    force: Annotated[bool, option("replace an existing checkpoint, once the new is whole")] = False,
    dry_run: Annotated[bool, option("print the plan and stop before loading weights")] = False,
    list_: Annotated[
        bool, option("list the schemes and what this machine can serve", "list")
    ] = False,
    json_: Json = False,
) -> None:
    """Compress a model with one quantization scheme into {model_id}-{scheme}/ and verify it."""
    from reporting.console import compression

    if list_:
        return compression.print_schemes(json_)
    if not compression_type:
        raise UserError("which scheme? --compression_type NAME (--list shows them)")
    from compressing import making
    from compressing.missing import COMPRESSING
    from reporting.console import progress
    from running.run import LOGS

    name = plugins.shown("schemes", plugins.find("schemes", compression_type))
    settings.must_suit([plugins.load("schemes", name)])
    (place,) = models.places(model_id, [name], output_dir)
    planned = making.plan(place, settings)
    compression.print_plan(planned, dry_run, json_)
    if dry_run:
        return making.must_fit(place, planned)
    try:
        log = LOGS / f"compress-{place.model}-{place.scheme}.log"
        with progress.libraries_to(log), progress.progress(place.scheme, COMPRESSING) as told:

            def tell(detail: str, done: int, total: int) -> None:
                told.step(COMPRESSING, done, total, detail)

            manifest = making.compress(place, settings, force, tell)
    except making.CompressionFailed as problem:
        cli.say(f"error: {problem}", "red")
        raise typer.Exit(cli.FAILED) from problem
    return compression.print_result(manifest, json_)


app = cli.application(main)

if __name__ == "__main__":
    app()
