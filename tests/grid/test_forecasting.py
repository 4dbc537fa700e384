"""`--plan`: what is done, what is left, what it takes, from files alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core import records
from tests import models
from tests.conftest import ROOT

LINE = (
    "--model_id", "tiny", "--schemes", "FP8-W8A8", "--engine", "fake", "--max_new_tokens", "8",
    "--prompt_tokens", "8", "--tasks", "none", "--text", "none",
)  # fmt: skip


@pytest.fixture
def two(base: Path, tmp_path: Path) -> None:
    models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)


def planned(command, *words: object) -> dict:
    done = command("pipeline.py", *LINE, *words, "--plan", "--json")
    assert done.returncode == 0, done.stderr
    told: dict = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_plan_without_records(command, two: None, tmp_path: Path) -> None:
    told = planned(command, "--rounds", 2)
    assert told["run_id"] is None and told["cannot"] is None
    base, compressed = told["rows"]
    assert (base["scheme"], base["done"], base["loads"], base["left_s"]) == ("BASE", 0, 3, None)
    assert (compressed["made"], compressed["loads"]) == (True, 2)
    assert not (tmp_path / "perf_results").exists()


def test_a_plan_after_a_part(command, two: None, tmp_path: Path) -> None:
    assert command("pipeline.py", *LINE).returncode == 0
    saved = records.load_all(tmp_path / "perf_results")
    for path in (tmp_path / "perf_results" / "tiny-FP8-W8A8").glob("*.json"):
        if records.load(path).round == 3:
            path.unlink()
    told = planned(command)
    assert told["run_id"] == saved[0].run_id
    base, compressed = told["rows"]
    assert (base["done"], base["left_s"]) == (4, 0)
    assert (compressed["done"], compressed["loads"]) == (2, 3)
    assert 0 < compressed["left_s"] < 60
    again = command("pipeline.py", *LINE, "--plan")
    assert f"goes on with run {saved[0].run_id}" in again.stdout
    assert "1 of 7 loads left, about " in again.stdout
    assert planned(command, "--fresh")["rows"][0]["done"] == 0


def test_what_cannot_run_here_is_said(command, tmp_path: Path) -> None:
    models.write_model(tmp_path / "tiny", models.llama_shapes(hidden=96))
    told = planned(command, "--schemes", "FP8-W8A8,INT4-W4A16")
    rows = {row["scheme"]: row for row in told["rows"]}
    assert "128 input columns" in rows["INT4-W4A16"]["reason"]
    assert rows["INT4-W4A16"]["loads"] == 0 and not rows["FP8-W8A8"]["made"]
    assert rows["FP8-W8A8"]["disk_bytes"] > 0 and rows["FP8-W8A8"]["memory_bytes"] > 0


def test_a_plan_loads_nothing(two: None, tmp_path: Path) -> None:
    line = ["pipeline.py", *LINE, "--plan"]
    line[line.index("fake")] = "auto"
    code = (
        f"import sys, runpy; sys.argv = {line!r}\n"
        f"try: runpy.run_path({str(ROOT / 'pipeline.py')!r}, run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = ('torch', 'vllm', 'transformers', 'llmcompressor', 'lm_eval', 'datasets')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    assert done.stdout.endswith("[]\n"), done.stdout + done.stderr
