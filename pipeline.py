"""The main job: compress a model with every scheme, serve each checkpoint, measure, compare.

    python pipeline.py --model_id demo --schemes all
    python pipeline.py --model_id llama3_8b --schemes INT4-W4A16,FP8-W8A8

What is compressed already is reused, and the same command goes on where it was cut off. Each
checkpoint is loaded afresh in every round (`--rounds`).
A scheme that fails is a row with its reason and the rest go on; the exit code is 1 then.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from checkpoints import models
from compressing.settings import Settings
from core import cli
from core.engine import Options
from core.options import (
    AllowFallback,
    EvalResultsDir,
    Json,
    Margin,
    ModelId,
    OutputDir,
    ResultsDir,
    option,
    without,
)
from grid import study_file
from reporting.console.report_options import STUDIES
from running import jobs, serving
from studies._preset import take


def main(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        option(
            "a study file: options by name, lists for several",
            is_eager=True,
            callback=study_file.take,
        ),
    ] = None,
    model_id: ModelId = "llama3_8b",
    study: Annotated[
        str | None,
        option(
            "a known study's schemes and options where the line says nothing: "
            f"{', '.join(STUDIES)}",
            is_eager=True,
            callback=take,
        ),
    ] = None,
    schemes: Annotated[
        str, option("all (base and the six classic schemes), every, or names with commas")
    ] = "all",
    settings: Annotated[Settings, without("ignore")],
    engine: jobs.EngineName = serving.AUTO,
    loads: Annotated[jobs.PerformanceOptions, without("temperature", "top_p", "prompts_file")],
    rounds: jobs.RoundOptions,
    questions: Annotated[jobs.QualityOptions, without("max_new_tokens")],
    margin: Margin = "1",
    options: Options,
    allow_fallback: AllowFallback = False,
    output_dir: OutputDir = Path(),
    results_dir: ResultsDir = Path("perf_results"),
    eval_results_dir: EvalResultsDir = Path("eval_results"),
    fresh: Annotated[
        bool, option("measure all anew: use no record of a run that was cut off or is done")
    ] = False,
    plan: Annotated[
        bool, option("print the jobs, what is done and what the rest takes, and do nothing")
    ] = False,
    write_config: Annotated[
        Path | None, option("write what this line says as a study file, and do nothing else")
    ] = None,
    json_: Json = False,
) -> None:
    """Compress a model with every scheme, serve each checkpoint, measure and compare."""
    if write_config is not None:
        return study_file.write(context, write_config)
    from compressing import missing
    from grid import forecasting, resume
    from grid.execute import execute
    from quality.comparison import parse_margins
    from reporting.console import progress, results
    from reporting.console.forecast import show_forecast
    from reporting.deciding.decision import contenders
    from running.run import Run

    first_rounds, max_rounds = rounds.span()
    run = Run(
        engine=engine,
        options=options,
        allow_fallback=allow_fallback,
        results=results_dir,
        eval_results=eval_results_dir,
        rounds=first_rounds,
        max_rounds=max_rounds,
        fresh=fresh,
    )
    with progress.progress(model_id, "checking model, options and tasks") as told:
        places = models.places(model_id, missing.choose(schemes), output_dir)
        run = replace(run, engine=serving.check(engine, options))
        services = [serving.of_place(place, run.engine, allow_fallback) for place in places]
        serving.check_services(services, options)
        undecided = partial(contenders, margins=parse_margins(margin))
        base = run.base(models.folder(model_id))
        timed = jobs.plan(loads, base)
        if not plan:
            impossible = missing.check(places, settings, named=schemes not in missing.GROUPS)
        planned = [*timed, *jobs.plan(questions, base)]
        run = replace(run, options=jobs.roomy(options, planned))
        digits = resume.plan(run, places, planned, settings)
        if plan:
            forecast = forecasting.forecast(run, places, settings, planned, digits)
        else:
            run.try_writing()
            run = resume.taken_up(run, places, digits)
            records = execute(run, places, settings, planned, impossible, told, undecided)
    if plan:
        return show_forecast(forecast, json_)
    name, folders = models.model_name(model_id), [results_dir, eval_results_dir]
    results.show_run(records, name, folders, margin, json_, study)
    if run.unsaved or any(record.status == "failed" for record in records):
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
