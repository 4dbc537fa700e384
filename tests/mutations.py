"""What a fuzzer does to a good checkpoint: each function changes a folder as `draw` decides.

`change` does it to any JSON document, of a checkpoint or of a record.
"""

import copy
import json
import math
import os
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests import models
from tests.checkpoints import test_methods

SUFFIXES = ["weight", "weight_packed", "weight_scale", "weight_shape", "weight_zero_point",
            "qweight", "scales", "qzeros", "bias", "input_scale", "k_scale", "SCB", "weight.absmax",
            "weight.quant_state.bitsandbytes__nf4", "blocks", "weight_global_scale"]  # fmt: skip
WHERE = ["header", "config.json", "model.safetensors.index.json", "generation_config.json",
         "compression.json", "tokenizer_config.json", "download.json",
         "random_weights.json"]  # fmt: skip
TEMPLATE = "chat_template.jinja"


def header(path: Path) -> tuple[dict[str, Any], bytes]:
    """A good file's header and its data."""
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


WORDS = ["re:(a+)+$", "re:(", "../../etc/passwd", "F8_E4M3", "I32", "BF16", "Linear", "float",
         "group", "pack-quantized", "gptq", "awq", "mxfp4", "\ud800\x1b[", "demo", "BASE", "..",
         "a\0b", "-x", "\x1b[31mred", "[red]x[/red]", "[/]", "a\nb", "\u202ea", "x" * 5000,
         "=1+1", "$\\frac$", "<img src=x>", "{{ 1 }}"]  # fmt: skip
NUMBERS = [0.0, -1.0, 1e-320, 1e308, -1e308, 1e-99, 1e99, -1e99, 1e-12, 1e12, math.nan, math.inf]
NAMES = st.text(max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([*NUMBERS, 10**300])
    | NAMES
    | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=6,
)


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    if path:
        yield path
    if isinstance(tree, dict | list):
        for key in tree if isinstance(tree, dict) else range(len(tree)):
            yield from _paths(tree[key], (*path, key))


def change(tree: Any, draw: st.DataObject) -> None:
    """One place of a document replaced, removed, renamed or copied elsewhere."""
    places = list(_paths(tree))
    if not places:
        return
    *above, key = draw.draw(st.sampled_from(places))
    parent = tree
    for step in above:
        parent = parent[step]
    how = draw.draw(st.sampled_from(["replace", "remove", "rename", "number", "copy"]))
    if how == "remove":
        del parent[key]
    elif how == "rename" and isinstance(parent, dict):
        parent[draw.draw(st.text(max_size=12))] = parent.pop(key)
    elif how == "number" and isinstance(parent[key], int):
        parent[key] = draw.draw(st.sampled_from([0, 1, -1, 2**31, 2**62, 2**63, 2**64, 10**30]))
    elif how == "copy" and isinstance(parent, dict):
        parent[key] = json.loads(json.dumps(draw.draw(st.sampled_from([*parent.values()]))))
    else:
        parent[key] = draw.draw(JSON)


def alike(tree: Any, draw: st.DataObject) -> None:
    """One place of a document replaced by something of its type, so that more of it is believed."""
    places = list(_paths(tree))
    if not places:
        return
    *above, key = draw.draw(st.sampled_from(places))
    parent = tree
    for step in above:
        parent = parent[step]
    value = parent[key]
    if isinstance(value, bool):
        parent[key] = not value
    elif isinstance(value, int):
        parent[key] = draw.draw(st.sampled_from([0, 1, -1, 2, 7, 2**40, 2**70, 10**99, -(10**99)]))
    elif isinstance(value, float):
        parent[key] = draw.draw(st.sampled_from(NUMBERS) | st.floats(0, 1))
    elif isinstance(value, str):
        parent[key] = draw.draw(st.sampled_from(WORDS) | st.text(max_size=20))
    elif isinstance(value, list):
        parent[key] = draw.draw(st.sampled_from([[], value[:1], value[:-1], value * 2]))
    elif isinstance(value, dict):
        parent[key] = dict(list(value.items())[: draw.draw(st.integers(0, len(value)))])
    else:
        parent[key] = draw.draw(JSON)


def _load(folder: Path, where: str) -> tuple[Any, bytes]:
    if where == "header":
        return header(folder / "model.safetensors")
    return json.loads((folder / where).read_text()), b""


def _save(folder: Path, where: str, text: bytes, data: bytes, length: int | None = None) -> None:
    if where == "header":
        claimed = len(text) if length is None else length
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", claimed) + text + data)
    else:
        (folder / where).write_bytes(text)


def _where(folder: Path, draw: st.DataObject) -> str:
    """One of the documents that a folder has."""
    there = [name for name in WHERE if name == "header" or (folder / name).is_file()]
    return draw.draw(st.sampled_from(there))


def values(folder: Path, draw: st.DataObject) -> None:
    """A document with some values changed."""
    where = _where(folder, draw)
    tree, data = _load(folder, where)
    for _ in range(draw.draw(st.integers(1, 3))):
        change(tree, draw)
    _save(folder, where, json.dumps(tree).encode(), data)


def text(folder: Path, draw: st.DataObject) -> None:
    """A document whose text is damaged: cut, doubled, a key twice, deep, bytes changed."""
    where = _where(folder, draw)
    tree, data = _load(folder, where)
    whole = json.dumps(tree).encode()
    place = draw.draw(st.integers(0, len(whole)))
    other = draw.draw(st.integers(0, len(whole)))
    made = {
        "cut": lambda: whole[:place],
        "splice": lambda: whole[:place] + whole[other : other + 40] + whole[place:],
        "noise": lambda: whole[:place] + draw.draw(st.binary(max_size=8)) + whole[place + 4 :],
        "twice": lambda: b'{"a":1,"a":2,' + whole[1:],
        "deep": lambda: b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        "digits": lambda: b'{"a":' + b"9" * 5_000 + b"}",
    }
    _save(folder, where, made[draw.draw(st.sampled_from(sorted(made)))](), data)


