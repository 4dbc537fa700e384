"""Calibration text: seeded choice, and broken files named by line."""

import json
from pathlib import Path

import pytest

from compressing.calibration import documents
from core import corpus
from core.errors import UserError

CHAT = {"messages": [{"role": "user", "content": "hello"}]}


def write(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return path


def test_messages_and_text(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", CHAT, "", {"text": "plain"})
    assert corpus.read_jsonl(file) == [CHAT, {"text": "plain"}]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "is empty"),
        (["not json"], "line 1: not JSON"),
        ([CHAT, "[1]"], "line 2: not an object"),
        ([CHAT, {"other": 1}], "line 2: has neither"),
        ([{"messages": []}], "line 1: has neither"),
        ([{"messages": [{"role": "user"}]}], "line 1: has neither"),
        ([{"text": "  "}], "line 1: has neither"),
    ],
)
def test_broken_lines(tmp_path: Path, lines: list[object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        corpus.read_jsonl(write(tmp_path / "a.jsonl", *lines))


def test_missing_file_and_too_few(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        documents(str(tmp_path / "none.jsonl"), 1, 0)
    file = write(tmp_path / "a.jsonl", CHAT)
    with pytest.raises(UserError, match=r"2 samples were asked for, .* has 1"):
        documents(str(file), 2, 0)


def test_unknown_corpus() -> None:
    with pytest.raises(UserError, match="Did you mean ultrachat"):
        documents("ultrachatt", 1, 0)


def test_choice_follows_the_seed(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", *({"text": str(n)} for n in range(50)))
    first = documents(str(file), 10, 0)
    assert first == documents(str(file), 10, 0)
    assert first != documents(str(file), 10, 1)
    assert len({d["text"] for d in first}) == 10
