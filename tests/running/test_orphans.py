"""Whatever a child does, it ends when its command is gone; so does the server, leaving nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.plugins import ROOT
from tests.conftest import wait_until

SOON_S = 5.0


def stuck(task: str, folder: Path) -> subprocess.Popen[str]:
    """A command that waits for a child which never ends."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.running.stuck", task],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("task", ["in_python", "in_c"])
def test_children_of_a_killed_command_are_gone_soon(
    task: str, tmp_path: Path, temporary: Path
) -> None:
    with stuck(task, tmp_path) as running:
        assert running.stdout is not None
        family = [psutil.Process(int(number)) for number in running.stdout.readline().split()]
        assert len(family) == 5  # a child with two workers, the server, the resource tracker
        running.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=SOON_S)
        for process in alive:
            process.kill()
    assert not alive
    assert list(temporary.iterdir()) == []


def test_a_server_that_still_imports_is_gone_soon(tmp_path: Path, temporary: Path) -> None:
    told = tmp_path / "importing"
    with stuck("importing", tmp_path) as running:
        wait_until(lambda: told.is_file() and bool(told.read_text()), running)
        server = psutil.Process(int(told.read_text()))
        running.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs([server], timeout=SOON_S)
        for process in alive:
            process.kill()
    assert not alive
    assert list(temporary.iterdir()) == []
