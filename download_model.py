"""Fetch a model from the hub, and with `--datasets` the data, to carry them where no network is.

    python download_model.py
    python download_model.py Qwen/Qwen3-0.6B --output_dir models/qwen --datasets

Takes safetensors, tokenizer and configuration files, never pickles or code.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from core import cli
from hub.download import Downloaded, download
from hub.selection import DEFAULT_MODEL


def main(
    model: Annotated[str, typer.Argument(help="The model on the hub: org/name.")] = DEFAULT_MODEL,
    revision: Annotated[
        str, typer.Option("--revision", help="Branch, tag or commit; the commit is recorded.")
    ] = "main",
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output_dir",
            help="The model's folder. Without it: llama3_8b for the default model, else the "
            "name in lower case, anything but a-z 0-9 . _ - replaced by -.",
        ),
    ] = None,
    datasets: Annotated[
        bool, typer.Option("--datasets", help="Also fetch calibration and evaluation data.")
    ] = False,
    datasets_dir: Annotated[
        Path | None,
        typer.Option("--datasets_dir", help="Their folder; datasets_cache next to the model's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Fetch a model (safetensors and tokenizer only) from the hub, resumed where it stopped.

    A gated model needs its licence accepted and `hf auth login` or HF_TOKEN.
    """
    from reporting.console import progress

    with progress.progress(model, "asking the hub") as told:
        outcome = download(model, revision, output_dir, datasets, datasets_dir, told.step)
    for downloaded in (outcome.model, *outcome.datasets):
        cli.say(sentence(downloaded), "green")
    for failure in outcome.failed:
        cli.say(failure, "red")
    if as_json:
        cli.print_json(asdict(outcome))
    if outcome.failed:
        raise typer.Exit(cli.FAILED)


def sentence(downloaded: Downloaded) -> str:
    """The line that says what is where."""
    size = f"{downloaded.files} files, {downloaded.bytes / 1e9:.2f} GB"
    what = f"{downloaded.repo_id} at commit {downloaded.commit[:8]} ({size})"
    state = "is already complete in" if downloaded.already_there else "was written to"
    return f"{what} {state} {downloaded.folder}"


app = cli.application(main)

if __name__ == "__main__":
    app()
