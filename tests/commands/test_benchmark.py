"""`benchmark.py` through the fake engine: records, failures as records, bad input."""

import json
import signal
from pathlib import Path

import pytest

from core import records
from core.plugins import ROOT
from tests import models
from tests.conftest import wait_until

FAKE = ("--engine", "fake", "--max_new_tokens", 8, "--prompt_tokens", 8)


def test_records_explain_themselves(command, base: Path, tmp_path: Path) -> None:
    done = command("benchmark.py", "--model", "tiny", *FAKE, "--batch_sizes", "2,4", "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout.splitlines()[-1])
    assert [r["measure"] for r in printed] == ["load", "sequential", "batch", "batch", "memory"]
    saved = records.load_all(tmp_path / "perf_results")
    assert len(saved) == 5
    sequential = next(r for r in saved if r.measure == "sequential")
    assert sequential.subject.model == "tiny" and sequential.subject.scheme == "BASE"
    assert sequential.settings["max_new_tokens"] == 8
    assert sequential.command[0] == "benchmark.py"
    assert sequential.machine["python"] and sequential.schema_version == records.SCHEMA_VERSION
    assert (
        sequential.raw
        and len(sequential.raw["repeats"]) == 3
        and len(sequential.raw["repeats"][0]) == 5
    )


def test_figures_are_those_of_the_fake_clock(command, base: Path, tmp_path: Path) -> None:
    (base / "fake.json").write_text(json.dumps({"tokens_per_s": 500}))
    assert command("benchmark.py", "--model", "tiny", *FAKE, "--batch_sizes", 4).returncode == 0
    figures = {r.measure: r.figures for r in records.load_all(tmp_path / "perf_results")}
    assert figures["sequential"]["tpot_s"].value == pytest.approx(1 / 500)
    assert figures["sequential"]["ttft_s"].value == pytest.approx(0.004)
    tokens_per_s = 8 / (0.004 + 7 / 500)
    assert figures["sequential"]["output_tokens_per_s"].value == pytest.approx(tokens_per_s)
    assert figures["batch"]["output_tokens_per_s"].value == pytest.approx(4 * tokens_per_s)
    assert figures["batch"]["output_tokens_per_s"].cv == pytest.approx(0)
    for name in ("checkpoint_bytes", "weights_bytes", "kv_cache_tokens", "peak_bytes"):
        assert figures["memory"][name].value > 0
    assert figures["load"]["load_s"].value > 0
    assert 0 <= figures["load"]["page_cache"].value <= 1


@pytest.mark.parametrize(
    ("fail", "sentence"),
    [("error", "RuntimeError: the fake engine was told to fail"), ("crash", "exit code 11")],
)
def test_a_failed_load_is_a_record(command, base: Path, tmp_path: Path, fail, sentence) -> None:
    (base / "fake.json").write_text(json.dumps({"fail": fail}))
    done = command("benchmark.py", "--model", "tiny", *FAKE)
    assert done.returncode == 1
    assert sentence in done.stdout
    saved = records.load_all(tmp_path / "perf_results")
    assert {r.status for r in saved} == {"failed"}
    assert all(sentence in (r.reason or "") for r in saved)


def test_a_hang_is_killed(base: Path, tmp_path: Path, monkeypatch) -> None:
    from core.engine import Options
    from running import child, server, session

    monkeypatch.setattr(child, "GRACE_S", 0.1)
    (base / "fake.json").write_text(json.dumps({"fail": "hang"}))
    server.prepare(("fake",), [], tmp_path)
    load = session.Session(path=base, engine="fake", options=Options(), jobs=[])
    result = session.run(load, tmp_path / "log", timeout_s=0.5)
    assert result.reason is not None and "no progress" in result.reason


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_the_command_ends_its_child_too(
    base: Path, tmp_path: Path, number: signal.Signals
) -> None:
    import subprocess
    import sys

    import psutil

    (base / "fake.json").write_text(json.dumps({"fail": "hang"}))
    line = [sys.executable, str(ROOT / "benchmark.py"), "--model", "tiny", "--engine", "fake"]
    with subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        parent = psutil.Process(running.pid)
        logs = tmp_path / "build" / "logs"
        wait_until(lambda: bool(list(logs.glob("tiny-BASE-*.log"))), running)
        family = parent.children(recursive=True)
        assert len(family) >= 2  # the fork server and its child
        running.send_signal(number)
        try:
            assert running.wait(30) == 128 + number
        finally:
            running.kill()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    assert not (tmp_path / "perf_results").exists()


def test_no_kernel_here_is_known_before_the_load(process, base: Path, tmp_path: Path) -> None:
    models.write_compressed(tmp_path / "tiny-INT8-W8A16", base, "INT8-W8A16")
    done = process("benchmark.py", "--model", "tiny-INT8-W8A16", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1
    assert "no kernel for this format" in done.stdout
    assert {r.status for r in records.load_all(tmp_path / "perf_results")} == {"unsupported"}


BAD_INPUT = [
    (["--model", "nowhere"], "no model folder 'nowhere'"),
    (["--model", "org/name"], "download_model.py org/name"),
    (["--model", "tiny", "--engine", "vlm"], "Did you mean vllm"),
    (["--model", "tiny", "--dtype", "float17"], "no dtype 'float17'"),
    (["--model", "tiny", "--batch_sizes", "1,x"], "--batch_sizes wants numbers"),
    (["--model", "tiny", "--batch_sizes", "0"], "--batch_sizes wants numbers"),
    (["--model", "tiny", "--rounds", "auto"], "valid integer"),
    (["--model", "tiny", "--prompt_tokens", "500"], "do not fit 512 tokens"),
    (["--model", "tiny", "--prompts_file", "none.json"], "not a JSON file of prompts"),
    (["--model", "tiny", "--prompts_file", "tiny/config.json"], "wants a list"),
    (["--model", "tiny", "--repeats", "0"], "greater than or equal to 1"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD_INPUT)
def test_bad_input(command, base: Path, tmp_path: Path, arguments, sentence: str) -> None:
    done = command("benchmark.py", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "perf_results").exists()


def test_prompts_of_ones_own(command, base: Path, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps([{"prompt": "abc"}, "defgh"]))
    own = ("--prompts_file", "p.json", "--batch_sizes", 5)
    done = command("benchmark.py", "--model", "tiny", *FAKE, *own)
    assert done.returncode == 0, done.stderr
    batch = next(r for r in records.load_all(tmp_path / "perf_results") if r.measure == "batch")
    assert batch.raw and [row[0] for row in batch.raw["repeats"][0]] == [3, 5, 3, 5, 3]


def test_rounds_are_fresh_loads(command, base: Path, tmp_path: Path) -> None:
    done = command("benchmark.py", "--model", "tiny", *FAKE, "--rounds", 2)
    assert done.returncode == 0, done.stderr
    loads = [r for r in records.load_all(tmp_path / "perf_results") if r.measure == "load"]
    assert [(r.round, r.looks) for r in loads] == [(1, 1), (2, 1)]


def test_dashes_work_too(command, base: Path) -> None:
    done = command("benchmark.py", "--model", "tiny", *FAKE, "--batch-sizes", "3")
    assert done.returncode == 0, done.stderr
