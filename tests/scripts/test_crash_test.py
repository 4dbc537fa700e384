"""A pipeline that is killed at random moments is whole after the same command again."""

import random
from pathlib import Path

import pytest

from scripts import crash_test

WORDS = (
    "--model_id", "demo", "--schemes", "BASE,BF16", "--engine", "fake", "--rounds", "2",
    "--num_prompts", "1", "--prompt_tokens", "8", "--max_new_tokens", "8", "--repeats", "1",
    "--batch_sizes", "2", "--tasks", "none", "--text", "none",
)  # fmt: skip


def test_six_kills(temporary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command, a job, the server of processes, all at once; then two of them once more."""
    assert not crash_test.crash(WORDS, 6, random.Random(3), temporary), capsys.readouterr().out


def test_what_is_wrong_is_counted(tmp_path: Path) -> None:
    """A job without a record, one with two, and a half-made checkpoint."""
    case = crash_test.Case(tmp_path / "case", (*WORDS, "--help"))
    whole = crash_test.Case(tmp_path / "whole", WORDS)
    (tmp_path / "case" / "demo-BF16.partial").mkdir()
    (tmp_path / "whole" / "demo-BF16").mkdir()
    (tmp_path / "whole" / "demo-BF16" / "model.safetensors").write_text("weights")
    faults = case.end(whole)
    assert len(faults.partial) == 1 and faults.other_bytes == ["demo-BF16/model.safetensors"]
    assert faults.any() and not crash_test.Faults().any()
