"""The demo model's own chats: procedurally generated, held out from its training."""

from core.corpus import Corpus, Document, choose, read_jsonl
from core.plugins import ROOT

CHATS = ROOT / "demo" / "data" / "ultrachat_calibration.jsonl"


def load(count: int, seed: int) -> list[Document]:
    """`count` chats chosen by `seed`."""
    return choose(read_jsonl(CHATS), count, seed, "the demo calibration set")


CORPUS = Corpus(summary="chats of the demo model's small world, offline", load=load)
