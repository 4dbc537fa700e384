"""Which tensors a quantized linear layer consists of, with dtypes and shapes, in every format.

Sources: the compressors of compressed-tensors 0.19 (`compressors/*`), checked against checkpoints
of every scheme in the registry (tests/real); the loaders of vLLM 0.32 for what others write
(`quantization/auto_gptq.py`, `auto_awq.py`, `fp8.py`, `modelopt.py`, `mxfp4.py`), and
bitsandbytes' `QuantState`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from checkpoints.declared import Group, Numbers

FLOATS = ("BF16", "F16", "F32")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Rule:
    """What one tensor of a layer must be: one of the dtypes, one of the shapes (empty: any)."""

    dtypes: tuple[str, ...]
    shapes: tuple[Shape, ...] = ()
    required: bool = True


Rules = dict[str, Rule]
ONE: tuple[Shape, ...] = ((), (1,), (1, 1))
BITSANDBYTES_BLOCKS = (64, 32, 128, 256, 512, 1024, 2048, 4096)  # transformers writes 64


def rules(group: Group, rows: int, columns: int) -> Rules:
    """Tensor suffix to rule for a layer of `rows` x `columns` (outputs x inputs)."""
    tensors = LAYOUTS[group.format](group, rows, columns)
    return {**tensors, "bias": Rule((*FLOATS,), ((rows,),), required=False)}


def known(format_: str) -> bool:
    """Whether the storage format is one of those described here."""
    return format_ in LAYOUTS


def scale_shapes(weights: Numbers, rows: int, columns: int) -> tuple[Shape, ...]:
    """Shapes the scales of a weight may have."""
    if weights.strategy == "tensor":
        return ONE
    if weights.strategy == "channel":
        return ((rows, 1), (rows,))
    if weights.block:
        return ((math.ceil(rows / weights.block[0]), math.ceil(columns / weights.block[1])),)
    return ((rows, math.ceil(columns / (weights.group or columns))),)


def _activations(group: Group, static: str = "input_scale") -> Rules:
    """Scales of statically quantized activations; dynamic ones store nothing."""
    numbers = group.activations
    if numbers is None or numbers.dynamic:
        return {}
    tensors = {static: Rule(FLOATS, ONE if numbers.strategy == "tensor" else ())}
    if not numbers.symmetric:
        tensors["input_zero_point"] = Rule(("I8", "U8", "I32"), required=False)
    return tensors


def _plain(dtype: str, scales: tuple[str, ...]) -> Callable[[Group, int, int], Rules]:
    def layout(group: Group, rows: int, columns: int) -> Rules:
        shapes = scale_shapes(group.weights, rows, columns)
        tensors = {
            "weight": Rule((dtype,), ((rows, columns),)),
            "weight_scale": Rule(scales, shapes),
        }
        if not group.weights.symmetric:
            tensors["weight_zero_point"] = Rule(("I8", "F8_E4M3", *FLOATS), shapes)
        return {**tensors, **_activations(group)}

    return layout


def _naive(group: Group, rows: int, columns: int) -> Rules:
    dtype = "I8" if group.weights.kind == "int" else "F8_E4M3"
    return _plain(dtype, FLOATS)(group, rows, columns)


def _packed(group: Group, rows: int, columns: int) -> Rules:
    """32 weights of b bits in b words, along the inputs; zero points along the outputs."""
    bits, shapes = group.weights.bits, scale_shapes(group.weights, rows, columns)
    tensors = {
        "weight_packed": Rule(("I32",), ((rows, math.ceil(columns * bits / 32)),)),
        "weight_scale": Rule(FLOATS, shapes),
        "weight_shape": Rule(("I64", "I32"), ((2,),)),
        "weight_g_idx": Rule(("I32",), ((columns,),), required=False),
    }
    if not group.weights.symmetric:
        packed = tuple((math.ceil(rows * bits / 32), *shape[1:]) for shape in shapes)
        tensors["weight_zero_point"] = Rule(("I32", "I8"), (*packed, *shapes))
    return {**tensors, **_activations(group)}


def _nvfp4(group: Group, rows: int, columns: int) -> Rules:
    tensors = {
        "weight_packed": Rule(("U8",), ((rows, columns // 2),)),
        "weight_scale": Rule(("F8_E4M3",), scale_shapes(group.weights, rows, columns)),
        "weight_global_scale": Rule(("F32",), ONE),
    }
    return {**tensors, **_activations(group, "input_global_scale")}


def _mxfp4(group: Group, rows: int, columns: int) -> Rules:
    scales = Rule(("U8", "F8_E8M0"), scale_shapes(group.weights, rows, columns))
    return {"weight_packed": Rule(("U8",), ((rows, columns // 2),)), "weight_scale": scales}


def _gptq(group: Group, rows: int, columns: int) -> Rules:
    """Packed along the inputs, stored inputs x outputs."""
    bits = group.weights.bits
    groups = math.ceil(columns / (group.weights.group or columns))
    return {
        "qweight": Rule(("I32",), ((columns * bits // 32, rows),)),
        "scales": Rule(FLOATS, ((groups, rows),)),
        "qzeros": Rule(("I32",), ((groups, math.ceil(rows * bits / 32)),)),
        "g_idx": Rule(("I32",), ((columns,),), required=False),
    }


def _awq(group: Group, rows: int, columns: int) -> Rules:
    """Packed along the outputs, stored inputs x outputs."""
    bits = group.weights.bits
    groups = math.ceil(columns / (group.weights.group or columns))
    return {
        "qweight": Rule(("I32",), ((columns, rows * bits // 32),)),
        "scales": Rule(FLOATS, ((groups, rows),)),
        "qzeros": Rule(
            ("I32",), ((groups, rows * bits // 32),), required=not group.weights.symmetric
        ),
    }


def _fp8(group: Group, rows: int, columns: int) -> Rules:
    """DeepSeek's blocks call their scales inverse; per-tensor checkpoints do not."""
    shapes = scale_shapes(group.weights, rows, columns)
    name = "weight_scale_inv" if group.weights.block else "weight_scale"
    static = group.activations is not None and not group.activations.dynamic
    return {
        "weight": Rule(("F8_E4M3",), ((rows, columns),)),
        name: Rule((*FLOATS, "F8_E8M0"), shapes),
        "input_scale": Rule(FLOATS, ONE, required=static),
    }


