"""How far the weights of a checkpoint are from the base's, layer by layer.

With a base's weights w and the checkpoint's v, the relative error is ||w - v|| / ||w||, the SQNR
20 log10 of its inverse, the cosine that of the angle between them. `unused_levels` is the share of
the format's levels that no weight has, `saturated` the share of weights on the outermost levels.
One chunk of rows is in memory at a time.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from checkpoints import models
from checkpoints.checkpoint import Checkpoint
from checkpoints.declared import Group
from checkpoints.headers import Tensor
from checkpoints.modules import Module, size
from checkpoints.truth import Layers
from core import plugins
from core.cli import Tell
from core.errors import UserError
from inspection import decompress
from inspection.blocks import OUTERMOST, Blocks
from inspection.decompress import Codec
from inspection.tensors import read_rows

NORM_TOLERANCE = 0.01  # relative; a norm converted from FP32 to BF16 differs by less
FP8_LEVELS, FP8_TOP = 253, (0x7E, 0xFE)  # E4M3: 256 codes less two NaN and a second zero
FP4_LEVELS, FP4_TOP = 15, (7, 15)


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """One layer against the base's; shares are of 1. `sqnr_db` is None where they are equal."""

    module: str
    weights: int
    relative_error: float
    sqnr_db: float | None
    cosine: float
    unused_levels: float
    saturated: float


@dataclass(frozen=True, kw_only=True)
class WeightErrors:
    """Layers against the base (as named), worst first.

    There are none where `folded` says why weights cannot be compared one by one.
    """

    base: str
    folded: str | None
    layers: list[LayerError]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def compare(layers: Layers, base: Checkpoint, progress: Tell) -> list[LayerError]:
    """Every compressed layer against the base, worst first. Raises `UserError` where it cannot."""
    codecs = decompress.codecs(layers)
    compressed = [
        (module, group)
        for module in layers.modules.values()
        if module.compressed and (group := layers.group_of(module)) is not None
    ]
    errors = []
    for number, (module, group) in enumerate(compressed):
        progress(module.name, number, len(compressed))
        errors.append(layer_error(layers, base, module, group, codecs[group]))
    return sorted(errors, key=lambda layer: -layer.relative_error)


def layer_error(
    layers: Layers, base: Checkpoint, module: Module, group: Group, codec: Codec | Blocks
) -> LayerError:
    """One compressed layer against the base's. Raises `UserError` where the base has no such."""
    original = _original(layers, base, module, group)
    import torch

    sums = torch.zeros(4, dtype=torch.float64)  # of w², v², wv, (w-v)²
    counts = torch.zeros(256, dtype=torch.int64)
    for start, state in decompress.chunks(layers, module, group, codec):
        restored = codec.restore(state)
        rows = read_rows(base, original, start, start + len(restored)).float()
        sums += _sums(rows, restored)
        counts += _code_counts(state, group)
    unused, saturated = _level_shares(counts, group)
    w2, v2, product, error2 = (float(n) for n in sums)
    return LayerError(
        module=module.name,
        weights=math.prod(original.shape),
        relative_error=math.sqrt(error2 / w2) if w2 else float(error2 > 0),
        sqnr_db=10 * math.log10(w2 / error2) if w2 and error2 else None,
        cosine=product / math.sqrt(w2 * v2) if w2 and v2 else 0.0,
        unused_levels=unused,
        saturated=saturated,
    )


def _original(layers: Layers, base: Checkpoint, module: Module, group: Group) -> Tensor:
    """The base's weight of a layer, of the same shape."""
    original = base.by_name.get(f"{module.name}.weight")
    if original is None:
        raise UserError(f"{base.path} has no {module.name}: it is not the base of this checkpoint")
    shape = size(layers.checkpoint, module, group.weights.bits)
    if shape is None or original.shape != shape:
        sizes = f"{list(shape or ())} and {list(original.shape)}"
        raise UserError(f"{module.name} has another shape than the base's: {sizes}")
    return original


