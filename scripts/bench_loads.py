"""How far do loads of one checkpoint differ, compared with repeats within one? And what makes them?

    python scripts/bench_loads.py --loads 10
    python scripts/bench_loads.py --loads 6 --variants "as it is;KMP_BLOCKTIME=5;OMP_NUM_THREADS=1"

Loads a checkpoint as a run does and prints, for one user and each batch size, the deviation (of
logarithms) between loads, each of which counts as the median of its repeats, and within a load.
Variants are environment variables of the engine's process; each has a fork server of its own. They
take turns, in an order that is turned around every time, so that a machine whose load changes
changes all of them.
"""

import json
import math
import os
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
AS_IT_IS = "as it is"
WORKER = "from scripts import bench_loads; bench_loads.serve()"
Times = dict[str, list[float]]  # seconds of each repeat by load ("1 users", "8 users")


def serve() -> None:
    """Answer every line on stdin, a model and jobs, with a JSON line: one load's times."""
    for line in sys.stdin:
        print(json.dumps(one_load(**json.loads(line))), flush=True)


def one_load(model: str, sizes: list[int], new_tokens: int) -> dict[str, Any]:
    """`times` of one load, and what else on the machine `spoiled` them, if anything."""
    from checkpoints import models
    from comparing.contention import contended
    from comparing.figures import figures_of
    from core.engine import Options
    from core.measure import Job, Workload
    from running.run import Run

    workload = Workload(requests=2, max_new_tokens=new_tokens, repeats=5)
    jobs = [Job("sequential", workload)]
    jobs += [Job("batch", Workload(**asdict(workload) | {"batch_size": size})) for size in sizes]
    nowhere = ROOT / "build"
    options = Options(enforce_eager=True, max_model_len=1024)
    run = Run(engine="vllm", options=options, results=nowhere, eval_results=nowhere)
    result = run.load(models.identify(model), jobs, lambda *step: None)
    times = {}
    for job in jobs:
        users = job.settings.batch_size if job.measure == "batch" else 1
        outcome = result.of(job)
        if outcome.raw is None:
            raise RuntimeError(outcome.reason)
        times[f"{users} users"] = figures_of(job.measure, outcome.raw)["e2e_latency_s"].values
    others = (outcome.contention for outcome in result.outcomes.values())
    spoiled = next(filter(None, map(contended, others)), None)
    return {"times": times, "spoiled": spoiled}


def worker(variant: str) -> subprocess.Popen[str]:
    """A process with a variant's environment that loads whenever it is asked to."""
    changed = {} if variant == AS_IT_IS else dict(v.split("=", 1) for v in variant.split(","))
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        env=os.environ | changed,
        stdin=pipe,
        stdout=pipe,
        text=True,
    )


def spread(loads: list[list[float]]) -> tuple[float, float, float]:
    """Of repeats in loads: the median, and deviations of logarithms between and within loads."""
    logs = [[math.log(seconds) for seconds in repeats] for repeats in loads]
    between = statistics.stdev([statistics.median(repeats) for repeats in logs])
    within = math.sqrt(statistics.fmean([statistics.variance(repeats) for repeats in logs]))
    return statistics.median([statistics.median(repeats) for repeats in loads]), between, within


def show(variant: str, times: list[Times], spoiled: int) -> None:
    """A variant's lines."""
    print(f"{variant}: {len(times)} loads, {spoiled} of them spoiled by others")
    for load in times[0]:
        seconds, between, within = spread([each[load] for each in times])
        deviations = f"between loads {100 * between:5.1f} %, within {100 * within:5.1f} %"
        print(f"  {load:>9}: {1000 * seconds:6.0f} ms, {deviations}")


def main(
    model: Annotated[str, typer.Option(help="checkpoint folder, or demo")] = "demo",
    loads: Annotated[int, typer.Option(help="loads of each variant")] = 10,
    variants: Annotated[str, typer.Option(help="NAME=value,NAME=value;NAME=value")] = AS_IT_IS,
    batch_sizes: Annotated[str, typer.Option(help="requests sent together")] = "8,32",
    max_new_tokens: Annotated[int, typer.Option(help="tokens generated for each")] = 64,
) -> None:
    """Deviations between and within loads of one checkpoint, for variants of its environment."""
    names = variants.split(";")
    sizes = [int(size) for size in batch_sizes.split(",")]
    asked = json.dumps({"model": model, "sizes": sizes, "new_tokens": max_new_tokens}) + "\n"
    workers = {name: worker(name) for name in names}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(loads):
        for name in names if number % 2 == 0 else reversed(names):
            stdin, stdout = workers[name].stdin, workers[name].stdout
            assert stdin and stdout
            stdin.write(asked)
            stdin.flush()
            answer = json.loads(stdout.readline())
            found[name].append(answer)
            medians = {load: round(statistics.median(s), 4) for load, s in answer["times"].items()}
            print(f"{name}: {medians} {answer['spoiled'] or ''}", flush=True)
    for name in names:
        spoiled = sum(bool(answer["spoiled"]) for answer in found[name])
        show(name, [answer["times"] for answer in found[name]], spoiled)
        workers[name].communicate()


if __name__ == "__main__":
    typer.run(main)
