"""Declared against actual: is every layer of a checkpoint stored as its config says?

`examine` reads headers, scales and zero points; weights themselves stay on disk. No finding means
that what was looked at is as declared; it does not say that the weights are any good.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from checkpoints import consistency, layouts, scale_values
from checkpoints.checkpoint import Checkpoint
from checkpoints.consistency import HEADS, Finding
from checkpoints.declared import Declaration, Group
from checkpoints.headers import Tensor
from checkpoints.methods import declaration
from checkpoints.modules import FUSED, KV_SCALES, MARKS, PLAIN, Module, modules, size, stored_shape


class Layers(NamedTuple):
    """A checkpoint's layers and what is declared about them."""

    checkpoint: Checkpoint
    declared: Declaration | None
    modules: dict[str, Module]

    def group_of(self, module: Module) -> Group | None:
        """What a layer is declared as; None where it should be left as it is."""
        if self.declared is None or not module.linear:
            return None
        if self.checkpoint.conv1d and module.kind not in HEADS:
            return None  # `Linear` does not mean layers
        return self.declared.group_of(module.name)

    def bits_of(self, module: Module) -> int:
        """Declared width of a layer's weights, 16 where none is declared."""
        group = self.group_of(module)
        return group.weights.bits if group else 16


def layers(checkpoint: Checkpoint) -> Layers:
    """Put a checkpoint's layers and its declaration together. Raises `UserError` for a bad one."""
    return Layers(checkpoint, declaration(checkpoint), modules(checkpoint))


def examine(layers: Layers, base: dict[str, tuple[int, int]] | None = None) -> list[Finding]:
    """Everything that is not as declared.

    `base` maps the base's linear layers to (outputs, inputs): with it shapes are checked as well.
    """
    sizes = base or {}
    findings = [
        *consistency.index(layers.checkpoint),
        *consistency.complete(layers.checkpoint, layers.modules),
        *_undeclared(layers),
        *_targets(layers),
        *(f for module in layers.modules.values() for f in _module(layers, module, sizes)),
        *_vectors(layers),
        *_fused(layers),
        *_kv_cache(layers),
        *consistency.tied(layers.checkpoint),
    ]
    known = layers.modules.keys() | {finding.module for finding in findings}
    missing = [n for n in sizes if n not in known and n.rpartition(".")[2] not in HEADS]
    return findings + [
        Finding("missing", name, "the base has this layer, the checkpoint has not")
        for name in missing
    ]


def _undeclared(layers: Layers) -> Iterator[Finding]:
    declared = layers.declared
    if declared is None or not declared.understood:
        return
    if not declared.groups and declared.kv_cache is None:
        yield Finding("declaration", "", "declared as quantized, but no group of layers is")
    for group in declared.groups:
        if not layouts.known(group.format):
            yield Finding(
                "declaration", "", f"{group.words} in {group.format[:50]!r}, an unknown format"
            )


def _targets(layers: Layers) -> Iterator[Finding]:
    if layers.declared is None:
        return
    names = [name for name, module in layers.modules.items() if module.linear]
    for target in layers.declared.idle_targets(names):
        yield Finding("declaration", "", f"the target {target[:100]!r} matches no layer")


def _module(layers: Layers, module: Module, sizes: dict[str, tuple[int, int]]) -> Iterator[Finding]:
    declared = layers.declared
    if declared is not None and not declared.understood:
        return
    group = layers.group_of(module)
    if group is None:
        yield from _spared(layers, module)
    elif layouts.known(group.format):
        yield from _stored(layers.checkpoint, module, group, sizes.get(module.name))


def _spared(layers: Layers, module: Module) -> Iterator[Finding]:
    """A layer that should be as it was; the scales of a KV cache belong to the attention."""
    if not module.linear and MARKS.isdisjoint(module.tensors):
        stray = KV_SCALES & module.tensors.keys()
        if stray and (layers.declared is None or layers.declared.kv_cache is None):
            yield Finding("orphan", module.name, f"has {sorted(stray)[0]}, no KV cache is declared")
    elif module.compressed:
        why = (
            "no quantization is declared" if layers.declared is None else "it should be left as is"
        )
        marks = sorted(MARKS & module.tensors.keys())
        dtype = module.tensors["weight"].dtype if "weight" in module.tensors else "packed"
        has = f" with {', '.join(marks)}" if marks else ""
        yield Finding("not ignored", module.name, f"stored as {dtype}{has} although {why}")


def _stored(
    checkpoint: Checkpoint, module: Module, group: Group, base: tuple[int, int] | None
) -> Iterator[Finding]:
    """A layer that should be quantized: whether it is, tensor by tensor."""
    if not module.compressed:
        dtype = module.tensors["weight"].dtype
        yield Finding("unquantized", module.name, f"stored as {dtype}, declared {group.words}")
        return
    actual = size(checkpoint, module, group.weights.bits)
    shape = base or actual
    if shape is None:
        yield Finding("shape", module.name, f"its tensors do not tell its size ({group.format})")
        return
    rules = layouts.rules(group, *shape)
    for suffix, rule in rules.items():
        tensor = module.tensors.get(suffix)
        if tensor is not None:
            yield from _tensor(module, suffix, tensor, rule)
        elif rule.required:
            yield Finding("missing", module.name, f"has no {suffix}")
    for suffix in module.tensors.keys() - rules.keys():
        what = (
            "still has its uncompressed weight" if suffix == "weight" else f"has a stray {suffix}"
        )
        yield Finding("orphan", module.name, f"{what} ({group.format} has none)")
    if actual is not None and base is not None and actual != base:
        sizes = f"{list(actual)}, the base's {list(base)}"
        yield Finding("shape", module.name, f"outputs x inputs are {sizes}")
    yield from _weight_shape(checkpoint, module, shape)
    yield from _values(checkpoint, module, group)


