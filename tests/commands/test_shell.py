"""The two shell scripts: folders are relative to where their user stands, and so are results."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from checkpoints import bases
from core import records
from tests import models as tiny
from tests.checkpoints.test_bases import change
from tests.conftest import ROOT

LOAD = ("--engine", "fake", "--max_new_tokens", "4", "--prompt_tokens", "4", "--batch_sizes", "2")
NOTHING = ("--tasks", "none", "--text", "none")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """This checkout, with an environment in which `scripts/setup.sh` finds nothing to install."""
    folder = tmp_path / "check out"
    (folder / ".venv").mkdir(parents=True)
    (folder / ".venv" / ".bundle").touch()
    for there, here in ((ROOT, folder), (Path(sys.prefix), folder / ".venv")):
        for path in there.iterdir():
            if path.name[0] != ".":
                (here / path.name).symlink_to(path)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's folder next to `models/`, with checkpoints in three places."""
    base = tiny.write_model(tmp_path / "models" / "tiny")
    home = tmp_path / "my work"
    for folder, scheme in (
        (home, "FP8-W8A8"),
        (home / "out", "INT8-W8A8"),
        (tmp_path / "models", "INT4-W4A16"),
    ):
        made = tiny.write_compressed(folder / f"tiny-{scheme}", base, scheme)
        change(made, places=bases.places(base, made))
    (home / "text.txt").write_text("a b c " * 100)
    return home


def shell(
    script: Path, where: Path, *words: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(script), *words],
        cwd=where,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("absolute", [False, True])
def test_every_checkpoint_is_scored_from_where_one_stands(
    home: Path, checkout: Path, absolute: bool
) -> None:
    model = home.parent / "models" / "tiny"
    done = shell(
        checkout / "run_benchmark_lm-eval.sh",
        home,
        *("--engine", "fake", "--tasks", "none", "--text", "text.txt", "--window", "64"),
        MODEL_ID=str(model) if absolute else "../models/tiny",
        OUTPUT_DIR="out",
    )
    assert done.returncode == 0, done.stderr
    scored = {record.subject.scheme for record in records.load_all(home / "eval_results")}
    assert scored == {"BASE", "FP8-W8A8", "INT8-W8A8", "INT4-W4A16"}
    assert {record.subject.model for record in records.load_all(home / "eval_results")} == {"tiny"}


def test_every_checkpoint_is_measured_from_where_one_stands(home: Path, checkout: Path) -> None:
    done = shell(
        checkout / "run_benchmark.sh",
        home,
        *("--rounds", "1", *LOAD, *NOTHING, "--output_dir", "out", "--results_dir", "speed"),
        MODEL_ID="../models/tiny",
        SCHEMES="BASE,INT8-W8A8",
    )
    assert done.returncode == 0, done.stderr
    measured = {record.subject.scheme for record in records.load_all(home / "speed")}
    assert measured == {"BASE", "INT8-W8A8"}
    assert not (home / "perf_results").exists()
