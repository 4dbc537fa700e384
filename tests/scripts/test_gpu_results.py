"""All numbers of one GPU: its plan, and steps that go on where they stopped."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from checkpoints import models
from compressing.settings import Settings
from core.engine import Options
from core.errors import UserError
from scripts import gpu_results
from scripts.gpu_plan import Plan, PlanOptions


def test_a_folder_holds_one_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = Plan(
        model_id="demo",
        schemes=["BASE"],
        workloads=[(8, 8)],
        batch_sizes="2",
        repeats=2,
        num_prompts=1,
        settings=Settings(),
        options=Options(),
    )
    plan.keep()
    replace(plan, schemes=["BASE", "FP8-W8A8"]).keep()
    with pytest.raises(UserError, match="choose another --out"):
        replace(plan, workloads=[(8, 16)]).keep()
    with pytest.raises(UserError, match="choose another --out"):
        replace(plan, options=Options(enforce_eager=True)).keep()


def test_the_jobs_of_two_loads_begin_with_one_load_and_end_with_the_memory() -> None:
    options = replace(PlanOptions().small(), workloads="32:8,8:32")
    plan = options.plan(models.DEMO)
    assert plan.schemes == ["BASE", "FP8-W8A8"]
    assert plan.options.max_model_len == 32 + 8 + 16 and plan.options.max_num_seqs == 256
    jobs = plan.jobs(plan.run.base(models.DEMO_PATH))
    loads = [
        (job.measure, job.settings.prompt_tokens, job.settings.batch_size) for job in jobs[1:-1]
    ]
    assert (jobs[0].measure, jobs[-1].measure) == ("load", "memory")
    assert [(m, tokens) for m, tokens, _ in loads if m == "sequential"] == [
        ("sequential", 32),
        ("sequential", 8),
    ]
    assert [load for load in loads if load[0] == "batch"] == [
        ("batch", tokens, size) for tokens in (32, 8) for size in (2, 4)
    ]


def test_workloads() -> None:
    assert PlanOptions(workloads="1024:128,128:1024").parsed_workloads() == [
        (1024, 128),
        (128, 1024),
    ]
    for wrong in ("", "1024", "1:2:3", "0:5", "a:b"):
        with pytest.raises(UserError, match="in:out"):
            PlanOptions(workloads=wrong).plan("demo")


def test_steps_go_on_where_they_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran: list[str] = []

    def step(name: str, fails: bool = False) -> tuple:
        def work() -> dict:
            ran.append(name)
            if fails and ran.count(name) == 1:
                raise RuntimeError("the card fell off")
            return {}

        return name, work

    steps = [step("BASE"), step("FP8-W8A8", fails=True), step("INT4-W4A16")]
    assert gpu_results.run(steps, minutes=15) is False
    assert ran == ["BASE", "FP8-W8A8", "INT4-W4A16"]
    assert "fell off" in json.loads((tmp_path / "steps" / "FP8-W8A8.json").read_text())["error"]
    assert gpu_results.run(steps, minutes=15) is True
    assert ran[3:] == ["FP8-W8A8"]


def test_without_a_gpu_it_says_what_can_be_tried(process) -> None:
    done = process("scripts/gpu_results.py", "--out", "o", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2 and "--dry_run" in done.stderr
