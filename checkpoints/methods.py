"""Reads what a checkpoint declares, by the method that compressed it.

From plain JSON, without the libraries that define it: compressed-tensors in all its formats, GPTQ,
AWQ, FP8 (DeepSeek's blocks, FBGEMM), bitsandbytes, ModelOpt and gpt-oss's MXFP4.
"""

from typing import Any

from checkpoints.checkpoint import Checkpoint
from checkpoints.declared import Declaration, Group, Numbers
from core.strict_json import Damaged


def declaration(checkpoint: Checkpoint) -> Declaration | None:
    """What the checkpoint declares, None for an uncompressed one.

    Raises `Damaged` for a declaration of the wrong shape.
    """
    declared = checkpoint.quantization
    if declared is None:
        return None
    method = _text(declared, "quant_method", "compressed-tensors").replace("_", "-")
    reader = READERS.get(method)
    try:
        if reader is None:
            return Declaration(method=method, format=method, understood=False)
        return reader(declared)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise Damaged(
            f"{checkpoint.path / 'config.json'}: quantization_config is not what {method[:50]!r} "
            f"writes ({type(problem).__name__}: {str(problem)[:100]})"
        ) from problem


def _text(declared: dict[str, Any], key: str, default: str) -> str:
    value = declared.get(key)
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > 100:
        raise Damaged(f"quantization_config: {key} is {str(value)[:50]!r}, not a name")
    return value


