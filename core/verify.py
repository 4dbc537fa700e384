"""Reopen a checkpoint that was just written and prove that it is what the scheme promises.

llmcompressor saves an uncompressed model without a word when a target's name is misspelt; a format
may store 4-bit weights one byte each. Both are found here, by name.
"""

from pathlib import Path

from core import checkpoint, formats
from core.checkpoint import Checkpoint, Tensor
from core.errors import UserError
from core.scheme import Scheme

BITS_TOLERANCE = 0.01  # relative; the layouts are exact, so this only allows for alignment


def verify(
    written: Path, scheme: Scheme, layers: dict[str, tuple[int, int]], dtype_bits: int = 16
) -> list[str]:
    """Findings about a compressed checkpoint, empty when it is as declared.

    `layers` maps every module that must be compressed to its (outputs, inputs); `dtype_bits` is the
    width of the base's weights.
    """
    try:
        found = checkpoint.read(written)
    except UserError as problem:
        return [str(problem)]
    if not found.quantization:
        return ["the checkpoint is not compressed: its config has no quantization_config"]
    if found.format != scheme.storage.format:
        return [f"declared as {found.format}, the scheme stores {scheme.storage.format}"]
    findings = [problem for layer in layers for problem in _layer(found, layer, scheme)]
    extra = sorted(set(_compressed(found)) - set(layers))
    findings += [f"{layer}: compressed although it should not be" for layer in extra]
    if scheme.kv_cache_bits and not any(t.name.endswith(".k_scale") for t in found.tensors):
        findings.append("no KV-cache scales are stored although the scheme calibrates them")
    if not findings:
        findings += _bits(found, layers, scheme, dtype_bits)
        findings += bad_scales(found)
    return findings


def _layer(found: Checkpoint, layer: str, scheme: Scheme) -> list[str]:
    expected = formats.WEIGHT_TENSORS[scheme.storage.format]
    problems = []
    for suffix, dtypes in expected.items():
        tensor = found.by_name.get(f"{layer}.{suffix}")
        if tensor is None:
            problems.append(f"{layer}: has no {suffix}")
        elif tensor.dtype not in dtypes:
            problems.append(f"{layer}: {suffix} is {tensor.dtype}, not {' or '.join(dtypes)}")
    if scheme.storage.zero_point_bits and f"{layer}.weight_zero_point" not in found.by_name:
        problems.append(f"{layer}: has no weight_zero_point although it is asymmetric")
    if "weight" not in expected and f"{layer}.weight" in found.by_name:
        problems.append(f"{layer}: still has its uncompressed weight")
    return problems


def _compressed(found: Checkpoint) -> list[str]:
    """Modules that carry a weight scale."""
    suffix = ".weight_scale"
    return [t.name.removesuffix(suffix) for t in found.tensors if t.name.endswith(suffix)]


def _bits(
    found: Checkpoint, layers: dict[str, tuple[int, int]], scheme: Scheme, dtype_bits: int
) -> list[str]:
    """Bits per weight on disk against what the scheme's layout must take."""
    weights = sum(rows * columns for rows, columns in layers.values())
    expected = sum(scheme.storage.bits(*shape, dtype_bits) for shape in layers.values()) / weights
    owned = [t for t in found.tensors if t.name.rpartition(".")[0] in layers]
    stored = sum(t.nbytes for t in owned if not t.name.endswith(".bias")) * 8 / weights
    if abs(stored / expected - 1) <= BITS_TOLERANCE:
        return []
    return [f"{stored:.3f} bits per weight on disk, the scheme should take {expected:.3f}"]


def bad_scales(found: Checkpoint) -> list[str]:
    """Scales that are NaN, infinite or zero; only the scale tensors are read."""
    from safetensors import safe_open

    problems = []
    for file in found.files:
        scales = [t for t in found.tensors if t.file == file.name and _is_scale(t)]
        with safe_open(file, framework="pt") as opened:
            for tensor in scales:
                problems += _judge(tensor, opened.get_tensor(tensor.name))
    return problems


def _is_scale(tensor: Tensor) -> bool:
    """Float scales; the exponents MXFP4 and MXFP8 store as U8 have no zero and no NaN to find."""
    return tensor.name.rpartition(".")[2] in formats.SCALES and tensor.dtype != "U8"


def _judge(tensor: Tensor, values: object) -> list[str]:
    import torch

    numbers = torch.as_tensor(values).float()
    for what, bad in (
        ("NaN", numbers.isnan()),
        ("infinite", numbers.isinf()),
        ("zero", numbers == 0),
    ):
        if bool(bad.any()):
            return [f"{tensor.name}: {int(bad.sum())} of {bad.numel()} scales are {what}"]
    return []
