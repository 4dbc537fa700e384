"""All numbers of one GPU in one command, step by step, going on where it stopped.

    scripts/gpu_results.sh                             # the Llama-3-8B shape, random weights
    scripts/gpu_results.sh --minutes 60 --model_id llama3_8b
    scripts/gpu_results.sh --dry_run                   # the demo model, also on a CPU

Steps: roofline, model, then per scheme compress and measure, most telling schemes first. A finished
step leaves `steps/NAME.json`; the next run starts after it and retries what failed. No step starts
after `--minutes` (docs/measuring.md says what fits). A checkpoint is removed once measured, so that
little disk suffices.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to find ``core`` when run by path

from checkpoints import models
from compressing import missing
from compressing.settings import Settings
from core import cli, machine, plugins
from core.engine import Options
from core.errors import UserError
from core.measure import Job, ServedBase
from core.options import option
from core.plugins import ROOT
from measures._requests import LoadOptions
from running import jobs
from running.run import Run
from scripts import gpu_table

# One scheme per kernel first, by round to nearest, which takes seconds and serves as fast as the
# others; then the methods whose time to compress is of interest.
ORDER = (
    "BASE", "FP8-W8A8", "INT4-W4A16-RTN", "INT8-W8A8-RTN", "INT8-W8A16-RTN", "FP8-W8A8-KV8",
    "NVFP4A16", "FP8-W8A8-BLOCK", "INT4-W4A16", "INT8-W8A8", "INT8-W8A16", "INT4-W4A16-AWQ",
)  # fmt: skip
DEMO = {"schemes": "BASE,INT4-W4A16-RTN", "workloads": "32:8", "batch_sizes": "2,4"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured: schemes in order, loads as (tokens in, tokens out), batch sizes."""

    model_id: str
    schemes: list[str]
    workloads: list[tuple[int, int]]
    batch_sizes: str
    repeats: int
    num_prompts: int
    settings: Settings
    options: Options

    def jobs(self, base: ServedBase) -> list[Job]:
        """Every measure of each load of a checkpoint: load first, memory last."""
        planned: list[Job] = []
        for prompt_tokens, new_tokens in self.workloads:
            load = LoadOptions(
                batch_sizes=self.batch_sizes,
                num_prompts=self.num_prompts,
                prompt_tokens=prompt_tokens,
                max_new_tokens=new_tokens,
                repeats=self.repeats,
            )
            chosen = dict.fromkeys(jobs.option_groups("performance"), load)
            planned += jobs.plan(chosen, base)
        middle = (job for job in planned if job.measure not in ("load", "memory"))
        return [planned[0], *middle, planned[-1]]

    @property
    def run(self) -> Run:
        """How each scheme is served; records go below the current folder."""
        results = Path("perf_results")
        return Run(engine="vllm", options=self.options, results=results, eval_results=results)


def parse_workloads(text: str) -> list[tuple[int, int]]:
    """`1024:128,128:1024` as pairs. Raises `UserError` for anything else."""
    try:
        pairs = [tuple(int(n) for n in part.split(":")) for part in text.split(",")]
    except ValueError:
        pairs = []
    if not pairs or any(len(p) != 2 or min(p) < 1 for p in pairs):
        raise UserError(f"--workloads wants tokens in:out like 1024:128,128:1024, not {text!r}")
    return [(p[0], p[1]) for p in pairs]


def steps(plan: Plan, shape: str | None, device: str) -> list[tuple[str, Callable[[], Any]]]:
    """Every step by name, in order. They run in the results folder."""
    planned: list[tuple[str, Callable[[], Any]]] = [("roofline", lambda: _roofline())]
    if shape:
        planned.append(("model", lambda: _make_model(plan.model_id, shape, device)))
    for scheme in plan.schemes:
        planned.append((scheme, lambda scheme=scheme: scheme_step(plan, scheme)))  # type: ignore[misc]
    return planned


def _roofline() -> dict[str, Any]:
    _script("roofline.py", "--output", "roofline.json")
    return {}


def _make_model(name: str, shape: str, device: str) -> dict[str, Any]:
    if not Path(name).is_dir():
        _script("make_model.py", "--shape", shape, "--device", device, name)
    return {}


def _script(name: str, *parts: str) -> None:
    """A script in a process of its own, so that none here ever holds the GPU."""
    line = [sys.executable, str(ROOT / "scripts" / name), *parts]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])


def scheme_step(plan: Plan, scheme: str) -> dict[str, Any]:
    """Compress, measure, keep the manifest, remove the checkpoint; returns what happened."""
    run, (place,) = plan.run, models.places(plan.model_id, [scheme], Path())
    refusal = _refusal(scheme)
    if refusal:
        return {"unsupported": refusal}
    if not place.is_base:
        missing.check([place], plan.settings, named=True)
        failed = missing.compress_missing([place], plan.settings, run.id, _progress)
        if failed:
            raise RuntimeError(failed[scheme])
        Path("compressed").mkdir(exist_ok=True)
        shutil.copyfile(place.path / models.MANIFEST, Path("compressed") / f"{scheme}.json")
    planned = plan.jobs(run.base(models.folder(plan.model_id)))
    records = run.measure(place.identify(), planned, lambda step: _progress(f"{scheme}: {step}"))
    broken = [f"{r.measure}: {r.reason}" for r in records if r.status != "ok"]
    if len(broken) == len(records):
        raise RuntimeError(broken[0])
    if not place.is_base:
        shutil.rmtree(place.path)
    return {"records": len(records), "failed": broken}


