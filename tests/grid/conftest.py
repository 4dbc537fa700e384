"""Runs through the fake engine in the test's own folder."""

from pathlib import Path

import pytest

from core.engine import Options
from running import server
from running.run import Run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of the fake engine; its records go below the test's folder."""
    monkeypatch.chdir(tmp_path)
    server.prepare(("fake",), [], tmp_path / "logs")
    return Run(
        engine="fake",
        options=Options(max_model_len=256),
        results=tmp_path / "perf_results",
        eval_results=tmp_path / "eval_results",
    )
