"""Reopen a checkpoint that was just written and prove that it is what the scheme promises.

llmcompressor saves an uncompressed model without a word when a target's name is misspelt; a format
may store 4-bit weights one byte each. Both are found here, by name.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, truth
from checkpoints.checkpoint import Checkpoint
from checkpoints.declared import Group
from checkpoints.headers import TORCH_FLOATS
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
        reopened = checkpoint.read(written)
        if scheme.dtype is not None:
            return list(_dense(reopened, scheme.dtype, layers))
        if not reopened.quantization:
            return ["the checkpoint is not compressed: its config has no quantization_config"]
        stored = truth.layers(reopened)
        declared = stored.declared.format if stored.declared else "dense"
        if declared != scheme.storage.format:
            return [f"declared as {declared}, the scheme stores {scheme.storage.format}"]
        findings = [str(finding) for finding in truth.examine(stored, layers)]
    except UserError as problem:
        return [str(problem)]
    compressed = {name for name, module in stored.modules.items() if module.compressed}
    named = {str(finding).partition(":")[0] for finding in findings}
    findings += [f"{layer}: not compressed" for layer in sorted(set(layers) - compressed - named)]
    extra = sorted(compressed - set(layers) - named)
    findings += [f"{layer}: compressed although it should not be" for layer in extra]
    if scheme.kv_cache_bits and (stored.declared is None or stored.declared.kv_cache is None):
        findings.append("no KV-cache scales are declared although the scheme calibrates them")
    findings += _numbers(stored, scheme)
    return findings or _bits(stored, layers, scheme, dtype_bits)


def _dense(reopened: Checkpoint, dtype: str, layers: Iterable[str]) -> Iterator[str]:
    """Findings about a checkpoint whose numbers should all be of one dtype."""
    if reopened.quantization:
        yield f"declared as {reopened.format}, the scheme only changes the dtype"
    for tensor in reopened.tensors:
        kind = TORCH_FLOATS.get(tensor.dtype, dtype)
        if kind != dtype:
            yield f"{tensor.name}: stored as {kind}, not {dtype}"
    declared = reopened.config.get("dtype", reopened.config.get("torch_dtype"))
    if declared != dtype:
        yield f"the config says {declared}, not {dtype}"
    for layer in layers:
        if f"{layer}.weight" not in reopened.by_name:
            yield f"{layer}: the base has this layer, the checkpoint has not"


def cast(written: Path, base: Path, dtype: str) -> list[str]:
    """Findings about the values of a checkpoint that should be its base's in another dtype."""
    import torch
    from safetensors import safe_open

    original, findings = checkpoint.read(base), []
    wanted = getattr(torch, dtype)
    for file in original.files:
        with (
            safe_open(file, framework="pt") as ours,
            safe_open(written / file.name, framework="pt") as theirs,
        ):
            for name in ours.keys():  # noqa: SIM118
                value, stored = ours.get_tensor(name), theirs.get_tensor(name)
                value = value.to(wanted) if value.is_floating_point() else value
                if value.shape != stored.shape or not _bits_of(value).equal(_bits_of(stored)):
                    findings.append(f"{name}: its values are not the base's in {dtype}")
    return findings


def _bits_of(tensor: Any) -> Any:
    """A tensor's bytes: NaN equals nothing, itself included, as a number."""
    import torch

    return tensor.flatten().view(torch.uint8)


def _numbers(stored: truth.Layers, scheme: Scheme) -> Iterator[str]:
    """Where the declared number formats are not those the scheme's file states.

    The sizes on disk do not show all of it: zero points of groups of 128 are 0.03 bits a weight.
    """
    promised = _promised(scheme)
    for group in stored.declared.groups if stored.declared else ():
        for what, declared in _declared(group).items():
            if declared != promised[what]:
                yield f"{what}: the checkpoint declares {declared}, the scheme {promised[what]}"


def _promised(scheme: Scheme) -> dict[str, str]:
    activations = scheme.activations
    kind = activations and f"{activations.kind}{activations.bits}"
    return {
        "weight bits": str(scheme.weight_bits),
        "scales": scheme.storage.shared,
        "zero points": "yes" if scheme.storage.zero_point_bits else "no",
        "activations": kind or "16-bit",
        "activation scales": "static" if activations and activations.static else "dynamic",
    }


def _declared(group: Group) -> dict[str, str]:
    """The same of a checkpoint. Scales of groups of activations are never stored (NVFP4's)."""
    weights, activations = group.weights, group.activations
    static = activations and not activations.dynamic and activations.group is None
    return {
        "weight bits": str(weights.bits),
        "scales": weights.shared,
        "zero points": "no" if weights.symmetric else "yes",
        "activations": f"{activations.kind}{activations.bits}" if activations else "16-bit",
        "activation scales": "static" if static else "dynamic",
    }


def _bits(
    stored: truth.Layers, layers: dict[str, tuple[int, int]], scheme: Scheme, dtype_bits: int
) -> list[str]:
    """Bits per weight on disk against what the scheme's layout must take."""
    weights = sum(rows * columns for rows, columns in layers.values())
    expected = sum(scheme.storage.bits(*shape, dtype_bits) for shape in layers.values()) / weights
    bits_stored = sum(stored.modules[layer].nbytes for layer in layers) * 8 / weights
    if abs(bits_stored / expected - 1) <= BITS_TOLERANCE:
        return []
    return [f"{bits_stored:.3f} bits per weight on disk, the scheme should take {expected:.3f}"]
