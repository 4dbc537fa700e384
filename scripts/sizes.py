"""Disk and memory that compressing and serving a published shape takes, predicted.

    python scripts/sizes.py
    python scripts/sizes.py --shapes qwen3-32b --schemes every --tokens 32768

Nothing is loaded or downloaded: compress.py's planner reads headers, here those of files without
weights. Prints Markdown tables; those of the default are in docs/requirements.md.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to find ``core`` when run by path

from checkpoints import checkpoint
from checkpoints.checkpoint import Checkpoint
from compressing import missing, preflight
from compressing.settings import Settings
from core import cli, machine, plugins
from core.errors import UserError
from scripts import make_model
from scripts.model_shapes import SHAPES, Architecture

GIB = 1 << 30
HEAD = """| {shape} | disk GiB | GPU to serve GiB | memory to compress GiB | GPU to compress GiB |
|---|--:|--:|--:|--:|
"""


def headers(architecture: Architecture, folder: Path) -> Checkpoint:
    """A checkpoint of this shape whose one weight file is a hole: it takes no disk."""
    make_model.write_config(architecture, folder)
    with (folder / "model.safetensors").open("wb") as file:
        nbytes = make_model.write_header(file, list(architecture.tensors()))
        os.truncate(file.fileno(), file.tell() + nbytes)
    return checkpoint.read(folder)


def kv_cache_bytes(architecture: Architecture, tokens: int) -> int:
    """Keys and values of one request in 16 bits."""
    values = 2 * architecture.layers * architecture.kv_heads * architecture.head_size
    return 2 * values * tokens


def table(shape: str, schemes: list[str], tokens: int) -> Iterator[str]:
    """Lines of Markdown: what each scheme takes for a model of this shape."""
    settings, architecture = Settings(), SHAPES[shape]
    text_tokens = settings.num_calibration_samples * settings.max_sequence_length
    cache = kv_cache_bytes(architecture, tokens)
    yield from HEAD.format(shape=shape).splitlines()
    with tempfile.TemporaryDirectory() as temporary:
        base = headers(architecture, Path(temporary))
        for name in schemes:
            scheme = plugins.load("schemes", name)
            if scheme.recipe is None:
                sizes: tuple[int | None, ...] = (base.nbytes, base.nbytes + cache, None, None)
            else:
                plan = preflight.plan(name, scheme, base, (), machine.probe(), text_tokens)
                nbytes = plan.predicted_bytes
                sizes = (nbytes, nbytes + cache, plan.memory_bytes, plan.gpu_bytes)
            shown = (f"{size / GIB:.1f}" if size else "" for size in sizes)
            yield f"| {name} | {' | '.join(shown)} |"


def main(
    shapes: Annotated[str, typer.Option(help=f"of {', '.join(SHAPES)}")] = "llama3-8b,llama3-70b",
    schemes: Annotated[str, typer.Option(help="all, every or names with commas")] = "all",
    tokens: Annotated[int, typer.Option(min=1, help="of the request that is served")] = 8192,
) -> None:
    """Print what compressing and serving models of published shapes takes, predicted."""
    for shape in shapes.split(","):
        if shape not in SHAPES:
            raise UserError(f"there is no shape {shape!r}; there are: {', '.join(SHAPES)}")
        for line in table(shape, missing.choose(schemes), tokens):
            print(line)
        print()


app = cli.application(main)

if __name__ == "__main__":
    app()