def _modelopt_nvfp4(group: Group, rows: int, columns: int) -> Rules:
    return {
        "weight": Rule(("U8",), ((rows, columns // 2),)),
        "weight_scale": Rule(("F8_E4M3",), scale_shapes(group.weights, rows, columns)),
        "weight_scale_2": Rule(("F32",), ONE),
        "input_scale": Rule(("F32",), ONE, required=False),
    }


def _bitsandbytes_4bit(group: Group, rows: int, columns: int) -> Rules:
    """Two weights a byte in one column; scales of double quantization are bytes themselves."""
    kind = group.format.rpartition("-")[2]
    scales = [math.ceil(rows * columns / size) for size in BITSANDBYTES_BLOCKS]
    return {
        "weight": Rule(("U8", *FLOATS)),
        "weight.absmax": Rule(("F32", "U8"), tuple((n,) for n in scales)),
        "weight.quant_map": Rule(("F32",), ((16,),)),
        f"weight.quant_state.bitsandbytes__{kind}": Rule(("U8",)),
        "weight.nested_absmax": Rule(
            ("F32",), tuple((math.ceil(n / 256),) for n in scales), required=False
        ),
        "weight.nested_quant_map": Rule(("F32",), ((256,),), required=False),
    }


def _llm_int8(group: Group, rows: int, columns: int) -> Rules:
    return {
        "weight": Rule(("I8",), ((rows, columns),)),
        "SCB": Rule(("F32",), ((rows,),)),
        "weight_format": Rule(("U8",), required=False),
    }


def _experts_mxfp4(group: Group, rows: int, columns: int) -> Rules:
    return {"blocks": Rule(("U8",)), "scales": Rule(("U8",))}


LAYOUTS: dict[str, Callable[[Group, int, int], Rules]] = {
    "pack-quantized": _packed,
    "int-quantized": _plain("I8", FLOATS),
    "float-quantized": _plain("F8_E4M3", FLOATS),
    "naive-quantized": _naive,
    "nvfp4-pack-quantized": _nvfp4,
    "mxfp4-pack-quantized": _mxfp4,
    "mxfp8-quantized": _plain("F8_E4M3", ("U8", "F8_E8M0")),
    "gptq": _gptq,
    "awq": _awq,
    "fp8": _fp8,
    "modelopt-fp8": _plain("F8_E4M3", FLOATS),
    "modelopt-nvfp4": _modelopt_nvfp4,
    "bitsandbytes-nf4": _bitsandbytes_4bit,
    "bitsandbytes-fp4": _bitsandbytes_4bit,
    "bitsandbytes-int8": _llm_int8,
    "mxfp4": _experts_mxfp4,
}
