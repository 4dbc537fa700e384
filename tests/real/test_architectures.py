"""Tiny models of architectures unlike Llama: compressed, examined and served, or refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.real
SERVED = ("Gemma-2", "Falcon")


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A row of the table for each, under the scheme that changes most: SmoothQuant and GPTQ."""
    folder: Path = tmp_path_factory.mktemp("architectures")
    line = [sys.executable, str(ROOT / "scripts" / "try_architectures.py"), "made"]
    for name in (*SERVED, "OLMo-2"):
        line += ["--only", name]
    line += ["--schemes", "INT8-W8A8"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = (row.strip("| ").split(" | ") for row in done.stdout.splitlines() if row[:1] == "|")
    return {row[0]: row[1] for row in rows if len(row) == 2}


@pytest.mark.parametrize("name", SERVED)
def test_answers_stay_close_to_the_base(tried: dict[str, str], name: str) -> None:
    kind, _, divergence = tried[name].partition(", ")
    assert kind == "ok" and 0 < float(divergence) < 0.05


def test_what_smoothquant_cannot_do_is_refused(tried: dict[str, str]) -> None:
    assert tried["OLMo-2"].startswith("refused")
