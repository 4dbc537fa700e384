"""Write a model of a published architecture's exact shape with random weights.

    python scripts/make_model.py --shape llama3-8b --device cuda --seed 0 llama3_8b_random

Speed and memory of such a model are those of the published one; what it says is noise, so its
folder is marked (`random_weights.json`) and no quality is measured on it. Weights are drawn and
written piece by piece: a 70B model needs its disk space and half a gigabyte of memory. The
tokenizer is the demo model's, its vocabulary filled up to the shape's.
"""

import json
import math
import shutil
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to find ``core`` when run by path

from checkpoints import models
from checkpoints.checkpoint import read_json
from compressing import staging
from core import cli
from core.errors import UserError
from scripts.model_shapes import SHAPES, Architecture, Shape

BYTES = 2  # bfloat16
SHARD_BYTES = 5 * 10**9
PIECE = 32 << 20  # values drawn at a time
STD = 0.02  # `initializer_range` of every shape
COPIED = ("chat_template.jinja",)
GB = 10**9


def main(
    out: Annotated[Path, typer.Argument(help="folder to write, which becomes the model's name")],
    shape: Annotated[str, typer.Option("--shape", help=f"one of {', '.join(SHAPES)}")],
    device: Annotated[str, typer.Option("--device", help="where to draw: cpu or cuda")] = "cpu",
    seed: Annotated[int, typer.Option("--seed", help="of the weights, per device")] = 0,
    force: Annotated[bool, typer.Option("--force", help="replace an existing folder")] = False,
) -> None:
    """Write a randomly initialised model of a published shape."""
    started = time.perf_counter()
    if shape not in SHAPES:
        raise UserError(f"there is no shape {shape!r}; there are: {', '.join(SHAPES)}")
    if device not in ("cpu", "cuda"):
        raise UserError(f"--device is cpu or cuda, not {device!r}")
    architecture = SHAPES[shape]
    total = sum(BYTES * math.prod(extents) for _, extents in architecture.tensors())
    check_room(out, total)
    with staging.whole(out, force) as folder:
        write_weights(architecture, folder, device, seed)
        write_tokenizer(architecture, folder)
        mark = {
            "note": models.NO_QUALITY,
            "shape": shape,
            "parameters": total // BYTES,
            "device": device,
            "seed": seed,
        }
        _write_json(folder / models.RANDOM_WEIGHTS, mark)
    spent = time.perf_counter() - started
    cli.say(f"wrote {out}: {total // BYTES:,} parameters, {total / GB:.1f} GB in {spent:.0f} s")


def check_room(out: Path, total: int) -> None:
    """Raise `UserError` when the weights do not fit the disk."""
    parent = next(p for p in out.absolute().parents if p.is_dir())
    free = shutil.disk_usage(parent).free
    if total > free:
        raise UserError(f"the weights take {total / GB:.1f} GB, {free / GB:.1f} GB are free")


def shards(architecture: Architecture, limit: int = SHARD_BYTES) -> list[list[tuple[str, Shape]]]:
    """Tensors in order, cut into files of at most `limit` bytes (one larger tensor has its own)."""
    files: list[list[tuple[str, Shape]]] = []
    room = 0
    for name, shape in architecture.tensors():
        size = BYTES * math.prod(shape)
        if size > room:
            files.append([])
            room = limit
        files[-1].append((name, shape))
        room -= size
    return files


def write_weights(
    architecture: Architecture, folder: Path, device: str, seed: int, limit: int = SHARD_BYTES
) -> None:
    """Safetensors shards with their index, config and generation config."""
    parts = shards(architecture, limit)
    weight_map: dict[str, str] = {}
    total = 0
    for number, tensors in enumerate(parts, start=1):
        name = f"model-{number:05}-of-{len(parts):05}.safetensors"
        with (folder / name).open("wb") as file:
            total += write_shard(file, tensors, device, seed)
        weight_map |= {tensor: name for tensor, _ in tensors}
        cli.say(f"{name}: {len(tensors)} tensors", "dim")
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    _write_json(folder / "model.safetensors.index.json", index)
    ids = write_config(architecture, folder)
    _write_json(folder / "generation_config.json", ids)


def write_config(architecture: Architecture, folder: Path) -> dict[str, int]:
    """The config, with the demo tokenizer's special token ids, which are returned."""
    demo = read_json(models.DEMO_PATH / "config.json")
    ids: dict[str, int] = {
        name: demo[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")
    }
    _write_json(folder / "config.json", architecture.config(**ids))
    return ids


def write_shard(file: BinaryIO, tensors: list[tuple[str, Shape]], device: str, seed: int) -> int:
    """One safetensors file; returns the bytes of its tensors."""
    place = write_header(file, tensors)
    for name, shape in tensors:
        for piece in draw(name, shape, device, seed):
            file.write(piece)
    return place


def write_header(file: BinaryIO, tensors: list[tuple[str, Shape]]) -> int:
    """A safetensors file's beginning; returns the bytes of the tensors that are to follow."""
    header, place = {}, 0
    for name, shape in tensors:
        end = place + BYTES * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    return place


def draw(name: str, shape: Shape, device: str, seed: int) -> Iterator[Any]:
    """A tensor's bytes, piece by piece: norms are 1, biases 0, weights normal (0, 0.02).

    The values depend on seed, name and kind of device, not on the order of writing.
    """
    import torch

    count = math.prod(shape)
    generator = torch.Generator(device).manual_seed(zlib.crc32(f"{seed}:{name}".encode()))
    for start in range(0, count, PIECE):
        values = torch.empty(min(PIECE, count - start), dtype=torch.bfloat16, device=device)
        if len(shape) == 1:
            values.fill_(0.0 if name.endswith(".bias") else 1.0)
        else:
            values.normal_(0.0, STD, generator=generator)
        yield values.view(torch.uint8).cpu().numpy().data


def write_tokenizer(architecture: Architecture, folder: Path) -> None:
    """The demo model's tokenizer with entries no text is split into, up to the vocabulary."""
    demo = models.DEMO_PATH
    tokenizer = json.loads((demo / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    for number in range(len(vocabulary), architecture.vocabulary):
        vocabulary[f"<unused{number}>"] = number
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))
    settings = read_json(demo / "tokenizer_config.json")
    _write_json(
        folder / "tokenizer_config.json", {**settings, "model_max_length": architecture.context}
    )
    for name in COPIED:
        shutil.copyfile(demo / name, folder / name)


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


app = cli.application(main)

if __name__ == "__main__":
    app()
