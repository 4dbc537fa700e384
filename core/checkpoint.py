"""Reading a checkpoint folder without loading weights: config, safetensors headers, fingerprint.

A safetensors file is 8 bytes (little-endian length), a JSON header of that length, then the data
(https://github.com/huggingface/safetensors#format). Headers alone tell every tensor's name, dtype,
shape and place, and whether the file is whole.
"""

import hashlib
import json
import math
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from core.errors import UserError

DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4, "I16": 16,
    "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64,
    "F64": 64,
}  # fmt: skip
MAX_HEADER = 100_000_000  # the limit safetensors itself sets
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
EMBEDDING = re.compile(r"embed(?!_out)|(^|\.)wte\.|(^|\.)wpe\.|word_embeddings|position")
SAMPLE_BYTES = 65_536
SAMPLES_PER_FILE = 32


@dataclass(frozen=True)
class Tensor:
    """One tensor as a safetensors header declares it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    file: str


def _fail(path: Path, why: str) -> UserError:
    return UserError(f"{path}: {why}")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; anything else is a `UserError` that says where it breaks."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise _fail(path, f"not valid JSON ({problem})") from problem
    if not isinstance(document, dict):
        raise _fail(path, "not a JSON object")
    return document


def read_header(path: Path) -> list[Tensor]:
    """The tensors of one safetensors file. Raises `UserError` for a damaged or truncated file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else None
        if length is None or length > min(MAX_HEADER, size - 8):
            raise _fail(path, f"truncated or not a safetensors file ({size:,} bytes)")
        try:
            header = json.loads(file.read(length))
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise _fail(path, f"the safetensors header is broken ({problem})") from problem
    if not isinstance(header, dict):
        raise _fail(path, "the safetensors header is not an object")
    header.pop("__metadata__", None)
    tensors = [_tensor(path, name, entry) for name, entry in header.items()]
    end = max((t[1] for t in tensors), default=0)
    if 8 + length + end != size:
        raise _fail(path, f"truncated: {size:,} bytes, its header promises {8 + length + end:,}")
    return [t[0] for t in tensors]


def _tensor(path: Path, name: str, entry: Any) -> tuple[Tensor, int]:
    """A header entry and where its data ends; the shape must fill the range exactly."""
    try:
        dtype, shape = str(entry["dtype"]), tuple(int(n) for n in entry["shape"])
        begin, end = (int(n) for n in entry["data_offsets"])
        bits = DTYPE_BITS[dtype]
    except (KeyError, TypeError, ValueError) as problem:
        raise _fail(path, f"the header entry of {name!r} is broken ({problem!r})") from problem
    nbytes = math.prod(shape) * bits // 8
    if begin < 0 or any(n < 0 for n in shape) or end - begin != nbytes:
        raise _fail(path, f"{name!r} ({dtype} {list(shape)}) does not fit its place in the file")
    return Tensor(name, dtype, shape, nbytes, path.name), end


