"""Score the quality of checkpoints against their base: lm-eval tasks, perplexity, divergence.

    python score.py --model llama3_8b-INT4-W4A16 --base llama3_8b
    python score.py --model demo --model demo-INT4-W4A16 --tasks demo --limit 100

Each checkpoint is loaded once for everything. The base is scored first where its records are not
there yet. Each measure leaves a record in eval_results/, next to lm-eval's own files.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from checkpoints import bases, checkpoint
from core import cli
from core.engine import Options
from core.errors import UserError
from core.options import AllowFallback, Json, Margin, ResultsDir, option
from running import jobs, serving


def main(
    *,
    model: Annotated[list[str], option("checkpoint folder or `demo`; may be repeated")],
    base: Annotated[str | None, option("their base; by default what they were made from")] = None,
    questions: jobs.QualityOptions,
    margin: Margin = "1",
    engine: jobs.EngineName = serving.AUTO,
    options: Options,
    allow_fallback: AllowFallback = False,
    results_dir: ResultsDir = Path("eval_results"),
    json_: Json = False,
) -> None:
    """Score the quality of checkpoints against their base."""
    from grid import turns
    from quality.comparison import parse_margins
    from reporting.console import progress, results
    from running.run import Run

    run = Run(
        engine=engine,
        options=options,
        allow_fallback=allow_fallback,
        results=results_dir,
        eval_results=results_dir,
    )
    margins = parse_margins(margin)
    with progress.progress("score.py", "checking models, options and tasks") as told:
        pairs = [bases.pair(name, base) for name in dict.fromkeys(model)]
        run = replace(run, engine=serving.check(engine, options))
        _check_bases(pairs)
        planned = jobs.plan(questions, run.base(pairs[0].base.path))
        if not planned:
            raise UserError("nothing is asked: --tasks none, --text none and no --prompts_file")
        run.try_writing()
        scored = turns.score_all(run, pairs, planned, told)
    compared = results.show_quality(scored, margins, results_dir, json_)
    failed = any(record.status == "failed" for each in scored for record in each.checkpoint)
    if run.unsaved or failed or any(quality.unpaired for quality in compared):
        raise typer.Exit(cli.FAILED)


def _check_bases(pairs: list[bases.Pair]) -> None:
    """Raise `UserError` for bases that the same questions do not fit."""
    lengths = {checkpoint.read(pair.base.path).context_length for pair in pairs}
    if len(lengths) > 1:
        raise UserError("the bases of these checkpoints differ in context length: score them apart")


app = cli.application(main)

if __name__ == "__main__":
    app()
