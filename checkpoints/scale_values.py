"""What is wrong with the scales and zero points of a checkpoint: only those tensors are read.

Values are judged by their bits, a few mebibytes at a time, so nothing is converted and every dtype
is treated alike. Negative scales are no fault: AutoRound uses them for the longer side of INT4.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from checkpoints.checkpoint import Checkpoint
from checkpoints.headers import Tensor
from checkpoints.modules import blocks

SCALES = frozenset({
    "weight_scale", "weight_global_scale", "input_scale", "input_global_scale", "k_scale",
    "v_scale", "q_scale", "weight_scale_inv", "weight_scale_2", "scales", "SCB", "weight.absmax",
    "weight.nested_absmax",
})  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """A float's bits: how wide, its exponent and mantissa, which pattern is NaN or infinite."""

    view: str
    exponent: int
    mantissa: int
    infinite: bool = True  # an exponent of ones: infinite (mantissa 0) or NaN


FLOATS = {
    "BF16": Layout("<u2", 0x7F80, 0x007F),
    "F16": Layout("<u2", 0x7C00, 0x03FF),
    "F32": Layout("<u4", 0x7F800000, 0x007FFFFF),
    "F64": Layout("<u8", 0x7FF << 52, (1 << 52) - 1),
    "F8_E5M2": Layout("u1", 0x7C, 0x03),
    "F8_E4M3": Layout("u1", 0x78, 0x07, infinite=False),
}
# dtypes whose denormals are reported; in F8 they are ordinary values
DENORMALS = ("BF16", "F32", "F64", "F16")


def is_scale(suffix: str) -> bool:
    """Whether a tensor of this name in its layer holds scales."""
    return suffix in SCALES


def bad_scales(checkpoint: Checkpoint, tensor: Tensor) -> list[tuple[str, int]]:
    """What is wrong with a tensor of scales and how many values have it; nothing: empty."""
    counts: dict[str, int] = {}
    for block in blocks(checkpoint, tensor):
        for what, count in _judge(tensor.dtype, block):
            if count:
                counts[what] = counts.get(what, 0) + count
    return list(counts.items())


def _judge(dtype: str, block: bytes) -> Iterable[tuple[str, int]]:
    import numpy

    if dtype in ("U8", "F8_E8M0"):  # a power of two: 255 is NaN, and there is no zero
        return [("NaN", int((numpy.frombuffer(block, "u1") == 255).sum()))]
    layout = FLOATS.get(dtype)
    if layout is None:
        return []
    bits = numpy.frombuffer(block, layout.view)
    exponent, mantissa = bits & layout.exponent, bits & layout.mantissa
    ones = exponent == layout.exponent
    nan = ones & (mantissa != 0) if layout.infinite else ones & (mantissa == layout.mantissa)
    zero = (exponent == 0) & (mantissa == 0)
    small = (exponent == 0) & (mantissa != 0) if dtype in DENORMALS else zero & False
    return [
        ("NaN", _sum(nan)),
        ("infinite", _sum(ones & (mantissa == 0)) if layout.infinite else 0),
        ("zero", _sum(zero)),
        ("denormal", _sum(small)),
    ]


def _sum(where: Any) -> int:
    return int(where.sum())


def zero_points_outside(checkpoint: Checkpoint, tensor: Tensor, bits: int) -> int:
    """How many zero points of one byte each lie outside what signed `bits` can hold."""
    import numpy

    if tensor.dtype != "I8" or bits >= 8:
        return 0  # packed ones cannot
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return sum(
        _sum((numpy.frombuffer(block, "i1") < low) | (numpy.frombuffer(block, "i1") > high))
        for block in blocks(checkpoint, tensor)
    )