def _sums(original: Any, restored: Any) -> Any:
    """Sums over two matrices w and v: w², v², wv and (w-v)², in 64 bits."""
    import torch

    pairs = ((original, original), (restored, restored), (original, restored))
    products = [(a * b).sum(dtype=torch.float64) for a, b in pairs]
    return torch.stack([*products, (original - restored).square().sum(dtype=torch.float64)])


def _code_counts(state: dict[str, Any], group: Group) -> Any:
    """How often each code is stored; integers counted from the lowest level."""
    import torch

    bits = group.weights.bits
    if "weight_packed" in state and state["weight_packed"].dtype == torch.int32:
        from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32

        codes = unpack_from_int32(state["weight_packed"], bits, state["weight_shape"])
        codes = codes.int() + (1 << (bits - 1))
    elif "weight_packed" in state:
        packed = state["weight_packed"].int()
        codes = torch.stack([packed & 15, packed >> 4])
    elif group.weights.kind == "int":
        codes = state["weight"].int() + (1 << (bits - 1))
    elif bits == 4:
        codes = state["weight"].int()
    else:
        codes = state["weight"].view(torch.uint8).int()
    return torch.bincount(codes.flatten().clamp(0, 255), minlength=256)


def _level_shares(counts: Any, group: Group) -> tuple[float, float]:
    """Share of levels never used, and of weights on the outermost levels."""
    total = max(int(counts.sum()), 1)
    if group.weights.kind != "float":
        levels, top = 1 << group.weights.bits, (0, (1 << group.weights.bits) - 1)
        used = int((counts > 0).sum())
    else:
        four = group.weights.bits == 4
        levels, top = (FP4_LEVELS, FP4_TOP) if four else (FP8_LEVELS, FP8_TOP)
        zeros = int(counts[0] > 0) + int(counts[8 if four else 0x80] > 0)
        used = int((counts > 0).sum()) - (zeros == 2)
    outermost = OUTERMOST.get(group.format, top)
    return 1 - used / levels, sum(int(counts[code]) for code in outermost) / total


@dataclass(frozen=True)
class Folded:
    """Why weights cannot be compared one by one.

    `rotated` models have nothing inside that equals the base's; only their answers can be compared.
    """

    reason: str
    rotated: bool


def folded(layers: Layers, base: Checkpoint) -> Folded | None:
    """Whether a method moved scales or rotations into neighbouring layers; None: it did not.

    SmoothQuant and AWQ divide a norm's weights by what they multiply the next layer's inputs with;
    rotations change the embedding too, and then nothing inside the model can be compared.
    """
    norm = None
    for tensor in layers.checkpoint.tensors:
        original = base.by_name.get(tensor.name)
        table = tensor.name.endswith(("embed_tokens.weight", "wte.weight"))
        vector = len(tensor.shape) == 1 and tensor.name.endswith(".weight")
        if original is None or original.shape != tensor.shape or not (vector or table):
            continue
        if _differ(layers.checkpoint, tensor, base, original):
            if table:
                return Folded(f"{tensor.name} differs from the base's: it was rotated", True)
            norm = norm or f"{tensor.name} differs from the base's: scales were folded into it"
    return Folded(norm, False) if norm else _folded_by_scheme(layers)


def _folded_by_scheme(layers: Layers) -> Folded | None:
    """Whether `compression.json` names a scheme that moves scales.

    No norm shows it where they move between linear layers alone (AWQ on OLMo-2).
    """
    identity = models.identify(str(layers.checkpoint.path))
    if not identity.ours or not plugins.load("schemes", identity.scheme).folds_scales:
        return None
    return Folded(f"{identity.scheme} moves scales between layers", False)


def _differ(checkpoint: Checkpoint, tensor: Tensor, base: Checkpoint, original: Tensor) -> bool:
    """Whether the first numbers of two tensors differ by more than a change of dtype explains."""
    rows = 4096 if len(tensor.shape) == 1 else 16
    stored = read_rows(checkpoint, tensor, 0, rows).float()
    expected = read_rows(base, original, 0, rows).float()
    return bool((stored - expected).abs().max() > NORM_TOLERANCE * expected.abs().max())
