"""docs/coming_from.md: every command on the right side of its table is one, and runs."""

import json
import re
import shlex
from pathlib import Path

import pytest

from core.plugins import ROOT
from tests import models as tiny
from tests.checkpoints.test_bases import change
from tests.conftest import Run

ROWS = [
    [cell.strip() for cell in row.strip("|\n ").split(" | ")]
    for row in (ROOT / "docs" / "coming_from.md").read_text().splitlines()
    if row.startswith("| `")
]
COMMAND = re.compile(r"`((?:python \w+\.py|bash [\w.-]+\.sh)[^`]*)`")
COMMANDS = list(dict.fromkeys(line for row in ROWS for line in COMMAND.findall(row[1])))
FOLDERS = {"CHECKPOINT": "tiny-FP8-W8A8", "llama3_8b-INT8-W8A8": "tiny-FP8-W8A8"}
MODELS = ("MODEL", "MODEL_1")
SMALL = ["--engine", "fake", "--num_prompts", "2", "--prompt_tokens", "4", "--repeats", "1"]
BESIDES = {  # what makes a program answer at once, without a network
    "compress.py": ["--calibration", "docs.jsonl", "--num_calibration_samples", "2", "--dry_run"],
    "download_model.py": ["--help"],
    "benchmark.py": SMALL,
    "score.py": ["--engine", "fake", "--tasks", "none", "--text", "text.txt", "--window", "64"],
    "vllm_test.py": ["--engine", "fake"],
    "analyze.py": [],
    "report.py": [],
}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A model under the usual name, its checkpoint, and what one has beside them."""
    base = tiny.write_model(tmp_path / "llama3_8b")
    change(tiny.write_compressed(tmp_path / "tiny-FP8-W8A8", base), path=base.name)
    prompts = [{"prompt": "one two", "reference": "three"}, {"prompt": "four", "reference": "five"}]
    for name in ("custom_prompts.json", "complex_prompts.json"):
        (tmp_path / name).write_text(json.dumps(prompts))
    (tmp_path / "docs.jsonl").write_text('{"text": "a b c"}\n' * 4)
    (tmp_path / "text.txt").write_text("a b c " * 100)
    return tmp_path


def words_of(line: str) -> list[str]:
    words = [FOLDERS.get(word, "llama3_8b" if word in MODELS else word) for word in line.split()]
    return ["fake" if word == "vllm" else word for word in words]


def test_the_table_is_read() -> None:
    assert len(ROWS) > 30 and len(COMMANDS) > 20
    assert {shlex.split(line)[1] for line in COMMANDS} >= {*BESIDES, "run_benchmark.sh"}


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_here_runs(command: Run, world: Path, line: str) -> None:
    _, program, *words = words_of(line)
    if program.endswith(".sh"):  # tests/commands/test_shell.py runs them
        assert (ROOT / program).is_file()
        return
    if program == "report.py":
        results = ["--results_dir", "results"] if "results" in words else []
        assert command("benchmark.py", "--model", "llama3_8b", *SMALL, *results).returncode == 0
    done = command(program, *words, *([] if "--list" in words else BESIDES[program]))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("benchmark.py", "--model-path", "llama3_8b", "--batch-size", "2", *SMALL), ""),
        (("benchmark.py", "--model-path=llama3_8b", "--batch-size=2", *SMALL), ""),
        (("benchmark.py", "--model", "x", "--output-file", "x.json"), "--results_dir"),
        (("benchmark.py", "--model", "x", "--metric", "quality"), "score.py"),
        (("benchmark.py", "--model", "x", "--device", "mps"), "--engine vllm takes auto, "),
        (("compress.py", "--device", "mps"), "--device mps: it is "),
        (("benchmark.py", "--model", "x", "--device", "cuda:1"), "CUDA_VISIBLE_DEVICES chooses"),
        (("compress.py", "--device", "cuda:1"), "CUDA_VISIBLE_DEVICES=1"),
        (("score.py", "--model", "x", "--batch_size", "8"), "scored together"),
        (("score.py", "--model", "x", "--batch_size", "auto"), "no model folder 'x'"),
        (("score.py", "--model", "x", "--model_args", "pretrained=y"), "--model FOLDER"),
        (("compress.py", "--bits", "4"), "--compression_type INT4-W4A16"),
        (("report.py", "--results-files", "x.json"), "--results_dir"),
        (("benchmark.py", "--model", "x", "--nonsense"), "No such option"),
    ],
)
def test_their_options(command: Run, world: Path, words: tuple[str, ...], said: str) -> None:
    done = command(*words)
    assert done.returncode == (2 if said else 0), done.stderr
    assert said in " ".join(done.stderr.split())


def test_the_device_that_engines_run_on_is_no_news(command: Run, world: Path) -> None:
    from core import machine

    there = "cuda" if machine.probe().gpus else "cpu"
    done = command("benchmark.py", "--model", "llama3_8b", *SMALL, "--device", there)
    assert done.returncode == 0, done.stderr
    other = command("vllm_test.py", "llama3_8b", "--device=" + {"cpu": "cuda"}.get(there, "cpu"))
    assert other.returncode == 2 and f"--engine vllm takes auto, {there} here" in other.stderr


def test_other_spellings_are_not_in_the_help(command: Run) -> None:
    shown = command("benchmark.py", "--help").stdout
    assert "--batch_sizes" in shown and "--batch_size " not in shown
