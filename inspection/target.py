"""Whether a checkpoint will run on a kind of device, from its files alone.

Three things decide: whether vLLM has a kernel (`core.scheme.Serving`), whether the installed
compressed-tensors takes the config, which is the first thing a server does, and whether layers and
groups of weights divide over the GPUs.
"""

import importlib.metadata
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from checkpoints.checkpoint import Checkpoint
from checkpoints.declared import Declaration, Group
from checkpoints.modules import size
from checkpoints.truth import Layers
from core import plugins
from core.errors import UserError
from core.machine import probe
from core.scheme import Capability, Scheme, Serveable
from inspection.decompress import parse_config

# engines split layers of these names over their inputs, all other matrices over their outputs
ROW_PARALLEL = ("o_proj", "down_proj", "out_proj", "c_proj", "fc2", "dense", "dense_4h_to_h", "wo",
                "w2")  # fmt: skip
# checkpoints by others: (format, bits) -> the scheme of ours that runs on the same kernels
SAME_KERNELS = {
    ("gptq", 4): "INT4-W4A16", ("gptq", 8): "INT8-W8A16", ("awq", 4): "INT4-W4A16-AWQ",
    ("fbgemm-fp8", 8): "FP8-W8A8", ("modelopt-fp8", 8): "FP8-W8A8-STATIC",
    ("modelopt-nvfp4", 4): "NVFP4", ("mxfp4", 4): "MXFP4",
}  # fmt: skip
WORST_FIRST = ("none", "fallback", "native")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether it runs on `target`: on what kernels and why, and what else stands in the way.

    `alike` is the scheme that runs on the same kernels, `parsed_by` what took the config.
    """

    target: str
    kind: Literal["native", "fallback", "none"]
    reason: str
    alike: str
    problems: list[str] = field(default_factory=list)
    tensor_parallel_size: int = 1
    parsed_by: str | None = None

    @property
    def runs(self) -> bool:
        """Whether it can be served there at all."""
        return self.kind != "none" and not self.problems

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "runs": self.runs}


def capability(target: str) -> Capability | None:
    """`sm_90` as (9, 0), None for a CPU. Raises `UserError` for anything else."""
    if target == "cpu":
        return None
    match = re.fullmatch(r"sm_?(\d{1,2})(\d)[af]?", target)
    if not match:
        raise UserError(
            f"there is no target {target!r}; there are: cpu, sm_80, sm_89, sm_90, sm_100"
        )
    return int(match.group(1)), int(match.group(2))


def answer(layers: Layers, target: str, tensor_parallel_size: int) -> Answer:
    """For a checkpoint: that of its groups of layers which can be served least."""
    device = capability(target)
    problems = list(split_problems(layers, tensor_parallel_size))
    parsed_by = None
    if layers.declared is not None and layers.declared.method == "compressed-tensors":
        parsed_by = f"compressed-tensors {importlib.metadata.version('compressed-tensors')}"
        problems += config_problems(layers.checkpoint)
    alike, verdict = _worst(layers.declared, device)
    return Answer(
        target=target,
        kind=verdict.kind,
        reason=verdict.reason,
        alike=alike,
        problems=problems,
        tensor_parallel_size=tensor_parallel_size,
        parsed_by=parsed_by,
    )


def _worst(declared: Declaration | None, device: Capability | None) -> tuple[str, Serveable]:
    """Name and verdict of the scheme whose kernels serve a checkpoint's layers least."""
    if declared is None:
        return _of_scheme("BASE", device)
    if not declared.understood:
        reason = f"{declared.method[:50]!r} is not known here"
        return "-", Serveable(kind="none", reason=reason)
    verdicts = [_of_group(group, device) for group in declared.groups]
    verdicts = verdicts or [_of_scheme("BASE", device)]
    return min(verdicts, key=lambda verdict: WORST_FIRST.index(verdict[1].kind))


def scheme_answer(name: str, target: str, tensor_parallel_size: int) -> Answer:
    """For a scheme of the registry by name, whatever the model."""
    shown = plugins.shown("schemes", plugins.find("schemes", name))
    _, verdict = _of_scheme(name, capability(target))
    return Answer(
        target=target,
        kind=verdict.kind,
        reason=verdict.reason,
        alike=shown,
        tensor_parallel_size=tensor_parallel_size,
    )


