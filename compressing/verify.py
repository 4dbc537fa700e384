"""Reopen a checkpoint that was just written and prove that it is what the scheme promises.

llmcompressor saves an uncompressed model without a word when a target's name is misspelt; a format
may store 4-bit weights one byte each. Both are found here, by name.
"""

from collections.abc import Iterator
from pathlib import Path

from checkpoints import checkpoint, truth
from checkpoints.declared import Group
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
        if not reopened.quantization:
            return ["the checkpoint is not compressed: its config has no quantization_config"]
        if reopened.format != scheme.storage.format:
            return [f"declared as {reopened.format}, the scheme stores {scheme.storage.format}"]
        stored = truth.layers(reopened)
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