def lengths(folder: Path, draw: st.DataObject) -> None:
    """A header length that lies, a file that ends early or late."""
    tree, data = _load(folder, "header")
    whole = json.dumps(tree).encode()
    length = draw.draw(
        st.sampled_from([0, 1, 2**63, 2**64 - 1, 10 << 30, len(whole) + len(data)])
        | st.integers(0, 2 * len(whole))
    )
    end = draw.draw(st.integers(0, len(data)))
    _save(folder, "header", whole, data[:end] + draw.draw(st.binary(max_size=4)), length)


def weights(folder: Path, draw: st.DataObject) -> None:
    """Other values in the data: scales, zero points, stored shapes, bitsandbytes' JSON."""
    tree, data = _load(folder, "header")
    name = draw.draw(st.sampled_from(sorted(tree)))
    begin, end = tree[name]["data_offsets"]
    new = draw.draw(st.binary(min_size=1, max_size=16))[: end - begin]
    changed = data[:begin] + new + data[begin + len(new) :]
    _save(folder, "header", json.dumps(tree).encode(), changed)


def tensors(folder: Path, draw: st.DataObject) -> None:
    """Tensors of other names, dtypes and shapes in a file that is whole, so that all is read."""
    tree, _ = _load(folder, "header")
    entries = {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in tree.items()}
    for _ in range(draw.draw(st.integers(1, 4))):
        name = draw.draw(st.sampled_from(sorted(entries)))
        dtype, shape = entries.pop(name)
        how = draw.draw(st.sampled_from(["drop", "rename", "dtype", "shape", "double"]))
        other = name.rpartition(".")[0] + "." + draw.draw(st.sampled_from(SUFFIXES))
        if how in ("rename", "double"):
            entries[other] = (dtype, shape)
        if how == "dtype":
            entries[name] = (draw.draw(st.sampled_from(sorted(models.BYTES))), shape)
        if how == "shape":
            entries[name] = (dtype, tuple(draw.draw(st.lists(st.integers(0, 65), max_size=5))))
        if how == "double":
            entries[name] = (dtype, shape)
    if sum(math.prod(shape) for _, shape in entries.values()) < 1 << 20:
        models.write_safetensors(folder / "model.safetensors", entries)
        (folder / "model.safetensors.index.json").unlink()


def declared(folder: Path, draw: st.DataObject) -> None:
    """Another declaration for the same tensors: values changed, or that of another method."""
    tree = json.loads((folder / "config.json").read_text())
    choices = [entry[0] for entry in test_methods.STORED.values()] + [models.INT4_DECLARED]
    if draw.draw(st.booleans()):
        tree["quantization_config"] = copy.deepcopy(draw.draw(st.sampled_from(choices)))
    inner = {"quantization_config": tree.get("quantization_config")}
    for _ in range(draw.draw(st.integers(0, 3))):
        change(inner, draw)
    (folder / "config.json").write_text(json.dumps({**tree, **inner}))


def templates(folder: Path, draw: st.DataObject) -> None:
    """Other text in a chat template, of any bytes."""
    odd = st.sampled_from([b"{% for x in range(10**9) %}{% endfor %}", b"\xff\xfe", b"{{" * 5000])
    (folder / TEMPLATE).write_bytes(draw.draw(odd | st.binary(max_size=40)))


def files(folder: Path, draw: st.DataObject) -> None:
    """Files replaced by links, pickles, folders, pipes, nothing."""
    name = draw.draw(st.sampled_from(["model.safetensors", TEMPLATE, "README.md", *WHERE[1:]]))
    file = folder / name
    file.unlink(missing_ok=True)
    _put(file, draw.draw(st.sampled_from(FILES)))


def folders(folder: Path, draw: st.DataObject) -> None:
    """The same next to the files that have a name, a folder deeper, or the whole folder a link."""
    place = draw.draw(st.sampled_from([folder, folder / "deeper", folder / "deeper" / "still"]))
    place.mkdir(parents=True, exist_ok=True)
    how = draw.draw(st.sampled_from([*FILES, "moved"]))
    if how == "moved":
        whole = folder.rename(folder.with_name("elsewhere"))
        folder.symlink_to(
            draw.draw(st.sampled_from([whole.name, folder.name, "/etc", "/dev/null"]))
        )
    else:
        _put(
            place / draw.draw(st.sampled_from(["a.json", "tokenizer.model", "\x1b[31m", "b"])), how
        )


def _put(file: Path, how: str) -> None:
    if how == "folder":
        file.mkdir()
    elif how == "pipe":
        os.mkfifo(file)
    elif how in LINKS:
        file.symlink_to(LINKS[how] or file.name)
    elif how in ("pickle", "empty"):
        file.write_bytes(pickle.dumps(Bomb()) if how == "pickle" else b"")


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., int], tuple[str]]:
        return os.system, ("false",)


LINKS = {"link": "/etc/passwd", "device": "/dev/zero", "outside": "../base/config.json", "up": "..",
         "here": ".", "etc": "/etc", "nowhere": "nowhere", "near": "config.json",
         "loop": ""}  # fmt: skip
FILES = ["gone", "folder", "pipe", "pickle", "empty", *LINKS]
MUTATIONS = [values, values, text, text, lengths, weights, templates, files, files, folders,
             tensors, tensors, declared, declared]  # fmt: skip
