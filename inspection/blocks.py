"""bitsandbytes' weights as plain numbers, without the library: codes, scales, and scales of those.

Weights of 4 bits lie two a byte, the first in the upper half, in blocks that share a scale and run
on over the ends of rows; the 16 numbers that codes stand for are stored beside them. With double
quantization a scale is a code too, of 256 numbers, times a scale of its own block, plus a mean.
Source: `QuantState` and `dequantize_4bit` of bitsandbytes 0.50.2.
"""

from collections.abc import Iterator
from typing import Any

from checkpoints.checkpoint import Checkpoint
from checkpoints.declared import Group
from checkpoints.layouts import BITSANDBYTES_BLOCKS
from checkpoints.modules import MAX_METADATA_BYTES, Module, content, size
from core.errors import UserError
from core.strict_json import parse_object
from inspection.tensors import CHUNK_WEIGHTS, read_rows

NESTED_BLOCK = 256  # scales
OUTERMOST = {  # codes of the largest numbers; those of INT8 are counted from the lowest, -128
    "bitsandbytes-nf4": (0, 15), "bitsandbytes-fp4": (3, 11), "bitsandbytes-int8": (1, 255),
}  # fmt: skip


class Blocks:
    """A decompressor of a group of bitsandbytes' layers."""

    scheme = None  # rounds no activations here: those of LLM.int8() depend on their outliers

    def __init__(self, group: Group) -> None:
        self.bits = group.weights.bits

    def chunks(self, files: Checkpoint, module: Module) -> Iterator[tuple[int, Any]]:
        """(first row, state) of a layer: `weight`, a code each, and a scale for each of them."""
        shape = size(files, module, self.bits)
        assert shape is not None
        scales, block = _scales(files, module) if self.bits == 4 else (_rows(files, module), None)
        step = max(CHUNK_WEIGHTS // shape[1], 1) // 2 * 2 or 2
        for start in range(0, shape[0], step):
            stop = min(start + step, shape[0])
            yield start, self._state(files, module, scales, block, start, stop, shape[1])

    def _state(
        self, files: Checkpoint, module: Module, scales: Any, block: int | None, *place: int
    ) -> dict[str, Any]:
        import torch

        start, stop, columns = place
        weight = module.tensors["weight"]
        if block is None:
            codes = read_rows(files, weight, start, stop)
            return {"weight": codes, "scales": scales[start:stop, None]}
        first, last = start * columns, stop * columns
        if weight.dtype == "U8":
            packed = read_rows(files, weight, first // 2, (last + 1) // 2).flatten()
        else:  # bytes that are stored as another dtype
            packed = read_rows(files, weight).flatten().view(torch.uint8)
            packed = packed[first // 2 : (last + 1) // 2]
        codes = torch.stack([packed >> 4, packed & 15], 1).flatten()[: last - first]
        own = scales[torch.arange(first, last) // block]
        levels = read_rows(files, module.tensors["weight.quant_map"])
        shape = (stop - start, columns)
        return {"weight": codes.view(shape), "scales": own.view(shape), "levels": levels}

    def restore(self, state: dict[str, Any]) -> Any:
        """The weights of a state in 32 bits."""
        if "levels" in state:
            return state["levels"][state["weight"].int()] * state["scales"]
        return state["weight"].float() * state["scales"]


def _rows(files: Checkpoint, module: Module) -> Any:
    """Scales of rows: the largest number of each is 127."""
    return read_rows(files, module.tensors["SCB"]) / 127


def _scales(files: Checkpoint, module: Module) -> tuple[Any, int]:
    """All scales of a layer of 4 bits in 32 bits, and how many weights share one."""
    import torch

    state = next((t for s, t in module.tensors.items() if "quant_state" in s), None)
    if state is None or state.nbytes > MAX_METADATA_BYTES:
        raise UserError(f"{module.name} of {files.path} does not say how its weights are stored")
    said = parse_object(content(files, state), files.path / state.file, f"{state.name} ")
    block, offset = said.get("blocksize"), said.get("nested_offset", 0.0)
    if block not in BITSANDBYTES_BLOCKS or not isinstance(offset, int | float):
        raise UserError(f"{module.name} of {files.path}: blocks of {str(block)[:20]} weights")
    absmax = read_rows(files, module.tensors["weight.absmax"])
    if absmax.dtype != torch.uint8:
        return absmax.float(), block
    parts = [module.tensors.get(f"weight.nested_{name}") for name in ("quant_map", "absmax")]
    if None in parts:
        raise UserError(f"{module.name} of {files.path} lacks the scales of its scales")
    table, own = (read_rows(files, part) for part in parts if part is not None)
    place = torch.arange(len(absmax)) // NESTED_BLOCK
    return table[absmax.int()] * own[place] + offset, block
