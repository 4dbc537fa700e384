"""Sources of text: the same documents for the same seed, read from local files where they are."""

from pathlib import Path

import pytest

from core.errors import UserError
from corpora import demo, ultrachat, wikitext


def test_a_seed_chooses_the_demo_chats() -> None:
    chosen = demo.load(20, 7)
    assert chosen == demo.load(20, 7) != demo.load(20, 8)
    assert len({str(chat) for chat in chosen}) == 20
    assert all(chat["messages"][0]["role"] == "user" for chat in chosen)


def test_more_chats_than_there_are_is_refused() -> None:
    with pytest.raises(UserError, match="the demo calibration set has "):
        demo.load(10**6, 0)


def write_parquet(path: Path, rows: list[dict]) -> None:
    from datasets import Dataset

    path.parent.mkdir(parents=True)
    Dataset.from_list(rows).to_parquet(path)


@pytest.mark.real
def test_wikitext_is_read_from_its_folder(tmp_path: Path) -> None:
    for configuration in (wikitext.CONFIGURATION, "wikitext-103-raw-v1"):
        path = tmp_path / wikitext.FOLDER / configuration / "test-00000-of-00001.parquet"
        write_parquet(path, [{"page": f"{configuration} {n}"} for n in range(2)])
    name = wikitext.CONFIGURATION
    assert wikitext.text(tmp_path) == f"{name} 0\n\n{name} 1"


@pytest.mark.real
def test_ultrachat_is_read_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ultrachat, "LOCAL", tmp_path / "ultrachat")
    chats = [{"messages": [{"role": "user", "content": str(n)}]} for n in range(30)]
    path = tmp_path / "ultrachat" / "data" / f"{ultrachat.SPLIT}-00000-of-00001.parquet"
    write_parquet(path, chats)
    chosen = ultrachat.load(10, 1)
    assert chosen == ultrachat.load(10, 1) != ultrachat.load(10, 2)
    assert all(chat in chats for chat in chosen)
    with pytest.raises(UserError, match="train_sft has 30"):
        ultrachat.load(31, 1)
