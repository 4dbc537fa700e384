"""The demo model's own chats: procedurally generated, held out from its training."""

from pathlib import Path

from core.corpus import Corpus, Document, choose, read_jsonl
from core.plugins import ROOT

CHATS = ROOT / "demo" / "data" / "ultrachat_calibration.jsonl"
TEXT = ROOT / "demo" / "data" / "perplexity.txt"


def load(count: int, seed: int) -> list[Document]:
    """`count` chats chosen by `seed`."""
    return choose(read_jsonl(CHATS), count, seed, "the demo calibration set")


def text(data_dir: Path) -> str:
    """About 80,000 tokens that the demo model was not trained on."""
    return TEXT.read_text(encoding="utf-8")


CORPUS = Corpus(summary="chats of the demo model's small world, offline", load=load, text=text)