def _tensor(module: Module, suffix: str, tensor: Tensor, rule: layouts.Rule) -> Iterator[Finding]:
    if tensor.dtype not in rule.dtypes:
        wanted = " or ".join(rule.dtypes)
        yield Finding("dtype", module.name, f"{suffix} is {tensor.dtype}, not {wanted}")
    if rule.shapes and tensor.shape not in rule.shapes:
        wanted = " or ".join(str(list(shape)) for shape in rule.shapes)
        yield Finding("shape", module.name, f"{suffix} is {list(tensor.shape)}, not {wanted}")


def _weight_shape(
    checkpoint: Checkpoint, module: Module, shape: tuple[int, int]
) -> Iterator[Finding]:
    tensor, packed = module.tensors.get("weight_shape"), module.tensors.get("weight_packed")
    if tensor is None or packed is None:
        return
    stored = stored_shape(checkpoint, module)
    if (
        stored is None
        or (len(packed.shape) == 2 and stored[0] != packed.shape[0])
        or stored != shape
    ):
        says = list(stored) if stored else "no pair of sizes"
        yield Finding("shape", module.name, f"weight_shape says {says}, the tensors say otherwise")


def _values(checkpoint: Checkpoint, module: Module, group: Group) -> Iterator[Finding]:
    for suffix, tensor in module.tensors.items():
        codes = suffix == "weight.absmax" and tensor.dtype == "U8"  # of double quantization
        if scale_values.is_scale(suffix) and not codes:
            yield from _scales(checkpoint, module.name, suffix, tensor)
    zero = module.tensors.get("weight_zero_point")
    outside = scale_values.zero_points_outside(checkpoint, zero, group.weights.bits) if zero else 0
    if outside:
        why = f"{outside:,} zero points lie outside {group.weights.bits} bits"
        yield Finding("zero points", module.name, why)


def _scales(checkpoint: Checkpoint, module: str, suffix: str, tensor: Tensor) -> Iterator[Finding]:
    for what, count in scale_values.bad_scales(checkpoint, tensor):
        if what == "denormal" and tensor.dtype == "F16":
            continue  # small weights in FP16 have such scales from any tool
        why = f"{suffix}: {count:,} of {math.prod(tensor.shape):,} scales are {what}"
        yield Finding("scales", module, why)


def _vectors(layers: Layers) -> Iterator[Finding]:
    """Norms and biases are small enough to look at every value."""
    for module in layers.modules.values():
        for suffix, tensor in module.tensors.items():
            if (
                len(tensor.shape) == 1
                and tensor.dtype in PLAIN
                and not scale_values.is_scale(suffix)
            ):
                for what, count in scale_values.bad_scales(layers.checkpoint, tensor):
                    if what in ("NaN", "infinite"):
                        why = f"{suffix}: {count:,} of {tensor.shape[0]:,} values are {what}"
                        yield Finding("values", module.name, why)


def _fused(layers: Layers) -> Iterator[Finding]:
    """Engines make one matrix of q/k/v and of gate/up, so their layers must be declared alike."""
    if layers.declared is None:
        return
    for first, *others in FUSED:
        for name in [n for n in layers.modules if n.endswith("." + first)]:
            parent = name.rpartition(".")[0]
            names = [n for o in others if (n := f"{parent}.{o}") in layers.modules]
            group = layers.group_of(layers.modules[name])
            for other in names:
                other_group = layers.group_of(layers.modules[other])
                if _format(group) != _format(other_group):
                    why = (
                        f"declared {_format(other_group)}, but {first} next to it {_format(group)}"
                    )
                    yield Finding("fused", other, f"{why}: engines fuse them into one matrix")


def _format(group: Group | None) -> str:
    return f"{group.words} ({group.format})" if group else "not quantized"


def _kv_cache(layers: Layers) -> Iterator[Finding]:
    declared = layers.declared
    if declared is None or declared.kv_cache is None or declared.kv_cache.dynamic:
        return
    parents = dict.fromkeys(
        n.rpartition(".")[0] for n in layers.modules if n.endswith((".k_proj", ".qkv_proj"))
    )
    for parent in parents:
        owner = layers.modules.get(parent, Module(parent))
        for suffix in ("k_scale", "v_scale"):
            tensor = owner.tensors.get(suffix)
            if tensor is None:
                yield Finding("missing", parent, f"has no {suffix} although a KV cache is declared")
            else:
                yield from _scales(layers.checkpoint, parent, suffix, tensor)
