"""Write the demo model's held-out sets, calibration chats, prompts and perplexity text.

The training text itself is streamed by ``scripts/train_demo_model.py`` and never written.

Example: ``python -m scripts.demo_corpus --seed 0 --output_dir demo/data``
"""

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from .corpus import Corpus

HELD_OUT_DOCUMENTS = 500
FEW_SHOT_DOCUMENTS = 80
CALIBRATION_CHATS = 640
SHORTEST_CHAT_MESSAGES = 6  # short chats calibrate badly
PERPLEXITY_DOCUMENTS = 1000
PROMPTS = 100
FILES = {
    "arithmetic": "gsm8k_{}.jsonl test",
    "hellaswag": "hellaswag_{}.jsonl validation",
    "piqa": "piqa_{}.jsonl validation",
    "arc": "arc_easy_{}.jsonl test",
}


def file_name(family: str, split: str) -> str:
    """Return the file of ``family``: split "train", or "held_out" under its published name."""
    pattern, held_out = FILES[family].split()
    return pattern.format("train" if split == "train" else held_out)


def write_corpus(corpus: Corpus, folder: Path) -> list[Path]:
    """Write every data file of ``corpus`` into ``folder`` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for family in FILES:
        for split, count in (("held_out", HELD_OUT_DOCUMENTS), ("train", FEW_SHOT_DOCUMENTS)):
            path = folder / file_name(family, split)
            written.append(_write_lines(path, corpus.records(family, split, count)))
    calibration = _calibration(corpus)
    written.append(_write_lines(folder / "ultrachat_calibration.jsonl", calibration))
    written.append(folder / "prompts.json")
    pairs = _prompts(corpus, {chat["prompt"] for chat in calibration})
    written[-1].write_text(json.dumps(pairs, indent=1, ensure_ascii=False) + "\n", "utf-8")
    text = "\n\n".join(islice(corpus.held_out_documents(), PERPLEXITY_DOCUMENTS))
    (folder / "perplexity.txt").write_text(text + "\n", encoding="utf-8")
    return [*written, folder / "perplexity.txt"]


def _calibration(corpus: Corpus) -> list[dict[str, Any]]:
    rng = corpus.rng("calibration")
    chats: dict[str, dict[str, Any]] = {}
    while len(chats) < CALIBRATION_CHATS:
        chat = corpus.chats.chat(rng, held_out=True)
        if len(chat["messages"]) >= SHORTEST_CHAT_MESSAGES:
            chats.setdefault(chat["prompt"], chat)
    return list(chats.values())


def _prompts(corpus: Corpus, taken: set[str]) -> list[dict[str, str]]:
    """First questions of chats with their answers, none of them in the calibration chats."""
    rng = corpus.rng("prompts")
    pairs: dict[str, str] = {}
    while len(pairs) < PROMPTS:
        question, answer = corpus.chats.chat(rng, held_out=True)["messages"][:2]
        if question["content"] not in taken:
            pairs.setdefault(question["content"], answer["content"])
    return [{"prompt": prompt, "reference": answer} for prompt, answer in pairs.items()]


def _write_lines(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def main(
    seed: Annotated[int, typer.Option(help="Seed of every table and draw.")] = 0,
    output_dir: Annotated[Path, typer.Option("--output_dir", help="Folder to write.")] = Path(
        "demo/data"
    ),
) -> None:
    """Write the demo data sets."""
    for path in write_corpus(Corpus(seed), output_dir):
        print(f"{path.stat().st_size:>9,} bytes  {path}")


if __name__ == "__main__":
    typer.run(main)