def _of_scheme(name: str, device: Capability | None) -> tuple[str, Serveable]:
    """Name and verdict of a scheme; without a capability for a processor like this machine's."""
    return name, plugins.load("schemes", name).verdict(device, probe().cpu_flags)


def _of_group(group: Group, device: Capability | None) -> tuple[str, Serveable]:
    """Name and verdict of the scheme whose kernels a group of layers runs on."""
    name = nearest(group)
    if name is not None:
        return _of_scheme(name, device)
    reason = f"nothing is known about serving {group.words} ({group.format[:50]!r})"
    return "-", Serveable(kind="none", reason=reason)


def nearest(group: Group) -> str | None:
    """The scheme of the registry with the same kernels as a group of layers; None: not known."""
    if group.format == "fp8":
        return "FP8-W8A8-BLOCK" if group.weights.block else "FP8-W8A8"
    alike = SAME_KERNELS.get((group.format, group.weights.bits))
    if alike:
        return alike
    names = [plugins.shown("schemes", stem) for stem in plugins.names("schemes")]
    stored_alike = [
        (_distance(scheme, name, group), name)
        for name in names
        if (scheme := plugins.load("schemes", name)).storage.format == group.format
    ]
    return min(stored_alike)[1] if stored_alike else None


def _distance(scheme: Scheme, name: str, group: Group) -> tuple[int, ...]:
    """How far a scheme is from a group: bits first, then activations, then what shares a scale.

    Of schemes that differ in none of these the one with the shortest name is nearest.
    """
    weights, declared, known = group.weights, group.activations, scheme.activations
    bits = declared.bits if declared else 16
    kind = declared.kind if declared else None
    static = declared is not None and not declared.dynamic
    shared = weights.group or weights.block or weights.strategy
    return (
        abs(scheme.weight_bits - weights.bits),
        abs(scheme.activation_bits - bits),
        int((known.kind if known else None) != kind),
        int((known is not None and known.static) != static),
        int(scheme.storage.group != shared),
        len(name),
    )


def config_problems(checkpoint: Checkpoint) -> list[str]:
    """What the server's first look at the config would refuse."""
    problems = []
    try:
        config = parse_config(checkpoint)
    except UserError as problem:
        return [str(problem)]
    declared = checkpoint.quantization or {}
    if declared.get("sparsity_config"):
        problems.append("it has a sparsity_config, which vLLM refuses since 2:4 was removed")
    cache = config.kv_cache_scheme
    if cache is not None and (cache.num_bits, cache.type, cache.symmetric) != (8, "float", True):
        problems.append("vLLM takes KV-cache scales of symmetric FP8 only")
    return problems


def split_problems(layers: Layers, parts: int) -> Iterator[str]:
    """What does not divide over `parts` GPUs."""
    if parts == 1:
        return
    heads = layers.checkpoint.number("num_attention_heads", 0)
    if heads % parts:
        yield f"{heads} attention heads do not divide by {parts}"
    counts: Counter[tuple[str, str]] = Counter()
    for module in layers.modules.values():
        group = layers.group_of(module)
        shape = size(layers.checkpoint, module, layers.bits_of(module)) if module.linear else None
        if shape is not None and (group is not None or module.compressed):
            why = _indivisible(module.kind, shape, group, parts)
            if why:
                counts[module.kind, why] += 1
    for (kind, why), count in counts.items():
        yield f"{kind} ({count} layers): {why}"


def _indivisible(kind: str, shape: tuple[int, int], group: Group | None, parts: int) -> str | None:
    """Why a layer of this shape (outputs, inputs) does not divide over `parts` GPUs."""
    rows, columns = shape
    over, length = ("inputs", columns) if kind in ROW_PARALLEL else ("outputs", rows)
    if length % parts:
        return f"{length:,} {over} do not divide by {parts} GPUs"
    if group is None:
        return None
    block = group.weights.block or (1, group.weights.group or 1)
    unit = block[1] if over == "inputs" else block[0]
    if length // parts % unit:
        return f"{length:,} {over} over {parts} GPUs are {length // parts:,}, no multiple of {unit}"
    return None
