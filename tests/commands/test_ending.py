"""However a command is told to end, its children end with it and nothing half made stays."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from core import records
from core.plugins import ROOT
from tests.conftest import wait_until

LINE = (sys.executable, str(ROOT / "benchmark.py"), "--model", "tiny", "--engine", "fake")
SMALL = ("--max_new_tokens", "8", "--prompt_tokens", "8", "--batch_sizes", "2")
SHARED = Path("/dev/shm")
# a metric that is quick where it is tried and never ends where it is used
SLOW = """
import time

def score(generated, reference):
    time.sleep(600 * (generated != "an answer"))
    return 1
"""


def hanging(base: Path) -> subprocess.Popen[str]:
    """A command that is loading, for ever."""
    (base / "fake.json").write_text(json.dumps({"fail": "hang"}))
    return subprocess.Popen(LINE, cwd=base.parent, stderr=subprocess.PIPE, text=True)


def family_of(running: subprocess.Popen[str]) -> list[psutil.Process]:
    """Its child that loads, the fork server and the resource tracker, once all are there."""
    command = psutil.Process(running.pid)
    wait_until(lambda: len(command.children(recursive=True)) >= 3, running)
    time.sleep(0.5)  # the first child, which shows that the server forks, is gone
    wait_until(lambda: len(command.children(recursive=True)) >= 3, running)
    return command.children(recursive=True)


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "interrupted: nothing"),
        (signal.SIGTERM, 143, "ended by SIG"),
        (signal.SIGHUP, 129, "ended by SIG"),
    ],
)
def test_a_signal_ends_the_children_too(
    base: Path, tmp_path: Path, temporary: Path, number: signal.Signals, code: int, said: str
) -> None:
    with hanging(base) as running:
        family = family_of(running)
        running.send_signal(number)
        try:
            _, told = running.communicate(timeout=30)
        finally:
            running.kill()
    assert running.returncode == code and said in told, told
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive
    assert not (tmp_path / "perf_results").exists()
    assert list(temporary.iterdir()) == []


def test_a_closed_terminal_ends_the_whole_family(base: Path, temporary: Path) -> None:
    """Every process of its group hears it at once; the server waits for its children."""
    (base / "fake.json").write_text(json.dumps({"fail": "hang"}))
    with subprocess.Popen(
        LINE, cwd=base.parent, stderr=subprocess.PIPE, process_group=0
    ) as running:
        family = family_of(running)
        os.killpg(running.pid, signal.SIGHUP)
        assert running.wait(30) == 129
    assert not psutil.wait_procs(family, timeout=5)[1]
    assert list(temporary.iterdir()) == []


def test_nothing_is_left_of_a_run_and_of_a_killed_one(
    base: Path, tmp_path: Path, temporary: Path
) -> None:
    done = subprocess.run([*LINE, *SMALL], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(temporary.iterdir()) == []
    with hanging(base) as running:
        family = family_of(running)
        running.kill()
    assert not psutil.wait_procs(family, timeout=5)[1]
    assert list(temporary.iterdir()) == []
    made_by = {number for entry in SHARED.iterdir() for number in re.findall(r"\d+", entry.name)}
    assert not made_by & {str(process.pid) for process in family}
    assert len(records.load_all(tmp_path / "perf_results")) == 4  # of the whole run
    assert not list(tmp_path.rglob("*.tmp"))


def test_measures_that_had_ended_before_a_kill_have_their_records(
    base: Path, tmp_path: Path, temporary: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "p.json").write_text(json.dumps([{"prompt": "a", "reference": "b"}]))
    (tmp_path / "text.txt").write_text("The quick brown fox jumps over the lazy dog. " * 60)
    line = [sys.executable, str(ROOT / "score.py"), *LINE[2:], "--tasks", "none"]
    line += ["--text", "text.txt", "--window", "64", "--prompts_file", "p.json"]
    found = tmp_path / "eval_results"
    with subprocess.Popen(
        [*line, "--metric", "slow.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as running:
        wait_until(lambda: bool(list(found.glob("*/perplexity-*.json"))), running)
        family = family_of(running)
        running.kill()
    assert not psutil.wait_procs(family, timeout=5)[1]
    saved = {record.measure: record.status for record in records.load_all(found)}
    assert saved["perplexity"] == "ok" and "references" not in saved


def test_a_hangup_of_a_terminal_that_is_gone_has_its_exit_code(base: Path, temporary: Path) -> None:
    """There is nobody to tell."""
    (base / "fake.json").write_text(json.dumps({"fail": "hang"}))
    terminal, end = os.openpty()
    with subprocess.Popen(LINE, cwd=base.parent, stderr=end) as running:
        family = family_of(running)
        os.close(terminal)
        os.close(end)
        running.send_signal(signal.SIGHUP)
        assert running.wait(30) == 129
    assert not psutil.wait_procs(family, timeout=5)[1]
