"""What the download tests share: a tiny model on the hub stand-in, and what is left on disk."""

import json
import struct
from pathlib import Path
from typing import Any

MODEL = "org/Tiny-Llama"
INDEX = "model.safetensors.index.json"


def safetensors(values: int) -> bytes:
    """A file with one float32 tensor of `values` zeros."""
    header = {"w": {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(4 * values)


SHARDS = {"model-00001-of-00002.safetensors": 500_000, "model-00002-of-00002.safetensors": 400}
WANTED = {
    **{name: safetensors(values) for name, values in SHARDS.items()},
    INDEX: json.dumps({"weight_map": {str(i): name for i, name in enumerate(SHARDS)}}).encode(),
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b"{}",
    "tokenizer.model": b"pieces",
    "tokenizer[1].txt": b"a name that is also a pattern",
    "merges.txt": b"",
    "LICENSE.txt": b"free",
}
UNWANTED = {
    "pytorch_model.bin": b"pickle",
    "tokenizer.pkl": b"pickle",
    "modeling_llama.py": b"raise SystemExit('remote code ran')",
    "tokenizer_tiny.py": b"raise SystemExit('remote code ran')",
    "original/consolidated.00.pth": b"pickle",
    "original/model.safetensors": safetensors(3),
    "consolidated.safetensors": safetensors(4),
    ".gitattributes": b"",
}
BIG, SMALL = SHARDS


def contents(folder: Path) -> dict[str, bytes]:
    """The files of `folder` by path, but for `download.json`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "download.json"
    }


def record(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "download.json").read_text())
    return content
