"""Measure one checkpoint on one engine: load time, memory, latency, throughput.

    python benchmark.py --model llama3_8b-INT8-W8A8 --dtype float16
    python benchmark.py --model demo --batch_sizes 1,8,32 --json

The checkpoint is loaded in a clean process, once a round. Each measure leaves a record in
perf_results/.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from checkpoints import models
from core import cli
from core.engine import Options
from core.options import AllowFallback, Json, ResultsDir, option
from running import jobs, serving


def main(
    *,
    model: Annotated[str, option("checkpoint folder, or `demo`")],
    engine: jobs.EngineName = serving.AUTO,
    loads: jobs.PerformanceOptions,
    rounds: Annotated[int, option("fresh loads of the checkpoint", min=1)] = 1,
    options: Options,
    allow_fallback: AllowFallback = False,
    results_dir: ResultsDir = Path("perf_results"),
    json_: Json = False,
) -> None:
    """Measure load time, memory, latency and throughput of one checkpoint."""
    from grid import ramp, turns
    from reporting.console import progress, results
    from running.run import Run

    run = Run(
        engine=engine,
        options=options,
        allow_fallback=allow_fallback,
        results=results_dir,
        eval_results=results_dir,
        rounds=rounds,
    )
    with progress.progress(model, "checking model and options") as told:
        engine = serving.check(engine, options)
        checkpoint = models.identify(model)
        service = serving.of(checkpoint, engine, allow_fallback)
        serving.check_services([service], options)
        run = replace(run, engine=service.engine)
        planned = jobs.plan(loads, run.base(checkpoint.path))
        run = replace(run, options=jobs.roomy(options, planned))
        run.try_writing()
        planned = ramp.settled(run, checkpoint, planned, told)
        records = turns.measure_one(run, checkpoint, planned, told)
    results.show_performance(records, results_dir, json_)
    if run.unsaved or any(record.status != "ok" for record in records):
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
