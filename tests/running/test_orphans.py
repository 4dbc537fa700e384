"""Whatever a child does, nothing of it is left once its command is gone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from core.plugins import ROOT
from running import leftovers
from tests.conftest import wait_until

COMMAND = """
import sys, time
from pathlib import Path
from running import child, server
from tests.running import orphans

server.start((), {}, Path("server.log"))
task, tell = getattr(orphans, sys.argv[1]), lambda pid: print(pid, flush=True)
print(child.run(task, (), Path("log"), 600, tell))
"""


@pytest.mark.parametrize("task", ["loops", "holds_the_interpreter", "has_a_worker"])
def test_no_child_outlives_its_command(tmp_path: Path, temporary: Path, task: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", COMMAND, task]
    with subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as command:
        assert command.stdout is not None
        child_process = psutil.Process(int(command.stdout.readline()))
        tree = psutil.Process(command.pid).children(recursive=True)
        assert child_process in tree and len(tree) >= 3  # the server, the tracker and the child
        command.kill()
        assert psutil.wait_procs([child_process, *tree], timeout=5)[1] == []
    assert list(temporary.iterdir()) == []


IMPORTS = """
from pathlib import Path
from running import server

server.start(("tests.running.slow_to_import",), {}, Path("server.log"))
"""


def test_a_server_that_still_imports_does_not_outlive_its_command(
    tmp_path: Path, temporary: Path
) -> None:
    """It would listen for the end of the command only when it has imported everything."""
    told = tmp_path / "importing"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IMPORTING": str(told)}
    with subprocess.Popen(
        [sys.executable, "-c", IMPORTS], cwd=tmp_path, env=environment, text=True
    ) as command:
        wait_until(lambda: told.is_file() and bool(told.read_text()), command)
        importing = psutil.Process(int(told.read_text()))
        command.kill()
        assert psutil.wait_procs([importing], timeout=5)[1] == []
    assert list(temporary.iterdir()) == []


def test_what_dead_processes_left_in_shared_memory_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shm"
    shared.mkdir()
    monkeypatch.setattr(leftovers, "SHARED_MEMORY", shared)
    dead = subprocess.Popen(["true"])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)  # and nobody asks about it
    names = [
        f"__KMP_REGISTERED_LIB_{dead.pid}_0", f"sem.loky-{dead.pid}-abc",
        f"__KMP_REGISTERED_LIB_{os.getpid()}_0", f"psm_{dead.pid}",
    ]  # fmt: skip
    for name in names:
        (shared / name).touch()
    leftovers.sweep(since=time.time() + 60)
    assert {entry.name for entry in shared.iterdir()} == set(names)
    leftovers.sweep(since=time.time() - 60)
    assert {entry.name for entry in shared.iterdir()} == set(names[2:])
    leftovers.sweep(since=time.time() - 60, ending=os.getpid())
    assert {entry.name for entry in shared.iterdir()} == {names[3]}
