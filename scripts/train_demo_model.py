"""Train the demo model from scratch: tokenizer, training, held-out accuracy, model card.

It takes two cores and about three quarters of an hour. The result is a tiny Llama-architecture
model whose answers quantization can damage; see ``demo/model/README.md``.

Example: ``python scripts/train_demo_model.py --seed 0 --output_dir demo/model``
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to find ``scripts`` when run by path

WORK_DIR = Path("build/demo_model")  # not in git: the rolling checkpoint
THREADS = 2


def main(
    seed: Annotated[int, typer.Option(help="Seed of corpus, weights and training.")] = 0,
    output_dir: Annotated[Path, typer.Option("--output_dir", help="Folder to write.")] = Path(
        "demo/model"
    ),
    tokens: Annotated[int | None, typer.Option(help="Training tokens; default: all.")] = None,
    documents: Annotated[int, typer.Option(help="Held-out documents per family.")] = 500,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
) -> None:
    """Train, evaluate and save the demo model."""
    import torch

    from scripts.demo_corpus import Corpus
    from scripts.demo_model.recipe import TrainingConfig
    from scripts.demo_model.release import evaluate_and_describe, save_model
    from scripts.demo_model.tokenizer import build_tokenizer
    from scripts.demo_model.training import train

    torch.set_num_threads(THREADS)
    config = TrainingConfig(seed=seed, **({"tokens": tokens} if tokens else {}))
    corpus = Corpus(seed)
    tokenizer = build_tokenizer(corpus)
    WORK_DIR.mkdir(parents=True, exist_ok=True)
    model, progress = train(config, corpus, tokenizer, WORK_DIR / "checkpoint.pt", resume)
    save_model(model, tokenizer, output_dir)
    evaluate_and_describe(output_dir, corpus, config, progress, documents)
    for path in sorted(output_dir.iterdir()):
        print(f"{path.stat().st_size:>10,} bytes  {path}")


if __name__ == "__main__":
    typer.run(main)
