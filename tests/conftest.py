"""Fixtures every test may use."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import models

ROOT = Path(__file__).resolve().parent.parent
# A test run in the background ignores Ctrl-C, and what it starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A tiny base model folder called `tiny`."""
    return models.write_model(tmp_path / "tiny")


@pytest.fixture
def command(tmp_path: Path) -> Run:
    """Runs a root command in the test's own folder: `command("compress.py", "--list")`."""

    def run(
        program: str, *arguments: object, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, str(ROOT / program), *map(str, arguments)]
        return subprocess.run(
            line, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, **environment}
        )

    return run
