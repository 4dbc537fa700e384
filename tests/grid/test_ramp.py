"""Batch sizes that were left open: found once, the same for every checkpoint."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from checkpoints import models as places
from core.measure import OPEN_SIZE, Job, Workload
from core.records import load_all
from grid import ramp
from measures._requests import LoadOptions
from running import jobs
from running.progress import Progress
from running.run import Run

SMALL = Workload(prompt_tokens=8, max_new_tokens=8, requests=1, repeats=2)
PLANNED = [
    Job("load", SMALL),
    Job("batch", replace(SMALL, batch_size=OPEN_SIZE)),
    Job("memory", SMALL),
]


def settled(run: Run) -> list[tuple[str, int]]:
    found = ramp.settled(run, places.identify("tiny"), PLANNED, Progress())
    return [(job.measure, job.settings.batch_size) for job in found]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_open_sizes_become_a_middle_load_and_saturation(
    run: Run, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fake engine's KV cache holds 64 of these requests, and it gains up to there."""
    size = Workload.batch_size
    assert settled(run) == [("load", size), ("batch", 8), ("batch", 64), ("memory", size)]
    assert said(capsys).startswith("tiny-BASE: batch sizes 8 and 64 by tokens/s of 400 for 1, ")
    assert load_all(run.results) == []


def test_sizes_that_were_given_need_no_load(run: Run, base: Path) -> None:
    given = [Job("batch", replace(SMALL, batch_size=3)), Job("perplexity", None)]
    (base / "fake.json").write_text(json.dumps({"fail": "crash"}))
    assert ramp.settled(run, places.identify("tiny"), given, Progress()) == given


def test_without_a_ramp_the_size_is_the_default_one(
    run: Run, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (base / "fake.json").write_text(json.dumps({"fail": "crash"}))
    size = Workload.batch_size
    assert settled(run) == [("load", size), ("batch", size), ("memory", size)]
    told = said(capsys)
    assert told.startswith(f"tiny-BASE: batch size {size}, no ramp: the process ended with exit")


def test_auto_is_left_open_by_the_plan(run: Run, base: Path) -> None:
    assert LoadOptions().sizes() == [OPEN_SIZE]
    planned = jobs.plan({"batch": LoadOptions(prompt_tokens=8)}, run.base(base))
    assert [job.settings.batch_size for job in planned] == [OPEN_SIZE]
    assert jobs.roomy(run.options, planned) == run.options
