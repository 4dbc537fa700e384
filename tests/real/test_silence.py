"""Real commands are never silent for long, and nothing of the libraries' is in what they say."""

import re
import sys
from pathlib import Path

import pytest

from scripts import silence

pytestmark = pytest.mark.real

ROOT = silence.ROOT
COMPRESS = ("--model_id", "demo", "--compression_type", "FP8-W8A8")
LINE = re.compile(
    r"\d\d:\d\d:\d\d (?P<whose>\S+): (?P<step>[^(]+?)(, \d+ s)?( \((?P<where>[^)]*)\))?"
)


def test_a_pipeline_in_a_log(tmp_path: Path) -> None:
    watched = silence.watch(silence.small_pipeline(), tmp_path, terminal=False)
    assert watched.code == 0, watched.lines
    assert watched.silence[0] < silence.MOST_S and not watched.foreign, silence.told(watched)
    told = [match for line in watched.lines if (match := LINE.fullmatch(line))]
    first, second = told[:2]
    assert first["step"] == "checking model, options and tasks"
    assert "vllm" in second["step"] and second["step"].startswith("importing ")
    steps = [(match["whose"], match["step"]) for match in told]
    assert any(own == "FP8-W8A8" and step.startswith("compressing") for own, step in steps)
    for whose in ("BASE", "FP8-W8A8"):
        assert {(whose, s) for s in ("loading", "timing one user", "timing 4 users")} <= set(steps)
    where = [match["where"] or "" for match in told]
    assert any(re.match(r"scheme 2 of 2, round 1 of 2", text) for text in where)
    assert any("left" in text for text in where)


def test_a_compression_on_a_terminal(tmp_path: Path) -> None:
    line = [sys.executable, str(ROOT / "compress.py"), *COMPRESS]
    watched = silence.watch(line, tmp_path, terminal=True)
    assert watched.code == 0, watched.lines
    assert watched.silence[0] < silence.MOST_S and not watched.foreign, silence.told(watched)
    assert any(re.search(r"FP8-W8A8: compressing, \w", text) for text in watched.lines)
    assert list((tmp_path / "build" / "logs").iterdir())
