"""Checkpoint folders made to harm whoever reads them: each ends in one sentence."""

import json
import os
import struct
from pathlib import Path

import pytest

from core.errors import UserError
from inspection import results


def link_config_outside(folder: Path) -> None:
    (folder.parent / "secret.json").write_text('{"model_type": "secret"}')
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("../secret.json")


def link_weights_outside(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "elsewhere.safetensors")
    (folder / "model.safetensors").symlink_to("../elsewhere.safetensors")


def link_to_itself(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("model.safetensors")


def link_to_a_device(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("/dev/zero")


def a_pipe(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")


def huge_header(folder: Path) -> None:
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 10 << 30))
        file.truncate((10 << 30) + 8)


def huge_config(folder: Path) -> None:
    with (folder / "config.json").open("wb") as file:
        file.truncate(10 << 30)


def many_brackets(folder: Path) -> None:
    text = b'{"a":[' + b"[]," * 4_000_000 + b"[]]}"
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)


def deep(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type":' + "[" * 500_000 + "]" * 500_000 + "}")


def twice(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "llama", "model_type": "qwen2"}')


def many_digits(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "llama", "a": ' + "9" * 100_000 + "}")


def overlap(folder: Path) -> None:
    entry = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}
    text = json.dumps({"a": entry, "b": {**entry, "data_offsets": [2, 6]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"abcdef")


def index_of(name: str):
    def breaking(folder: Path) -> None:
        index = {"weight_map": {"a": name}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return breaking


HOSTILE = {
    "config elsewhere": (link_config_outside, "leads out of the checkpoint's folder"),
    "weights elsewhere": (link_weights_outside, "leads out of the checkpoint's folder"),
    "link to itself": (link_to_itself, "has no *.safetensors"),
    "device": (link_to_a_device, "has no config.json"),
    "pipe": (a_pipe, "neither a file nor a folder"),
    "10 GB header": (huge_header, "a header of 10,737,418,240 bytes"),
    "10 GB config": (huge_config, "bytes, at most"),
    "brackets": (many_brackets, "more objects and values"),
    "deep": (deep, "not valid JSON"),
    "twice": (twice, "the key 'model_type' is given twice"),
    "digits": (many_digits, "not valid JSON"),
    "overlap": (overlap, "'b' overlaps the one before it"),
    "path in index": (index_of("../../etc/passwd"), "'../../etc/passwd'"),
    "absolute index": (index_of("/etc/passwd.safetensors"), "of its own folder"),
    "pickle in index": (index_of("pytorch_model.bin"), "of its own folder"),
    "long index": (index_of("a" * 5000 + ".safetensors"), "that are not there"),
    "odd index": (index_of("\ud800.safetensors"), "that are not there"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_folders(base: Path, name: str) -> None:
    breaking, sentence = HOSTILE[name]
    breaking(base)
    try:
        result = results.inspect(str(base), results.Settings(), lambda *_: None)
        reason = result.findings[0].reason
    except UserError as problem:
        reason = str(problem)
    assert sentence in reason and len(reason) < 2000


def test_a_hub_cache_is_links_and_is_read(base: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (tmp_path / "hub" / "blobs").mkdir()
    for file in base.iterdir():
        blob = tmp_path / "hub" / "blobs" / f"blob-{file.name}"
        blob.write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(f"../../blobs/{blob.name}")
    result = results.inspect(str(snapshot), results.Settings(), lambda *_: None)
    assert result.findings == []
