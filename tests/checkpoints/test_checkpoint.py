"""Reading checkpoint folders: what a good one says, and a clear sentence for each broken one."""

import json
import struct
from pathlib import Path

import pytest

from checkpoints import checkpoint
from core.errors import UserError
from tests import models


def test_a_good_model(base: Path) -> None:
    found = checkpoint.read(base)
    assert found.format == "dense" and found.quantization is None
    assert found.linear_layers["model.layers.0.mlp.down_proj"] == (128, 256)
    assert "lm_head" in found.linear_layers
    assert "model.embed_tokens" not in found.linear_layers
    assert found.nbytes == (base / "model.safetensors").stat().st_size
    assert found.context_length == 512


def test_fingerprint_follows_the_weights(base: Path) -> None:
    before = checkpoint.read(base).fingerprint
    assert checkpoint.read(base).fingerprint == before
    file = base / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert checkpoint.read(base).fingerprint != before


def header(entry: object) -> bytes:
    text = json.dumps({"a.weight": entry}).encode()
    return struct.pack("<Q", len(text)) + text


BROKEN_FILES = {
    "empty": (b"", "truncated or not a safetensors"),
    "short": (b"\x00\x01", "truncated or not a safetensors"),
    "lying length": (struct.pack("<Q", 10**10) + b"{}", "truncated or not a safetensors"),
    "not json": (struct.pack("<Q", 4) + b"oops", "header is broken"),
    "no object": (struct.pack("<Q", 2) + b"[]", "not an object"),
    "no dtype": (header({"shape": [1], "data_offsets": [0, 2]}) + b"00", "entry of 'a.weight'"),
    "odd dtype": (
        header({"dtype": "Q7", "shape": [1], "data_offsets": [0, 2]}) + b"00",
        "entry of 'a.weight'",
    ),
    "wrong place": (
        header({"dtype": "BF16", "shape": [4], "data_offsets": [0, 2]}) + b"00",
        "does not fit",
    ),
    "negative": (
        header({"dtype": "BF16", "shape": [-1], "data_offsets": [0, -2]}) + b"",
        "does not fit",
    ),
    "truncated": (
        header({"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}) + b"00",
        "truncated",
    ),
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_broken_safetensors(base: Path, name: str) -> None:
    content, sentence = BROKEN_FILES[name]
    (base / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        checkpoint.read(base)


def no_folder(base: Path) -> Path:
    return base / "missing"


def no_config(base: Path) -> Path:
    (base / "config.json").unlink()
    return base


def broken_config(base: Path) -> Path:
    (base / "config.json").write_text("{")
    return base


def list_config(base: Path) -> Path:
    (base / "config.json").write_text("[]")
    return base


def pickles_only(base: Path) -> Path:
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    return base


def no_weights(base: Path) -> Path:
    (base / "model.safetensors").unlink()
    return base


def index_elsewhere(base: Path) -> Path:
    index = {"weight_map": {"a": "../../etc/passwd"}}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))
    return base


def index_missing_shard(base: Path) -> Path:
    index = {"weight_map": {"a": "model.safetensors", "b": "gone.safetensors"}}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))
    return base


BROKEN_FOLDERS = [
    (no_folder, "no such folder"),
    (no_config, "has no config.json"),
    (broken_config, "not valid JSON"),
    (list_config, "not an object"),
    (pickles_only, "pickled"),
    (no_weights, r"has no \*.safetensors"),
    (index_elsewhere, "passwd"),
    (index_missing_shard, "gone.safetensors"),
]


@pytest.mark.parametrize(("breaking", "sentence"), BROKEN_FOLDERS)
def test_broken_folders(base: Path, breaking, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        checkpoint.read(breaking(base))


def test_shards_by_index(tmp_path: Path) -> None:
    folder = models.write_model(tmp_path / "m", {"a.weight": ("BF16", (2, 2))})
    models.write_safetensors(folder / "second.safetensors", {"b.weight": ("BF16", (2, 2))})
    index = {"weight_map": {"a.weight": "model.safetensors", "b.weight": "second.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert set(checkpoint.read(folder).by_name) == {"a.weight", "b.weight"}
