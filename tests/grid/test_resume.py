"""The same command goes on where it was cut off, and shares its work with another one beside it."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from checkpoints import checkpoint
from checkpoints import models as places
from compressing.settings import Settings
from core import records
from core.measure import OPEN_SIZE, Job, Workload
from core.records import Record
from grid import resume, turns
from grid.execute import execute
from running.progress import Progress
from running.run import Run
from tests import models
from tests.conftest import ROOT, wait_until

SMALL = Workload(prompt_tokens=4, max_new_tokens=4, requests=1, batch_size=2, repeats=2)
TIMED = [Job("load", SMALL), Job("sequential", SMALL), Job("memory", SMALL)]
SCHEMES = ["BASE", "FP8-W8A8"]
LINE = (
    "--model_id", "tiny", "--schemes", "FP8-W8A8", "--engine", "fake", "--max_new_tokens", "8",
    "--prompt_tokens", "8", "--batch_sizes", "2", "--tasks", "none", "--text", "none",
)  # fmt: skip


@pytest.fixture
def checkpoints(base: Path, tmp_path: Path) -> list[places.Place]:
    models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    return places.places("tiny", SCHEMES, tmp_path)


def taken_up(run: Run, checkpoints: list[places.Place], jobs: list[Job]) -> Run:
    plan = resume.plan(run, checkpoints, jobs, Settings())
    return resume.taken_up(replace(run, began=records.now().isoformat()), checkpoints, plan)


def measured(run: Run, checkpoints: list[places.Place], jobs: list[Job]) -> list[Record]:
    own = taken_up(run, checkpoints, jobs)
    return execute(own, checkpoints, Settings(), jobs, {}, Progress())


def files(run: Run) -> set[Path]:
    return set(run.results.glob("*/*.json")) | set(run.eval_results.glob("*/*.json"))


def counted(run: Run) -> Counter[tuple[str, int, str, str]]:
    """How many records there are of a job."""
    saved = map(records.load, files(run))
    return Counter((r.subject.scheme, r.round, r.measure, str(r.settings)) for r in saved)


def test_a_finished_run_is_not_measured_again(
    run: Run, checkpoints: list[places.Place], capsys: pytest.CaptureFixture[str]
) -> None:
    first = measured(run, checkpoints, TIMED)
    there = files(run)
    again = measured(run, checkpoints, TIMED)
    assert files(run) == there and len(there) == len(first) == 9
    assert [r.ended for r in again] == [r.ended for r in first]
    said = " ".join(capsys.readouterr().err.split())
    assert f"goes on with run {first[0].run_id}: 9 records reused, nothing left to measure" in said


def test_what_is_missing_is_measured_in_the_same_run(
    run: Run, checkpoints: list[places.Place]
) -> None:
    """Timed measures run together, but only what was missing leaves a record."""
    two = replace(run, rounds=2, max_rounds=2)
    first = measured(two, checkpoints, TIMED)
    whole = counted(run)
    for path in run.results.glob("tiny-FP8-W8A8/memory-*.json"):
        path.unlink()
    measured(two, checkpoints, TIMED)
    saved = list(map(records.load, files(run)))
    assert counted(run) == whole and set(whole.values()) == {1}
    assert {r.run_id for r in saved} == {first[0].run_id}
    (memory, _) = [r for r in saved if (r.subject.scheme, r.measure) == ("FP8-W8A8", "memory")]
    assert "sequential_peak_bytes" in memory.figures


@pytest.mark.parametrize("change", [{"rounds": 2, "max_rounds": 2}, {"fresh": True}])
def test_another_plan_and_a_fresh_one_are_other_runs(
    run: Run, checkpoints: list[places.Place], change: dict[str, int]
) -> None:
    first = taken_up(run, checkpoints, TIMED)
    assert taken_up(run, checkpoints, TIMED).id == first.id  # before it has a record
    second = taken_up(replace(run, **change), checkpoints, TIMED)  # type: ignore[arg-type]
    assert second.id != first.id
    assert (second.id[-6:] == first.id[-6:]) == ("fresh" in change)
    assert taken_up(run, checkpoints, TIMED[:1]).id not in (first.id, second.id)


def test_a_run_is_found_by_its_records(run: Run, checkpoints: list[places.Place]) -> None:
    first = taken_up(run, checkpoints, TIMED)
    turns.measure_all(first, checkpoints[:1], TIMED, Progress())
    for path in run.results.glob(".locks/*"):
        path.unlink()
    assert taken_up(run, checkpoints, TIMED).id == first.id


def test_what_failed_is_tried_again_by_the_next_command(
    run: Run, checkpoints: list[places.Place], tmp_path: Path
) -> None:
    broken = tmp_path / "tiny-FP8-W8A8" / "fake.json"
    broken.write_text(json.dumps({"fail": "error"}))
    measured(run, checkpoints, TIMED)
    broken.unlink()
    again = measured(run, checkpoints, TIMED)
    assert {r.status for r in again} == {"ok"}
    assert {r.run_id for r in map(records.load, files(run))} == {again[0].run_id}


def test_other_weights_are_measured_anew(
    run: Run, checkpoints: list[places.Place], base: Path
) -> None:
    measured(run, checkpoints, TIMED)
    weights = next((base.parent / "tiny-FP8-W8A8").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    again = measured(run, checkpoints, TIMED)
    newest = {r.subject.fingerprint for r in again if r.subject.scheme == "FP8-W8A8"}
    assert newest == {checkpoint.read(checkpoints[1].path).fingerprint}


def test_sizes_that_the_ramp_found_are_kept(
    run: Run, checkpoints: list[places.Place], capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [Job("batch", replace(SMALL, batch_size=OPEN_SIZE))]
    measured(run, checkpoints, jobs)
    ramps = list(run.results.glob("tiny-BASE/saturation-*.json"))
    measured(run, checkpoints, jobs)
    assert len(ramps) == 1 and ramps == list(run.results.glob("tiny-BASE/saturation-*.json"))
    assert set(counted(run).values()) == {1}


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    line = [sys.executable, str(ROOT / "pipeline.py"), *LINE, *words]
    return subprocess.Popen(line, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                            text=True)  # fmt: skip


def test_two_commands_share_the_work(
    run: Run, checkpoints: list[places.Place], tmp_path: Path
) -> None:
    both = [start(tmp_path), start(tmp_path)]
    said = [each.communicate()[1] for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    assert len({r.run_id for r in map(records.load, files(run))}) == 1
    assert set(counted(run).values()) == {1} and len(counted(run)) == 7 * 4


def test_a_killed_command_is_gone_on_with(
    run: Run, checkpoints: list[places.Place], tmp_path: Path
) -> None:
    first = start(tmp_path)
    wait_until(lambda: len(files(run)) > 5, first)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    there = files(run)
    second = start(tmp_path)
    said = second.communicate()[1]
    assert second.returncode == 0 and "goes on with run" in said
    assert there < files(run)
    assert set(counted(run).values()) == {1} and len(counted(run)) == 7 * 4
