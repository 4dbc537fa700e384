"""scripts/gpu_results.sh from the first step to the table, on the demo model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.real


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    line = ["bash", str(ROOT / "scripts" / "gpu_results.sh"), "--dry_run", "--out", str(folder)]
    environment = {**os.environ, "PYTHON": sys.executable}
    return subprocess.run(line, capture_output=True, text=True, env=environment)


def test_a_dry_run_ends_with_the_table_and_is_not_repeated(tmp_path: Path) -> None:
    first = run(tmp_path)
    assert first.returncode == 0, first.stderr[-3000:]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {line["scheme"] for line in summary["lines"]} == {"BASE", "FP8-W8A8"}
    assert all(line["decode_share"] > 0 for line in summary["lines"])
    assert summary["compressions"]["FP8-W8A8"]["wall_s"] > 0
    assert not (tmp_path / "demo-FP8-W8A8").exists()
    again = run(tmp_path)
    assert again.stderr.count("done before") == 3 and again.stdout == first.stdout
