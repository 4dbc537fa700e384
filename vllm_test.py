"""The simple inference check: load a checkpoint, answer a few prompts, show the text.

    python vllm_test.py llama3_8b-INT4-W4A16
    python vllm_test.py                 # the newest checkpoint here
    python vllm_test.py demo --prompt "Question: What colour is the mineral Klugine?"

Chat models get the prompt through their chat template; `--raw` sends it as it is.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from checkpoints import checkpoint, models
from core import cli
from core.engine import Options
from core.errors import UserError
from core.options import Json, option, without
from running import serving
from running.jobs import EngineName

LOG = Path("build/logs/vllm_test.log")


def main(
    *,
    model: Annotated[
        str | None, typer.Argument(help="checkpoint folder, or `demo`; by default the newest here")
    ] = None,
    prompt: Annotated[list[str] | None, option("what to ask; may be given again")] = None,
    max_new_tokens: Annotated[int, option("longest answer", min=1)] = 64,
    raw: Annotated[bool, option("no chat template")] = False,
    engine: EngineName = serving.AUTO,
    options: Annotated[Options, without("enforce_eager")],
    json_: Json = False,
) -> None:
    """Load a checkpoint and answer a few prompts."""
    from inspection import runtime, several
    from measures.answers import PROMPTS, Questions
    from reporting.console import answers, progress

    def refused(identity: models.Identity) -> str | None:
        return serving.of(identity, engine, allow_fallback=True).unserved

    engine = serving.check(engine, options)
    if model is None:
        model, which = several.newest(Path(), refused)
        cli.say(f"{model}, {which}")
    identity = models.identify(model)
    checkpoint.read(identity.path)
    way = serving.of(identity, engine, allow_fallback=True)
    if way.unserved:
        raise UserError(way.unserved)
    questions = Questions(
        prompts=tuple(prompt or PROMPTS), max_new_tokens=max_new_tokens, verbatim=raw
    )
    with progress.progress(model) as told:
        eager = replace(options, enforce_eager=True)
        ran = runtime.run(
            identity.path, way.engine, eager, LOG, questions, told.step, way.decompressed
        )
    if json_:
        cli.print_json({"model": model, **ran.as_json()})
    else:
        answers.show(model, ran)
    if ran.failed:
        cli.say(f"error: {ran.failed} (log: {LOG})", "red")
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
