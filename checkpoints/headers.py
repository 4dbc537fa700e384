"""The headers of safetensors files: every tensor's name, dtype, shape and place, no weights.

A safetensors file is 8 bytes (little-endian length), a JSON header of that length, then the data
(https://github.com/huggingface/safetensors#format). Files are untrusted: a header that lies
about lengths, offsets or shapes ends in one sentence, before anything large is read.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from core.strict_json import Damaged, parse_object

DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4, "I16": 16,
    "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64,
    "F64": 64,
}  # fmt: skip
TORCH_FLOATS = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"}
MAX_HEADER = 100_000_000  # the limit safetensors itself sets
MAX_DIMENSIONS = 16


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as a safetensors header declares it; `begin` is its first byte in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    file: str
    begin: int = 0


def read_header(path: Path) -> list[Tensor]:
    """The tensors of one safetensors file. Raises `Damaged` for a broken or truncated file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            text = _header_text(path, file, size)
    except OSError as problem:
        raise Damaged(f"{path}: cannot be read ({problem.strerror})") from problem
    header = parse_object(text, path, "safetensors header ")
    header.pop("__metadata__", None)
    data = 8 + len(text)
    tensors = [_tensor(path, name, entry, data) for name, entry in header.items()]
    _must_fill(path, sorted(tensors, key=lambda t: (t.begin, t.nbytes)), data, size)
    return tensors


def _header_text(path: Path, file: BinaryIO, size: int) -> bytes:
    start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else None
    if length is None or length > size - 8:
        raise Damaged(f"{path}: truncated or not a safetensors file ({size:,} bytes)")
    if length > MAX_HEADER:
        raise Damaged(f"{path}: a header of {length:,} bytes, safetensors allows {MAX_HEADER:,}")
    return file.read(length)


def _tensor(path: Path, name: str, entry: Any, data: int) -> Tensor:
    """A header entry; the shape must fill its range exactly."""
    if not name.isprintable():
        raise Damaged(f"{path}: the tensor name {name[:100]!r} holds unprintable characters")
    try:
        dtype, shape = entry["dtype"], tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        bits = DTYPE_BITS[dtype]
    except (KeyError, TypeError, ValueError) as problem:
        why = repr(problem)[:100]
        raise Damaged(f"{path}: the header entry of {name[:200]!r} is broken ({why})") from problem
    numbers = (*shape, begin, end)
    whole = all(type(n) is int and 0 <= n < 1 << 63 for n in numbers)
    if not whole or len(shape) > MAX_DIMENSIONS or end - begin != math.prod(shape) * bits // 8:
        raise Damaged(
            f"{path}: {name[:200]!r} ({dtype}, shape {str(list(shape))[:100]}) "
            "does not fit its place in the file"
        )
    return Tensor(name, dtype, shape, end - begin, path.name, data + begin)


def _must_fill(path: Path, tensors: list[Tensor], data: int, size: int) -> None:
    """Tensors follow each other without overlap or gap up to the end of the file."""
    place = data
    for tensor in tensors:
        if tensor.begin != place:
            how = "overlaps the one before it" if tensor.begin < place else "leaves a gap before it"
            raise Damaged(f"{path}: the data of {tensor.name[:200]!r} {how}")
        place += tensor.nbytes
    if place != size:
        raise Damaged(f"{path}: truncated: {size:,} bytes, its header promises {place:,}")
