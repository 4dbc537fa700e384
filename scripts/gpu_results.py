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
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to find ``core`` when run by path

from checkpoints import models
from compressing import missing, oneshot
from core import cli, machine, plugins
from core.errors import UserError
from core.options import option
from core.plugins import ROOT
from reporting.console import progress
from scripts import gpu_table
from scripts.gpu_plan import Plan, PlanOptions

Step = tuple[str, Callable[[], dict[str, Any]]]  # its name and its work


def steps(plan: Plan, shape: str | None, device: str) -> list[Step]:
    """Every step by name, in order. They run in the results folder."""
    planned: list[Step] = [("roofline", _roofline)]
    if shape:
        planned.append(("model", partial(_make_model, plan.model_id, shape, device)))
    return planned + [(scheme, partial(scheme_step, plan, scheme)) for scheme in plan.schemes]


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
        with progress.progress(scheme) as told:
            reason = None
            if not place.path.exists():
                told.begin(missing.turns([place])[0])
                reason = missing.make(place, plan.settings, run.id, told)
        if reason:
            raise RuntimeError(reason)
        Path("compressed").mkdir(exist_ok=True)
        shutil.copyfile(place.path / models.MANIFEST, Path("compressed") / f"{scheme}.json")
    jobs = plan.jobs(run.base(models.folder(plan.model_id)))
    with progress.progress(scheme) as told:
        records = run.measure(place.identify(), jobs, told.step)
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


def run(planned: list[Step], minutes: float) -> bool:
    """Run the steps not done yet until the time is up; returns whether none failed."""
    begun, succeeded = time.monotonic(), True
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
            outcome, succeeded = {"error": str(problem)}, False
        outcome = {**outcome, "seconds": round(time.monotonic() - started, 1)}
        mark.write_text(json.dumps(outcome) + "\n", encoding="utf-8")
        cli.say(f"{name}: {json.dumps(outcome)}")
        if name in ("roofline", "model") and "error" in outcome:
            return False
    return succeeded


def main(
    *,
    out: Annotated[Path, option("folder for everything")] = ROOT / "build" / "gpu_results",
    model_id: Annotated[str | None, option("a model folder; by default one is made")] = None,
    shape: Annotated[str, option("shape to make")] = "llama3-8b",
    measured: PlanOptions,
    minutes: Annotated[float, option("no step starts after so many", min=0)] = 15,
    dry_run: Annotated[bool, option("the demo model with a small load, on any machine")] = False,
) -> None:
    """Measure base and schemes on this machine and print the table."""
    if dry_run:
        model_id, measured = models.DEMO, measured.small()
    made_here = model_id is None
    plan = measured.plan(model_id or f"{shape.replace('-', '_')}_random")
    if not made_here and model_id != models.DEMO:
        plan = replace(plan, model_id=str(models.folder(plan.model_id).resolve()))
    device = "cuda" if machine.probe().gpus else "cpu"
    if device == "cpu" and not dry_run:
        raise UserError("no NVIDIA GPU answers here; --dry_run tries the steps on the demo model")
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(out)
    plan.keep()
    plan.run.prepare([], oneshot.PRELOADED)
    succeeded = run(steps(plan, shape if made_here else None, device), minutes)
    if Path("roofline.json").is_file() and Path("perf_results").is_dir():
        gpu_table.main(Path(), plan.model_id)
    if not succeeded:
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
