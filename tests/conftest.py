"""Fixtures every test may use."""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from typer.testing import CliRunner

from tests import models

ROOT = Path(__file__).resolve().parent.parent
# As with an activated .venv: `python` in a printed command is the one that runs the tests.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
# A test run in the background ignores Ctrl-C (one under nohup a hang-up), and what it starts would
# inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# How long an example takes is the machine's business.
settings.register_profile("project", deadline=None)
settings.load_profile("project")
# Lines of results in files are not broken without COLUMNS, which xdist sets, and readline where
# os.environ does not see it.
with contextlib.suppress(ImportError):
    import readline  # noqa: F401
os.environ.pop("COLUMNS", None)
os.unsetenv("COLUMNS")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A tiny base model folder called `tiny`."""
    return models.write_model(tmp_path / "tiny")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in the test's own folder and in this process, which saves its imports.

    `command("compress.py", "--list")`. What no command foresees is raised.
    """
    monkeypatch.chdir(tmp_path)

    def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        app = importlib.import_module(program.removesuffix(".py").replace("/", ".")).app
        words = [str(word) for word in arguments]
        monkeypatch.setattr(sys, "argv", [str(ROOT / program), *words])
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        return subprocess.CompletedProcess(sys.argv, done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def process(tmp_path: Path) -> Run:
    """As `command`, but as people start it, in a process and environment of its own."""

    def run(
        program: str, *arguments: object, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, str(ROOT / program), *map(str, arguments)]
        return subprocess.run(
            line, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, **environment}
        )

    return run


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where processes that are started put temporary files; short enough a path for sockets."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def wait_until(appears: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    """Return when something is there; fail when the process ends before, or after a minute."""
    for _ in range(1200):
        if appears():
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(0.05)
            pytest.fail(f"it ended with {running.returncode}: {running.communicate()[1]}")
    pytest.fail("nothing appeared within a minute")