@dataclass(frozen=True)
class Checkpoint:
    """A folder of weights: its config and every tensor's header. Make one with `read`."""

    path: Path
    config: dict[str, Any]
    files: tuple[Path, ...]
    tensors: tuple[Tensor, ...]

    @cached_property
    def by_name(self) -> dict[str, Tensor]:
        """Tensors by name."""
        return {tensor.name: tensor for tensor in self.tensors}

    @property
    def nbytes(self) -> int:
        """Bytes of all weight files on disk."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def quantization(self) -> dict[str, Any] | None:
        """`quantization_config` as the checkpoint declares it, None when it is not compressed."""
        declared = self.config.get("quantization_config")
        return declared if isinstance(declared, dict) and declared else None

    @property
    def format(self) -> str:
        """The declared storage format: compressed-tensors' name, another method's, or `dense`."""
        declared = self.quantization or {}
        return str(declared.get("format") or declared.get("quant_method") or "dense")

    @property
    def context_length(self) -> int:
        """`max_position_embeddings`, or 2048 where the config does not say."""
        return self.number("max_position_embeddings", 2048)

    def number(self, key: str, default: int) -> int:
        """A whole number of the config or of its text part. Raises `UserError` for others."""
        text = self.config.get("text_config")
        value = self.config.get(key, text.get(key) if isinstance(text, dict) else None)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise _fail(self.path / "config.json", f"{key} is {value!r}, not a number")
        return value

    @property
    def dtype_bits(self) -> int:
        """Width of the uncompressed weights: that of the dtype most bytes have."""
        sizes: dict[str, int] = {}
        for tensor in self.tensors:
            sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.nbytes
        return DTYPE_BITS[max(sizes, key=sizes.__getitem__)] if sizes else 16

    @cached_property
    def linear_layers(self) -> dict[str, tuple[int, int]]:
        """Module name to (outputs, inputs) of every uncompressed linear layer, `lm_head` included.

        Found by shape: a 2-D `weight` that is not an embedding. (GPT-2's Conv1D layers look alike
        but are no `Linear`: `conv1d` tells.)
        """
        found = {}
        for tensor in self.tensors:
            module, _, kind = tensor.name.rpartition(".")
            if kind == "weight" and len(tensor.shape) == 2 and not EMBEDDING.search(tensor.name):
                found[module] = (tensor.shape[0], tensor.shape[1])
        return found

    @property
    def conv1d(self) -> bool:
        """Whether the architecture stores its layers as transformers' `Conv1D`."""
        return self.config.get("model_type") in {"gpt2", "openai-gpt"}

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over the config, every header and 32 evenly spread 64 KiB blocks per file.

        Reading a sample keeps an 8B checkpoint under a second and out of the page cache; any
        requantization changes blocks everywhere.
        """
        digest = hashlib.sha256(json.dumps(self.config, sort_keys=True).encode())
        for path in self.files:
            size = path.stat().st_size
            digest.update(f"{path.name}:{size}".encode())
            with path.open("rb") as file:
                for place in _spread(size):
                    file.seek(place)
                    digest.update(file.read(SAMPLE_BYTES))
        return digest.hexdigest()[:16]


def _spread(size: int) -> Iterable[int]:
    """Where to sample a file: everything when it is small, else evenly with both ends."""
    if size <= SAMPLE_BYTES * SAMPLES_PER_FILE:
        return range(0, size, SAMPLE_BYTES)
    last = size - SAMPLE_BYTES
    return [last * n // (SAMPLES_PER_FILE - 1) for n in range(SAMPLES_PER_FILE)]


def read(path: Path) -> Checkpoint:
    """Open a checkpoint folder. Raises `UserError` when it is none, is damaged or holds pickles."""
    if not path.is_dir():
        raise _fail(path, "there is no such folder")
    if not (path / "config.json").is_file():
        raise _fail(path, "not a model: it has no config.json")
    config = read_json(path / "config.json")
    if not isinstance(config.get("model_type"), str):
        raise _fail(path / "config.json", "has no model_type, so nothing knows the architecture")
    files = _weight_files(path)
    tensors = tuple(tensor for file in files for tensor in read_header(file))
    return Checkpoint(path, config, files, tensors)


def _weight_files(path: Path) -> tuple[Path, ...]:
    """The safetensors files, those the index names where there is one."""
    index = path / "model.safetensors.index.json"
    found = sorted(path.glob("*.safetensors"))
    if index.is_file():
        weight_map = read_json(index).get("weight_map")
        if not isinstance(weight_map, dict):
            raise _fail(index, "has no weight_map")
        named = sorted({str(file) for file in weight_map.values()})
        outside = [file for file in named if Path(file).name != file]
        missing = [file for file in named if not (path / file).is_file()]
        if outside or missing:
            raise _fail(index, f"names files that are not there: {', '.join(outside + missing)}")
        return tuple(path / file for file in named)
    if not found:
        pickled = [f.name for pattern in PICKLES for f in path.glob(pattern)]
        why = "it has no *.safetensors"
        if pickled:
            why = f"its weights are pickled ({pickled[0]}), and pickles can run code: convert them"
        raise _fail(path, why)
    return tuple(found)
