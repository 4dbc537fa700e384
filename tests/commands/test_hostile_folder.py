"""Commands started in a stranger's folder: no module that lies there is imported."""

import json
import os
from pathlib import Path

import pytest

from running import server

MODULES = (
    "core", "checkpoints", "running", "multiprocessing", "signal", "json", "typing", "torch",
    "numpy", "resource", "selectors", "struct", "warnings", "encodings", "pydantic", "psutil",
)  # fmt: skip
FAKE = ("--engine", "fake", "--max_model_len", 128)
SMALL = ("--prompt_tokens", 16, "--max_new_tokens", 8, "--num_prompts", 1, "--batch_sizes", 2)
USES = {
    "analyze.py": ("tiny",),
    "benchmark.py": ("--model", "tiny", *FAKE, *SMALL),
    "compress.py": ("--compression_type", "FP8-W8A8", "--model_id", "tiny", "--dry_run"),
    "download_model.py": ("no/such/name",),
    "pipeline.py": (
        "--model_id", "tiny", "--schemes", "BASE", *FAKE, *SMALL, "--tasks", "none",
        "--text", "none", "--rounds", 1,
    ),
    "report.py": (),
    "score.py": ("--model", "tiny", *FAKE, "--tasks", "none", "--text", "text.txt", "--window", 64),
    "vllm_test.py": ("tiny", *FAKE),
}  # fmt: skip


@pytest.fixture
def hostile(tmp_path: Path, base: Path) -> Path:
    """A folder with a model and modules that leave a mark when they run."""
    (tmp_path / "text.txt").write_text("The quick brown fox jumps over the lazy dog. " * 60)
    mark = f"open({str(tmp_path / 'ran')!r}, 'a').write(__name__ + chr(10))"
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(f"{mark}\nraise ImportError('hostile')\n")
    return tmp_path


@pytest.mark.parametrize("program", USES)
def test_no_module_of_the_current_folder_runs(process, hostile: Path, program: str) -> None:
    done = process(program, *USES[program], PYTHONPATH="")
    ran = hostile / "ran"
    assert not ran.exists(), ran.read_text()
    expected = 2 if program in ("download_model.py", "report.py") else 0
    assert done.returncode == expected, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_bytes_that_are_no_text_are_refused_at_once(process, base: Path, tmp_path: Path) -> None:
    done = process("benchmark.py", "--model", "tiny", *FAKE, "--results_dir", "results\udcff")
    assert done.returncode == 2 and "on the command line is not UTF-8" in done.stderr
    assert not list(tmp_path.glob("results*"))


def test_an_empty_entry_of_the_path_is_not_the_current_folder(
    process, base: Path, tmp_path: Path
) -> None:
    """`PYTHONPATH=$PYTHONPATH:/more` has one where there was none before."""
    for name in ("torch", "numpy", "scipy", "psutil", "pynvml", "vllm", "lm_eval"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a')")
    done = process("benchmark.py", *USES["benchmark.py"], PYTHONPATH=os.pathsep)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()


def test_prompts_that_are_no_text_are_refused_at_once(process, base: Path, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(r'["good", "bad \ud800"]')
    done = process("benchmark.py", "--model", "tiny", *FAKE, "--prompts_file", "p.json")
    assert done.returncode == 2 and "half a character ('\\ud800')" in done.stderr, done.stderr


@pytest.mark.parametrize("program", ["analyze.py", "benchmark.py", "pipeline.py", "score.py"])
def test_a_results_folder_that_cannot_be_written_is_known_before_the_load(
    process, base: Path, tmp_path: Path, program: str
) -> None:
    (tmp_path / "taken").touch()
    (base / "fake.json").write_text(json.dumps({"fail": "crash"}))
    (tmp_path / "text.txt").write_text("The quick brown fox jumps over the lazy dog. " * 60)
    save = ["--save"] if program == "analyze.py" else []
    done = process(program, *USES[program], *save, "--results_dir", "taken")
    assert not (tmp_path / "build").exists()
    assert done.returncode == 2, done.stdout + done.stderr
    assert "cannot save records in taken" in done.stderr


def test_sys_exit_in_a_metric_is_its_failure_and_not_a_quiet_end(
    process, base: Path, tmp_path: Path
) -> None:
    (tmp_path / "ends.py").write_text("import sys\nsys.exit(0)\n")
    pairs = [{"prompt": "a", "reference": "b"}]
    (tmp_path / "p.json").write_text(json.dumps(pairs))
    words = ("--model", "tiny", *FAKE, "--tasks", "none", "--text", "none")
    done = process("score.py", *words, "--prompts_file", "p.json", "--metric", "ends.py")
    assert done.returncode == 2 and "--metric ends.py: SystemExit: 0" in done.stderr


def test_settings_and_compiled_code_of_the_current_folder_are_not_read(
    process, base: Path, tmp_path: Path
) -> None:
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    (tmp_path / ".numba_config.yaml").write_text("disable_jit: not a number\n")
    done = process("benchmark.py", *USES["benchmark.py"])
    assert done.returncode == 0, done.stderr
    done = process("report.py", "--metric", "speed", "--output_file", "speed.png", PATH="")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert (tmp_path / "speed.png").is_file()


def test_code_that_torch_compiled_is_not_looked_for_in_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert server._user_cache() == Path.home() / ".cache" / "llm-quantization-benchmark"
