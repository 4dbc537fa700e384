"""What tests of `score.py` share: a base and a checkpoint of the fake engine, a text, prompts."""

import json
from pathlib import Path

import pytest

from tests import models

TEXT = "The quick brown fox jumps over the lazy dog. " * 60
FAKE = ("--engine", "fake", "--text", "text.txt", "--divergence_tokens", 2000, "--window", 128)


@pytest.fixture
def world(tmp_path: Path, base: Path) -> Path:
    """A base, a checkpoint with noisy distributions, a text and prompts."""
    compressed = models.write_compressed(tmp_path / "tiny-INT4-W4A16", base, "INT4-W4A16")
    (compressed / "fake.json").write_text(json.dumps({"error": 0.3}))
    (tmp_path / "text.txt").write_text(TEXT)
    pairs = [{"prompt": f"What is {n}?", "reference": f"It is {n}."} for n in range(5)]
    (tmp_path / "prompts.json").write_text(json.dumps(pairs))
    (tmp_path / "length.py").write_text("def score(generated, reference): return len(generated)")
    return tmp_path
