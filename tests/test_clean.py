"""`git status` stays clean in a checkout, whatever a newcomer runs there."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.plugins import ROOT
from tests import models as tiny

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists() or not shutil.which("git"), reason="no git checkout"
)
LOAD = "--engine fake --num_prompts 2 --prompt_tokens 4 --max_new_tokens 4 --batch_sizes 2"
TEXT = "--tasks none --text notes.txt --window 64"
RUNS = f"""
pipeline.py --model_id qwen3 --schemes BASE,FP8-W8A8 --rounds 1 {LOAD} {TEXT}
benchmark.py --model qwen3-FP8-W8A8 {LOAD}
benchmark.py --model demo {LOAD}
score.py --model qwen3-FP8-W8A8 --engine fake {TEXT}
compress.py --compression_type FP8-W8A8 --model_id demo --dry_run
analyze.py qwen3-FP8-W8A8 --save
analyze.py demo --save --pictures pictures
vllm_test.py qwen3 --engine fake
report.py --model qwen3
report.py --model qwen3 --format html
report.py --model qwen3 --format html --output_file page.html
report.py --model qwen3 --output_file report.md
report.py --model qwen3 --output_file table.csv
report.py --model qwen3 --metric speed --output_file results/speed.png
report.py --model qwen3 --metric memory --output_file memory.png
report.py --model qwen3 --write_card qwen3-FP8-W8A8
scripts/make_docs.py
"""


def git(*words: str, where: Path = ROOT) -> str:
    names = ("user.name=a", "user.email=a@b")
    line = ["git", *(word for name in names for word in ("-c", name)), *words]
    return subprocess.run(line, cwd=where, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the files as they are now, with a model and a checkpoint in it."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in git("ls-files", "-z").split("\0"):
        if name and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    git("init", "-q", where=folder)
    git("add", "--force", ".", where=folder)
    git("commit", "-q", "-m", "as it is", where=folder)
    (folder / ".venv").symlink_to(sys.prefix)
    tiny.write_compressed(folder / "qwen3-FP8-W8A8", tiny.write_model(folder / "qwen3"))
    (folder / "notes.txt").write_text("a b c " * 100)
    evaluated = {"results": {"piqa": {"acc,none": 0.5}}}
    stamped = "lm_eval_qwen3_2026-01-02T03-04-05.678901.json"
    (folder / stamped).write_text(json.dumps(evaluated))
    return folder


def changed(checkout: Path) -> str:
    return git("status", "--porcelain", "--untracked-files=all", where=checkout)


def test_every_tracked_folder_is_named_in_gitignore() -> None:
    """So that nobody's new room is overlooked by `git add`."""
    tracked = {name.split("/")[0] for name in git("ls-files").splitlines() if "/" in name}
    lines = (ROOT / ".gitignore").read_text().splitlines()
    named = {line.strip("!/") for line in lines if line.startswith("!/")}
    assert {name for name in named if "/" not in name} == tracked


def test_what_commands_leave_is_ignored(checkout: Path) -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    for line in RUNS.strip().splitlines():
        program, *words = line.split()
        done = subprocess.run(
            [sys.executable, checkout / program, *words],
            cwd=checkout,
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert changed(checkout) == "", line
    made = {path.name for path in checkout.iterdir()}
    assert {"report-qwen3.html", "page.html", "results", "pictures", "build"} <= made


@pytest.mark.parametrize(
    "left",
    [
        "models/qwen3/config.json",
        "qwen2.5-0.5b-instruct/config.json",
        "llama3_8b.partial/x",
        "datasets_cache/gsm8k.jsonl",
        "eval_results/lm_eval_x.json",
        "eval_results/demo-BASE/harness-20270101T000000Z-abcdef.json",
        "perf_results/qwen3-BASE/load-20270101T000000Z-abcdef.json",
        "docs/example/report.html",
        "nohup.out",
        ".uv/bin/uv",
        ".setup/x",
        "mutants/x",
    ],
)
def test_what_longer_runs_leave_is_ignored(checkout: Path, left: str) -> None:
    path = checkout / left
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    assert changed(checkout) == ""


def test_a_plug_in_of_ones_own_is_seen(checkout: Path) -> None:
    (checkout / "schemes" / "mine.py").write_text("")
    assert changed(checkout) == "?? schemes/mine.py\n"
    (checkout / "schemes" / "mine.py").unlink()
