"""What a compression will do, found from the config and the safetensors headers alone.

Hours of calibration can end in "unknown layer" or "disk full"; everything that can be known before
the weights are loaded is checked here and said in one sentence.
"""

import math
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from checkpoints.checkpoint import DECODER, Checkpoint
from checkpoints.consistency import HEADS
from checkpoints.headers import TORCH_FLOATS
from checkpoints.modules import FUSED
from compressing import smoothing, staging
from core.errors import UserError
from core.machine import Machine
from core.scheme import BitsAndBytes, Cast, Method, Scheme, Serveable

EXPERT_COUNTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
GIB = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What compressing a checkpoint will do: layers, bits, bytes, needs, and who can serve it.

    `memory_bytes` is what main memory must hold at the least, `gpu_bytes` a GPU where there is one:
    llmcompressor moves one decoder layer at a time there, bitsandbytes has all of the checkpoint.
    `smoothing` are the pairs of `compressing.smoothing`, empty for schemes that move no scales.
    """

    scheme: str
    layers: dict[str, tuple[int, int]]
    ignored: list[str]
    dtype_bits: int
    bits_per_weight: float
    base_bytes: int
    predicted_bytes: int
    memory_bytes: int
    gpu_bytes: int
    serving: Serveable
    smoothing: list[tuple[str, tuple[str, ...]]]

    def as_json(self) -> dict[str, Any]:
        """The plan as plain data, layers counted by kind instead of listed."""
        kinds: dict[str, int] = {}
        for name in self.layers:
            kinds[name.rpartition(".")[2]] = kinds.get(name.rpartition(".")[2], 0) + 1
        return {**asdict(self), "layers": kinds}


def plan(
    name: str,
    scheme: Scheme,
    base: Checkpoint,
    ignore: Iterable[str],
    machine: Machine,
    calibration_tokens: int,
) -> Plan:
    """The plan for compressing `base`. Raises `UserError` for what fails on any machine."""
    _must_be_uncompressed(base)
    if isinstance(scheme.recipe, Cast):
        return _cast(name, scheme, base, ignore, machine)
    ignored = _heads(base, scheme) | _ignored(base, ignore)
    left_out = ignored | base.beside_text
    layers = {m: s for m, s in base.linear_layers.items() if m not in left_out}
    _must_match(base, layers)
    if isinstance(scheme.recipe, BitsAndBytes):
        _must_be_text(name, base)
    _must_divide(name, scheme, layers)
    _must_stay_fused(layers, base)
    moved = smoothing.pairs(base, scheme) if scheme.folds_scales else []
    wide = base.dtype_bits
    compressed = sum(scheme.storage.bits(*shape, wide) for shape in layers.values())
    weights = sum(rows * columns for rows, columns in layers.values())
    replaced = {f"{layer}.weight" for layer in layers}  # a bias stays as it is
    rest = sum(t.nbytes for t in base.tensors if t.name not in replaced)
    predicted = compressed // 8 + rest
    whole = isinstance(scheme.recipe, BitsAndBytes)  # is on the GPU at once
    hessians = _hessians(layers) if Method.GPTQ in scheme.methods else 0
    tokens = calibration_tokens if scheme.calibration else 0
    return Plan(
        scheme=name,
        layers=layers,
        ignored=[*_entries(base, ignored - base.beside_text), *_parts(base)],
        dtype_bits=wide,
        bits_per_weight=compressed / weights,
        base_bytes=base.nbytes,
        predicted_bytes=predicted,
        memory_bytes=_memory(base, tokens) + hessians,
        gpu_bytes=predicted if whole else _largest_layer(base) + hessians,
        serving=scheme.verdict(machine.compute_capability, machine.cpu_flags),
        smoothing=moved,
    )


def _cast(
    name: str, scheme: Scheme, base: Checkpoint, ignore: Iterable[str], machine: Machine
) -> Plan:
    """The plan for another dtype, which all numbers get, whatever they are of."""
    if tuple(ignore):
        raise UserError(f"{name} casts all weights: --ignore belongs to schemes that compress")
    bits = scheme.storage.weight_bits
    sizes: dict[str, int] = {}  # bytes of every file
    for tensor in base.tensors:
        cast = tensor.dtype in TORCH_FLOATS
        nbytes = math.prod(tensor.shape) * bits // 8 if cast else tensor.nbytes
        sizes[tensor.file] = sizes.get(tensor.file, 0) + nbytes
    return Plan(
        scheme=name,
        layers=base.linear_layers,
        ignored=[],
        dtype_bits=base.dtype_bits,
        bits_per_weight=bits,
        base_bytes=base.nbytes,
        predicted_bytes=sum(sizes.values()),
        memory_bytes=max(sizes.values()),
        gpu_bytes=0,
        serving=scheme.verdict(machine.compute_capability, machine.cpu_flags),
        smoothing=[],
    )


def _must_be_text(name: str, base: Checkpoint) -> None:
    if base.several_parts:
        raise UserError(
            f"{name} is made of language models only, and {base.path} has parts beside one: take a "
            "scheme that llmcompressor makes, such as INT4-W4A16"
        )


def _must_be_uncompressed(base: Checkpoint) -> None:
    if base.quantization:
        how = base.format
        raise UserError(
            f"{base.path} is already compressed ({how}): compress the model it was made from"
        )


def _heads(base: Checkpoint, scheme: Scheme) -> set[str]:
    """Output layers the scheme leaves out, by the names architectures give them.

    They are left out even where the headers show none: a tied head has no tensor of its own.
    """
    if "lm_head" not in scheme.ignore:
        return set()
    outside = (n for n in base.linear_layers if not any(part.isdigit() for part in n.split(".")))
    return {"lm_head"} | {name for name in outside if name.rpartition(".")[2] in HEADS}


def _entries(base: Checkpoint, ignored: set[str]) -> list[str]:
    """Names, or patterns of them where a model of several parts has others in memory."""
    entries = []
    for name in sorted(ignored):
        match = DECODER.match(name) if base.beside_text else None
        inside = match and re.escape(name[match.end() :])
        entries.append(rf"re:.*layers\.{match[2]}\.{inside}$" if match else name)
    return entries


def _parts(base: Checkpoint) -> list[str]:
    """Patterns of the parts around a language model, whatever a class puts before their names."""
    places = (name.split(".") for name in base.beside_text)
    parts = {next(p for p in place if p not in ("model", "language_model")) for place in places}
    return [rf"re:(.*\.)?{re.escape(part)}(\..*)?$" for part in sorted(parts)]


def _ignored(base: Checkpoint, entries: Iterable[str]) -> set[str]:
    """Linear layers an ignore entry names: an exact name, its end, or `re:` and a pattern."""
    ignored: set[str] = set()
    for entry in entries:
        matched = {layer for layer in base.linear_layers if _matches(layer, entry)}
        if not matched:
            ends = sorted({layer.rpartition(".")[2] for layer in base.linear_layers})
            raise UserError(
                f"nothing in {base.path} is called {entry!r}, which should be left out; "
                f"its linear layers end in {', '.join(ends)}"
            )
        ignored |= matched
    return ignored


def _matches(layer: str, entry: str) -> bool:
    if entry.startswith("re:"):
        try:
            return re.match(entry[3:], layer) is not None
        except re.error as problem:
            raise UserError(f"{entry!r} is not a regular expression: {problem}") from problem
    return layer == entry or layer.endswith("." + entry)


def _must_match(base: Checkpoint, layers: dict[str, tuple[int, int]]) -> None:
    if base.conv1d:
        kind = base.config.get("model_type")
        raise UserError(
            f"{base.path} is a {kind} model: its layers are Conv1D, which schemes that compress "
            "(they target Linear) would silently leave as they are"
        )
    if any(base.number(key, 0) for key in EXPERT_COUNTS) or any(
        ".experts." in tensor.name for tensor in base.tensors
    ):
        raise UserError(
            f"{base.path} is a mixture of experts, whose experts are no plain Linear layers: "
            "compressing those is not supported yet"
        )
    if not layers:
        where = "in its language model " if base.several_parts else ""
        raise UserError(f"{base.path} has no linear layer {where}for the scheme to compress")


def _must_divide(name: str, scheme: Scheme, layers: dict[str, tuple[int, int]]) -> None:
    divisor = scheme.storage.divisor
    odd = {layer: shape for layer, shape in layers.items() if shape[1] % divisor}
    if odd:
        layer, shape = next(iter(odd.items()))
        raise UserError(
            f"{name} shares scales over {divisor} input columns, and {len(odd)} of {len(layers)} "
            f"layers do not divide by that (first: {layer} has {shape[1]}); leave them out with "
            "--ignore or take a scheme with one scale per row"
        )


def _must_stay_fused(layers: dict[str, tuple[int, int]], base: Checkpoint) -> None:
    """Engines fuse q/k/v and gate/up into one matrix, so all of a group go or none does."""
    for group in FUSED:
        parents = {m.rpartition(".")[0] for m in base.linear_layers if m.endswith("." + group[0])}
        for parent in sorted(parents):
            there = [f"{parent}.{n}" for n in group if f"{parent}.{n}" in base.linear_layers]
            left_out = [layer for layer in there if layer not in layers]
            if left_out and len(left_out) < len(there):
                raise UserError(
                    f"{', '.join(left_out)} would be left out but "
                    f"{', '.join(sorted(set(there) - set(left_out)))} compressed: engines fuse "
                    "them into one matrix, so ignore all of them or none"
                )


def _memory(base: Checkpoint, tokens: int) -> int:
    """Bytes of weights and calibration activations.

    Activations of every calibration token are kept twice (in and out of a layer) at the hidden
    size in 16 bits.
    """
    return sum(tensor.nbytes for tensor in base.tensors) + 2 * 2 * tokens * base.number(
        "hidden_size", 0
    )


def _hessians(layers: dict[str, tuple[int, int]]) -> int:
    """Bytes of GPTQ's Hessians: inputs x inputs in 32 bits, for one decoder layer at a time."""
    return sum(4 * columns**2 for layer, (_, columns) in layers.items() if ".0." in layer)


def _largest_layer(base: Checkpoint) -> int:
    """Bytes of the largest decoder layer, or of the embedding where that is larger."""
    places: dict[str, int] = {}
    for tensor in base.tensors:
        inside = DECODER.match(tensor.name)
        place = inside[0] if inside else tensor.name
        places[place] = places.get(place, 0) + tensor.nbytes
    return max(places.values())


def must_fit(plan: Plan, output: Path, machine: Machine) -> None:
    """Raise `UserError` where disk or main memory are too small for the checkpoint `output`."""
    existing = staging.disk(output)
    free = shutil.disk_usage(existing).free + staging.reclaimable(output)
    if plan.predicted_bytes * 1.05 > free:
        raise UserError(
            f"the checkpoint will take about {plan.predicted_bytes / GIB:.2f} GiB, and {existing} "
            f"has {free / GIB:.2f} GiB free"
        )
    if plan.memory_bytes > machine.available_memory_bytes:
        have = machine.available_memory_bytes / GIB
        raise UserError(
            f"compressing needs at least {plan.memory_bytes / GIB:.1f} GiB of memory (weights, "
            f"calibration activations), and {have:.1f} GiB are free: fewer or shorter calibration "
            "samples help"
        )
