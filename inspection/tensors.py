"""Tensors of a checkpoint read from their files, a few rows at a time."""

import math
from typing import Any

from checkpoints.checkpoint import Checkpoint
from checkpoints.headers import DTYPE_BITS, Tensor
from core.errors import UserError

CHUNK_WEIGHTS = 1 << 20  # weights decompressed at a time
TORCH = {
    "BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64", "I8": "int8",
    "U8": "uint8", "I32": "int32", "I64": "int64", "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2", "F8_E8M0": "uint8",
}  # fmt: skip


def read_rows(
    checkpoint: Checkpoint, tensor: Tensor, start: int = 0, stop: int | None = None
) -> Any:
    """Rows `start` to `stop` of a tensor (dimension 0), read and not mapped into memory.

    Raises `UserError` for a dtype that holds no weights.
    """
    if tensor.dtype not in TORCH:
        raise UserError(
            f"{tensor.name} of {checkpoint.path} is {tensor.dtype}: it cannot be compared"
        )
    import torch

    shape = list(tensor.shape)
    offset, count = 0, tensor.nbytes
    if shape:
        row = math.prod(shape[1:]) * DTYPE_BITS[tensor.dtype] // 8
        shape[0] = min(shape[0] if stop is None else stop, shape[0]) - start
        offset, count = start * row, shape[0] * row
    with (checkpoint.path / tensor.file).open("rb") as file:
        file.seek(tensor.begin + offset)
        data = bytearray(file.read(count))
    flat: Any = torch.frombuffer(data, dtype=getattr(torch, TORCH[tensor.dtype]))
    return flat.reshape(shape)