def _names(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TypeError("a list of names is not one")
    return tuple(value)


def _bits(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= 16:
        raise ValueError(f"{str(value)[:20]!r} bits")
    return value


def _size(value: Any) -> int | None:
    """A group size; None for the whole row (-1, 0 or absent)."""
    if value is None:
        return None
    if type(value) is not int or not -1 <= value <= 1 << 20:
        raise ValueError(f"a group of {str(value)[:20]!r}")
    return value if value > 0 else None


def _pair(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    rows, columns = (_size(n) for n in value)
    if rows is None or columns is None:
        raise ValueError("a block of nothing")
    return rows, columns


def _numbers(given: Any) -> Numbers | None:
    """compressed-tensors' `QuantizationArgs`; its defaults are in its own quant_args.py."""
    if given is None:
        return None
    group, block = _size(given.get("group_size")), _pair(given.get("block_structure"))
    guessed = "group" if group else "channel" if given.get("group_size") == -1 else "tensor"
    kind = str(given.get("type") or "int").lower()
    if kind not in ("int", "float"):
        raise ValueError(f"the type {kind[:20]!r}")
    strategy = str(given.get("strategy") or guessed)
    if (strategy in ("group", "tensor_group")) != bool(group) or (strategy == "block") != bool(
        block
    ):
        raise ValueError(f"strategy {strategy[:20]!r} without its size, or a size without strategy")
    return Numbers(
        bits=_bits(given.get("num_bits", 8)),
        kind="int" if kind == "int" else "float",
        strategy=strategy,
        group=group,
        block=block,
        symmetric=bool(given.get("symmetric", True)),
        dynamic=bool(given.get("dynamic")) and given.get("dynamic") != "local",
    )


def _compressed_tensors(declared: dict[str, Any]) -> Declaration:
    overall = _text(declared, "format", "dense")
    groups = []
    for given in declared["config_groups"].values():
        weights = _numbers(given.get("weights"))
        if weights is not None:
            groups.append(
                Group(
                    format=_text(given, "format", overall),
                    weights=weights,
                    activations=_numbers(given.get("input_activations")),
                    targets=_names(given["targets"]),
                )
            )
    return Declaration(
        method="compressed-tensors",
        format=overall,
        groups=tuple(groups),
        ignore=_names(declared.get("ignore")),
        kv_cache=_numbers(declared.get("kv_cache_scheme")),
    )


def _grouped(bits: Any, group: Any, symmetric: Any) -> Numbers:
    size = _size(group)
    return Numbers(
        bits=_bits(bits),
        strategy="group" if size else "channel",
        group=size,
        symmetric=bool(symmetric),
    )


def _gptq(declared: dict[str, Any]) -> Declaration:
    weights = _grouped(declared["bits"], declared.get("group_size"), declared.get("sym", True))
    spared = () if declared.get("lm_head") else ("lm_head",)
    return Declaration(
        method="gptq",
        format="gptq",
        groups=(Group(format="gptq", weights=weights),),
        ignore=spared,
        understood=not declared.get("dynamic"),
    )


def _awq(declared: dict[str, Any]) -> Declaration:
    bits = declared.get("bits", declared.get("w_bit"))
    size = declared.get("group_size", declared.get("q_group_size"))
    weights = _grouped(bits, size, not declared.get("zero_point", True))
    return Declaration(
        method="awq",
        format="awq",
        groups=(Group(format="awq", weights=weights),),
        ignore=("lm_head",),
        spared=_names(declared.get("modules_to_not_convert")),
    )


def _fp8(declared: dict[str, Any]) -> Declaration:
    block = _pair(declared.get("weight_block_size"))
    dynamic = declared.get("activation_scheme", "dynamic") != "static"
    weights = Numbers(bits=8, kind="float", strategy="block" if block else "tensor", block=block)
    activations = Numbers(bits=8, kind="float", strategy="token", dynamic=dynamic)
    spared = declared.get("modules_to_not_convert") or declared.get("ignored_layers")
    group = Group(format="fp8", weights=weights, activations=activations)
    return Declaration(
        method="fp8", format="fp8", groups=(group,), ignore=("lm_head",), spared=_names(spared)
    )


def _fbgemm_fp8(declared: dict[str, Any]) -> Declaration:
    weights = Numbers(bits=8, kind="float", strategy="channel")
    activations = Numbers(bits=8, kind="float", strategy="token", dynamic=True)
    group = Group(format="float-quantized", weights=weights, activations=activations)
    spared = _names(declared.get("modules_to_not_convert"))
    return Declaration(
        method="fbgemm-fp8",
        format="fbgemm-fp8",
        groups=(group,),
        ignore=("lm_head",),
        spared=spared,
    )


def _bitsandbytes(declared: dict[str, Any]) -> Declaration:
    """Blocks of 64 weights, which is not declared; in 8 bits activations are rounded as well."""
    if declared.get("load_in_4bit"):
        kind = _text(declared, "bnb_4bit_quant_type", "fp4")
        weights = Numbers(
            bits=4, kind="normal" if kind == "nf4" else "float", strategy="group", group=64
        )
        group = Group(format=f"bitsandbytes-{kind}", weights=weights)
    else:
        weights = Numbers(bits=8, strategy="channel")
        rounded = Numbers(bits=8, strategy="token", dynamic=True)
        group = Group(format="bitsandbytes-int8", weights=weights, activations=rounded)
    return Declaration(
        method="bitsandbytes",
        format=group.format,
        groups=(group,),
        ignore=("lm_head",),
        spared=_names(declared.get("llm_int8_skip_modules")),
    )


def _modelopt(declared: dict[str, Any]) -> Declaration:
    algorithm = _text(declared, "quant_algo", "")
    spared = _names(declared.get("exclude_modules") or declared.get("ignore"))
    ignore = tuple("re:" + name.replace(".", r"\.").replace("*", ".*") + "$" for name in spared)
    eight = Numbers(bits=8, kind="float")
    four = Numbers(bits=4, kind="float", strategy="tensor_group", group=16)
    known = {
        "FP8": Group(format="modelopt-fp8", weights=eight, activations=eight),
        "NVFP4": Group(format="modelopt-nvfp4", weights=four, activations=four),
    }
    group = known.get(algorithm)
    return Declaration(
        method="modelopt",
        format=group.format if group else f"modelopt {algorithm}",
        groups=(group,) if group else (),
        ignore=ignore,
        understood=group is not None,
    )


def _mxfp4(declared: dict[str, Any]) -> Declaration:
    weights = Numbers(bits=4, kind="float", strategy="group", group=32)
    group = Group(format="mxfp4", weights=weights, targets=("re:.*experts.*",))
    spared = _names(declared.get("modules_to_not_convert"))
    return Declaration(
        method="mxfp4",
        format="mxfp4",
        groups=(group,),
        spared=tuple(name.replace(".*", "") for name in spared if ".*" not in name),
    )


READERS = {
    "compressed-tensors": _compressed_tensors,
    "gptq": _gptq,
    "awq": _awq,
    "fp8": _fp8,
    "fbgemm-fp8": _fbgemm_fp8,
    "bitsandbytes": _bitsandbytes,
    "modelopt": _modelopt,
    "mxfp4": _mxfp4,
}