def _refusal(scheme: str) -> str | None:
    here = machine.probe()
    verdict = plugins.load("schemes", scheme).verdict(here.compute_capability, here.cpu_flags)
    return None if verdict.kind == "native" else str(verdict.reason)


def _progress(text: str) -> None:
    cli.err.print(f"  {text}", end="\r", highlight=False)


def _same_plan(plan: Plan) -> None:
    """Note what is measured here. Raises `UserError` when the folder holds steps of another plan.

    More schemes may be added to what is there.
    """
    path = Path("plan.json")
    measured = json.dumps({**asdict(plan), "schemes": None}) + "\n"
    if path.is_file() and path.read_text() != measured:
        raise UserError(
            f"{Path.cwd().name}/ holds results of other loads or settings: choose another --out"
        )
    path.write_text(measured, encoding="utf-8")


def run(planned: list[tuple[str, Callable[[], Any]]], minutes: float) -> bool:
    """Run the steps not done yet until the time is up; returns whether none failed."""
    begun, whole = time.monotonic(), True
    Path("steps").mkdir(exist_ok=True)
    for name, work in planned:
        mark = Path("steps") / f"{name}.json"
        if mark.is_file() and "error" not in json.loads(mark.read_text()):
            cli.say(f"{name}: done before")
            continue
        if time.monotonic() - begun > minutes * 60:
            cli.say(
                f"{name}: not started, the {minutes:g} minutes are over; run it again", "yellow"
            )
            continue
        started = time.monotonic()
        try:
            outcome = work()
        except (UserError, RuntimeError, OSError) as problem:
            outcome, whole = {"error": str(problem)}, False
        outcome = {**outcome, "seconds": round(time.monotonic() - started, 1)}
        mark.write_text(json.dumps(outcome) + "\n", encoding="utf-8")
        cli.say(f"{name}: {json.dumps(outcome)}")
        if name in ("roofline", "model") and "error" in outcome:
            return False
    return whole


def main(
    out: Annotated[Path, typer.Option("--out", help="folder for everything")] = ROOT
    / "build"
    / "gpu_results",
    model_id: Annotated[
        str | None, typer.Option("--model_id", help="a model folder; by default one is made")
    ] = None,
    shape: Annotated[str, typer.Option("--shape", help="shape to make")] = "llama3-8b",
    schemes: Annotated[str, typer.Option("--schemes", help="names with commas")] = ",".join(ORDER),
    workloads: Annotated[str, typer.Option("--workloads", help="tokens in:out")] = "1024:128",
    batch_sizes: Annotated[str, option("requests sent together")] = "8,32,128",
    repeats: Annotated[int, option("timed repeats", min=1)] = 3,
    num_prompts: Annotated[int, option("requests sent one at a time", min=1)] = 1,
    num_calibration_samples: Annotated[int, option("documents to calibrate on", min=1)] = 64,
    max_sequence_length: Annotated[int, option("tokens kept of each", min=1)] = 512,
    enforce_eager: Annotated[bool, option("no torch.compile, no CUDA graphs")] = False,
    minutes: Annotated[
        float, typer.Option("--minutes", help="no step starts after so many", min=0)
    ] = 15,
    dry_run: Annotated[
        bool, typer.Option("--dry_run", help="the demo model with a small load, on any machine")
    ] = False,
) -> None:
    """Measure base and schemes on this machine and print the table."""
    if dry_run:
        schemes, workloads, batch_sizes = DEMO["schemes"], DEMO["workloads"], DEMO["batch_sizes"]
        model_id, repeats, enforce_eager = models.DEMO, 2, True
        num_calibration_samples, max_sequence_length = 8, 64
    pairs, sizes = parse_workloads(workloads), LoadOptions(batch_sizes=batch_sizes).sizes()
    made = model_id is None
    name = model_id or f"{shape.replace('-', '_')}_random"
    if not made and name != models.DEMO:
        name = str(models.folder(name).resolve())
    device = "cuda" if machine.probe().gpus else "cpu"
    if device == "cpu" and not dry_run:
        raise UserError("no NVIDIA GPU answers here; --dry_run tries the steps on the demo model")
    plan = Plan(
        model_id=name,
        schemes=missing.choose(schemes),
        workloads=pairs,
        batch_sizes=batch_sizes,
        repeats=repeats,
        num_prompts=num_prompts,
        settings=Settings(
            num_calibration_samples=num_calibration_samples,
            max_sequence_length=max_sequence_length,
            calibration="demo",
        ),
        options=Options(
            enforce_eager=enforce_eager,
            max_model_len=max(map(sum, pairs)) + 16,
            max_num_seqs=max(256, *sizes),
        ),
    )
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(out)
    _same_plan(plan)
    plan.run.prepare([], missing.LIBRARIES)
    whole = run(steps(plan, shape if made else None, device), minutes)
    if Path("roofline.json").is_file() and Path("perf_results").is_dir():
        gpu_table.main(Path(), plan.model_id)
    if not whole:
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
