"""A compressed layer's weights as plain numbers, by compressed-tensors' own decompressors.

A few rows at a time: unpacking a 4-bit matrix in one go takes ten times its uncompressed size. Only
compressed-tensors and bitsandbytes (`inspection.blocks`) can be decompressed; what others wrote is
refused.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from checkpoints.checkpoint import Checkpoint
from checkpoints.declared import Group
from checkpoints.headers import Tensor
from checkpoints.modules import Module, size
from checkpoints.truth import Layers
from core.errors import UserError
from inspection.blocks import Blocks
from inspection.tensors import CHUNK_WEIGHTS, read_rows

METHODS = ("compressed-tensors", "bitsandbytes")


@dataclass(frozen=True)
class Codec:
    """A group's decompressor and the scheme it needs, both compressed-tensors'."""

    compressor: Any
    scheme: Any

    def restore(self, state: dict[str, Any]) -> Any:
        """The weights of a state in 32 bits."""
        return self.compressor.decompress(state, self.scheme)["weight"].float()


def codecs(layers: Layers) -> dict[Group, Codec | Blocks]:
    """A decompressor for every declared group. Raises `UserError` where there is none."""
    declared = layers.declared
    if declared is not None and declared.method == "bitsandbytes":
        return {group: Blocks(group) for group in declared.groups}
    if declared is None or declared.method != "compressed-tensors":
        what = "not compressed" if declared is None else f"compressed by {declared.method[:50]}"
        raise UserError(
            f"{layers.checkpoint.path} is {what}: its weights cannot be compared, "
            "only those of compressed-tensors and bitsandbytes can"
        )
    from compressed_tensors.compressors import BaseCompressor

    config = parse_config(layers.checkpoint)
    schemes = [scheme for scheme in config.config_groups.values() if scheme.weights is not None]
    return {
        group: Codec(BaseCompressor.get_value_from_registry(group.format), scheme)
        for group, scheme in zip(declared.groups, schemes, strict=True)
    }


def parse_config(checkpoint: Checkpoint) -> Any:
    """compressed-tensors' `QuantizationConfig`; raises `UserError` with what it does not take."""
    from compressed_tensors.quantization import QuantizationConfig

    try:
        return QuantizationConfig.model_validate(checkpoint.quantization)
    except Exception as problem:  # pydantic's errors, and whatever its validators let through
        lines = str(problem).splitlines()
        raise UserError(
            f"{checkpoint.path}: compressed-tensors does not take its config: "
            f"{' '.join(line.strip() for line in lines[:3])[:300]}"
        ) from problem


def rows_per_chunk(shape: tuple[int, int], group: Group) -> int:
    """Rows decompressed at a time: whole blocks, and whole words of packed zero points."""
    unit = math.lcm(32, group.weights.block[0] if group.weights.block else 1)
    return max(CHUNK_WEIGHTS // shape[1] // unit, 1) * unit


def chunks(
    layers: Layers, module: Module, group: Group, codec: Codec | Blocks
) -> Iterator[tuple[int, Any]]:
    """(first row, state) of a layer, chunk by chunk, as its decompressor takes it.

    Scales are widened to 32 bits so that what is stored is compared, not the rounding of a kernel.
    """
    if isinstance(codec, Blocks):
        yield from codec.chunks(layers.checkpoint, module)
        return
    shape = size(layers.checkpoint, module, group.weights.bits)
    assert shape is not None
    rows, step = shape[0], rows_per_chunk(shape, group)
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        state = {
            suffix: _slice(layers.checkpoint, tensor, (start, stop), rows, group.weights.bits)
            for suffix, tensor in module.tensors.items()
            if suffix.startswith("weight")
        }
        if "weight_shape" in state:
            state["weight_shape"] = state["weight_shape"].new_tensor([stop - start, shape[1]])
        yield start, state


def _slice(
    checkpoint: Checkpoint, tensor: Tensor, rows: tuple[int, int], of: int, bits: int
) -> Any:
    """The part of a tensor that belongs to some rows (from, to) of the weight's `of` rows.

    A tensor with fewer rows than the weight (scales of blocks) is cut in proportion.
    """
    length = tensor.shape[0] if tensor.shape else 1
    suffix = tensor.name.rpartition(".")[2]
    if suffix in ("weight_shape", "weight_global_scale", "weight_g_idx") or length == 1:
        part = read_rows(checkpoint, tensor)
    else:
        share = math.ceil(of / length) if length < of else 1
        if suffix == "weight_zero_point" and tensor.dtype == "I32":
            part = read_rows(
                checkpoint, tensor, rows[0] * bits // 32, math.ceil(rows[1] * bits / 32)
            )
        else:
            part = read_rows(checkpoint, tensor, rows[0] // share, math.ceil(rows[1] / share))
    return part.float() if tensor.dtype in ("BF16", "F16") and "scale" in suffix else part


def weight(layers: Layers, module: Module, group: Group, codec: Codec | Blocks) -> Any:
    """The whole decompressed weight in 32 bits."""
    import torch

    return torch.cat([codec.restore(state) for _, state in chunks(layers, module, group, codec)])
