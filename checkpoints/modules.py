"""The tensors of a checkpoint put together again as layers, compressed or not."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from checkpoints.checkpoint import EMBEDDING, Checkpoint
from checkpoints.headers import DTYPE_BITS, Tensor

# what only a compressed layer has
MARKS = frozenset({
    "weight_packed", "weight_scale", "weight_scale_inv", "weight_scale_2", "weight_shape",
    "weight_global_scale", "weight_zero_point", "weight_g_idx", "input_scale", "input_zero_point",
    "input_global_scale", "qweight", "qzeros", "scales", "g_idx", "blocks", "SCB",
    "weight.absmax", "weight.quant_map",
})  # fmt: skip
KV_SCALES = frozenset({"k_scale", "v_scale", "q_scale", "k_zero_point", "v_zero_point"})
PLAIN = ("BF16", "F16", "F32", "F64")
EXPERT_SUFFIXES = ("_blocks", "_scales", "_bias")
FUSED = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
MAX_METADATA_BYTES = 1 << 16  # bytes a tensor of metadata may have


@dataclass(slots=True)
class Module:
    """One layer: its tensors by suffix (`weight`, `weight_scale`, ...)."""

    name: str
    tensors: dict[str, Tensor] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The last part of its name that is no number: `q_proj`."""
        parts = [part for part in self.name.split(".") if not part.isdigit()]
        return parts[-1] if parts else self.name

    @property
    def nbytes(self) -> int:
        """Bytes of everything but the bias."""
        return sum(t.nbytes for suffix, t in self.tensors.items() if suffix != "bias")

    @property
    def compressed(self) -> bool:
        """Whether it holds what only compressed layers have."""
        weight = self.tensors.get("weight")
        odd = weight is not None and len(weight.shape) == 2 and weight.dtype not in PLAIN
        return odd or not MARKS.isdisjoint(self.tensors)

    @property
    def linear(self) -> bool:
        """Whether it is a linear layer as far as shapes and names tell."""
        if EMBEDDING.search(self.name + ".") or self.name.endswith("norm"):
            return False
        if not MARKS.isdisjoint(self.tensors):
            return True
        weight = self.tensors.get("weight")
        return weight is not None and len(weight.shape) == 2


def modules(checkpoint: Checkpoint) -> dict[str, Module]:
    """Every layer that owns a tensor, in the order of the files."""
    layers: dict[str, Module] = {}
    for tensor in checkpoint.tensors:
        name, suffix = _owner(tensor.name)
        layers.setdefault(name, Module(name)).tensors[suffix] = tensor
    return layers


def _owner(name: str) -> tuple[str, str]:
    """A tensor's layer and its name in there; bitsandbytes and gpt-oss have names of their own."""
    if ".weight." in name:
        owner, _, rest = name.partition(".weight.")
        return owner, f"weight.{rest}"
    owner, _, suffix = name.rpartition(".")
    if owner.endswith("experts"):
        for end in EXPERT_SUFFIXES:
            if suffix.endswith(end):
                return f"{owner}.{suffix.removesuffix(end)}", end[1:]
    return owner, suffix


def size(checkpoint: Checkpoint, module: Module, bits: int = 16) -> tuple[int, int] | None:
    """(outputs, inputs) of a layer; `bits` is the width of its weights as declared.

    None where its tensors do not tell (or contradict themselves so much that nothing can be said).
    """
    for suffix, reader in SIZES.items():
        tensor = module.tensors.get(suffix)
        if tensor is not None:
            shape: tuple[int, int] | None = reader(checkpoint, module, tensor, bits)
            if shape is None or (min(shape) > 0 and max(shape) < 1 << 40):
                return shape
    return None


def _packed(checkpoint: Checkpoint, module: Module, tensor: Tensor, bits: int) -> Any:
    if len(tensor.shape) != 2:
        return None
    rows, columns = tensor.shape
    if tensor.dtype == "U8":
        return rows, columns * 2
    stored = stored_shape(checkpoint, module)
    return stored or (rows, columns * 32 // bits)


def stored_shape(checkpoint: Checkpoint, module: Module) -> tuple[int, int] | None:
    """What `weight_shape` says, None where it is missing or no pair of sizes."""
    tensor = module.tensors.get("weight_shape")
    if tensor is None or tensor.shape != (2,) or tensor.dtype not in ("I64", "I32"):
        return None
    rows, columns = struct.unpack(
        "<2q" if tensor.dtype == "I64" else "<2i", content(checkpoint, tensor)
    )
    return (rows, columns) if rows > 0 and columns > 0 else None


def _weight(checkpoint: Checkpoint, module: Module, tensor: Tensor, bits: int) -> Any:
    state = next((t for s, t in module.tensors.items() if "quant_state" in s), None)
    if state is not None and state.nbytes <= MAX_METADATA_BYTES:
        return _quant_state(content(checkpoint, state))
    if len(tensor.shape) != 2:
        return None
    rows, columns = tensor.shape
    return (rows, columns * 2) if tensor.dtype == "U8" and bits == 4 else (rows, columns)


def _quant_state(text: bytes) -> tuple[int, int] | None:
    """bitsandbytes keeps the shape as JSON in a tensor of bytes."""
    try:
        rows, columns = json.loads(text)["shape"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    whole = type(rows) is int and type(columns) is int and rows > 0 and columns > 0
    return (rows, columns) if whole else None


def _transposed(checkpoint: Checkpoint, module: Module, tensor: Tensor, bits: int) -> Any:
    """GPTQ packs the inputs (its scales have the outputs), AWQ the outputs."""
    if len(tensor.shape) != 2:
        return None
    scales = module.tensors.get("scales")
    if scales is not None and len(scales.shape) == 2 and scales.shape[1] != tensor.shape[1]:
        return tensor.shape[1] * 32 // bits, tensor.shape[0]
    return tensor.shape[1], tensor.shape[0] * 32 // bits


def _experts(checkpoint: Checkpoint, module: Module, tensor: Tensor, bits: int) -> Any:
    if len(tensor.shape) != 4:
        return None
    experts, rows, blocks, width = tensor.shape
    return experts * rows, blocks * width * 2


SIZES = {
    "weight_packed": _packed,
    "qweight": _transposed,
    "blocks": _experts,
    "weight": _weight,
}


def content(checkpoint: Checkpoint, tensor: Tensor) -> bytes:
    """The bytes of one small tensor."""
    with (checkpoint.path / tensor.file).open("rb") as file:
        file.seek(tensor.begin)
        return file.read(tensor.nbytes)


def blocks(checkpoint: Checkpoint, tensor: Tensor, at_most: int = 4 << 20) -> Iterator[bytes]:
    """The bytes of a tensor, a few mebibytes at a time."""
    with (checkpoint.path / tensor.file).open("rb") as file:
        file.seek(tensor.begin)
        left = tensor.nbytes
        while left:
            block = file.read(min(left, at_most))
            if not block:
                return
            left -= len(block)
            yield block


def parameters(checkpoint: Checkpoint, module: Module, bits: int) -> int:
    """How many numbers a layer holds once decompressed, its bias included."""
    shape = size(checkpoint, module, bits) if module.compressed else None
    if shape is None:
        return sum(_count(t) for t in module.tensors.values())
    bias = module.tensors.get("bias")
    return shape[0] * shape[1] + (_count(bias) if bias else 0)


def _count(tensor: Tensor) -> int:
    return tensor.nbytes * 8 // DTYPE_BITS[tensor.dtype]
