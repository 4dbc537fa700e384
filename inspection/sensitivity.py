"""Which layers hurt most: how far each one's error moves the answers on calibration text.

One unit after the other is replaced by the checkpoint's while the rest of the model stays the
base's. A unit is a layer, or the layers that engines fuse into one. Where a method moved scales
between neighbouring layers, a unit is a whole decoder layer, and its outputs are compared as well.
In a rotated model nothing inside can be exchanged, and only the whole is measured.
"""

import math
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from checkpoints.modules import FUSED, Module, size
from checkpoints.truth import Layers
from core.cli import Tell
from core.errors import UserError
from inspection import decompress
from inspection.numeric import Folded
from inspection.reference import Reference

SHARE, BUDGET = 0.5, 0.10  # of the divergence to remove; of the checkpoint's bytes to pay


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Compressed layers that are exchanged together.

    `kl` is the divergence from the base with these alone compressed, in nats per token;
    `extra_bytes` is what leaving them at 16 bits would cost on disk; `sqnr_db` is that of the
    decoder layer's outputs (None where they are equal or the unit is no whole decoder layer).
    """

    name: str
    layers: list[str]
    kl: float
    extra_bytes: int
    sqnr_db: float | None = None

    @property
    def ignore(self) -> list[str]:
        """What compress.py's `--ignore` must be given to leave them as they are."""
        if all(layer.startswith(self.name + ".") for layer in self.layers):
            return [f"re:{re.escape(self.name)}\\."]
        return self.layers

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """All units, worst first; `total` is the divergence with every layer replaced at once."""

    units: list[Unit]
    total: float
    tokens: int
    checkpoint_bytes: int

    @cached_property
    def leave(self) -> list[Unit]:
        """Units worth leaving at 16 bits: the most divergence for the fewest bytes.

        At least one; until half of the summed divergence is gone or a tenth more bytes are used.
        """
        worth = sorted(self.units, key=lambda unit: -unit.kl / max(unit.extra_bytes, 1))
        whole = sum(unit.kl for unit in self.units)
        taken: list[Unit] = []
        for unit in worth:
            bytes_so_far = sum(other.extra_bytes for other in [*taken, unit])
            enough = sum(other.kl for other in taken) >= SHARE * whole
            if taken and (enough or bytes_so_far > BUDGET * self.checkpoint_bytes):
                break
            taken.append(unit)
        return taken if whole > 0 else []

    @property
    def leave_extra_bytes(self) -> int:
        """Bytes that leaving the units of `leave` at 16 bits costs on disk."""
        return sum(unit.extra_bytes for unit in self.leave)

    @property
    def leave_share(self) -> float:
        """`leave_extra_bytes` as a share of the checkpoint's bytes."""
        return self.leave_extra_bytes / max(self.checkpoint_bytes, 1)

    @property
    def ignore(self) -> list[str]:
        """What compress.py's `--ignore` must be given to leave the units of `leave`."""
        return [entry for unit in self.leave for entry in unit.ignore]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "units": [unit.as_json() for unit in self.units],
            "total_kl": self.total,
            "tokens": self.tokens,
            "leave": [unit.layers for unit in self.leave],
            "leave_extra_bytes": self.leave_extra_bytes,
            "leave_share": self.leave_share,
            "ignore": self.ignore,
        }


def measure(
    layers: Layers, reference: Reference, folded: Folded | None, progress: Tell
) -> Sensitivity:
    """Rank the units. Raises `UserError` for a checkpoint that is rotated while it runs."""
    if (layers.checkpoint.quantization or {}).get("transform_config"):
        raise UserError(
            f"{layers.checkpoint.path} is rotated while it runs (transform_config): "
            "its layers cannot be compared with the base's here"
        )
    codecs = decompress.codecs(layers)
    grouped = _units(layers, reference) if folded is None else _decoder_units(layers, reference)
    if folded is not None and folded.rotated:
        grouped = []
    units = []
    for number, (name, owner, names) in enumerate(grouped):
        progress(name, number, len(grouped) + 1)
        with reference.with_layers(names, layers, codecs):
            units.append(_unit(layers, reference, name, owner, names))
    progress("all together", len(grouped), len(grouped) + 1)
    everything = [name for name in layers.modules if _in_model(reference, name)]
    with reference.with_layers(everything, layers, codecs):
        total = max(reference.divergence(next(iter(reference.layers))), 0.0)
    return Sensitivity(
        units=sorted(units, key=lambda unit: -unit.kl),
        total=total,
        tokens=sum(row.shape[1] for row in reference.rows),
        checkpoint_bytes=sum(tensor.nbytes for tensor in layers.checkpoint.tensors),
    )


def _unit(layers: Layers, reference: Reference, name: str, owner: str, names: list[str]) -> Unit:
    """One unit's figures; the reference's model has its layers now."""
    sqnr = None
    if name == owner:
        error, norm = reference.output_error(owner)
        sqnr = 10 * math.log10(norm / error) if error and norm else None
    compressed = [n for n in names if layers.modules[n].compressed]
    extra = sum(_extra_bytes(layers, layers.modules[n]) for n in compressed)
    kl = max(reference.divergence(owner), 0.0)
    return Unit(name=name, layers=compressed, kl=kl, extra_bytes=extra, sqnr_db=sqnr)


def _units(layers: Layers, reference: Reference) -> list[tuple[str, str, list[str]]]:
    """(name, decoder layer, modules) of all compressed layers; fused ones are one unit."""
    units: dict[tuple[str, str], list[str]] = {}
    for name, module in layers.modules.items():
        place = reference.place(name)
        owner = next((layer for layer in reference.layers if place.startswith(layer + ".")), None)
        if module.compressed and owner is not None and _in_model(reference, name):
            parent, _, last = name.rpartition(".")
            fused = next((group[0] for group in FUSED if last in group), last)
            units.setdefault((owner, f"{parent}.{fused}"), []).append(name)
    return [
        (
            f"{first.rpartition('.')[0]}.{'+'.join(n.rpartition('.')[2] for n in sorted(names))}",
            owner,
            sorted(names),
        )
        for (owner, first), names in units.items()
    ]


def _decoder_units(layers: Layers, reference: Reference) -> list[tuple[str, str, list[str]]]:
    """(name, the same name, modules) of every decoder layer."""

    def inside(owner: str) -> list[str]:
        return [
            name
            for name in layers.modules
            if reference.place(name).startswith(owner + ".") and _in_model(reference, name)
        ]

    return [(owner, owner, inside(owner)) for owner in reference.layers]


def _in_model(reference: Reference, name: str) -> bool:
    """Whether a module of the checkpoint is one of the base's too."""
    try:
        reference.model.get_submodule(reference.place(name))
    except AttributeError:
        return False
    return bool(name)


def _extra_bytes(layers: Layers, module: Module) -> int:
    """How many more bytes a layer would take at 16 bits."""
    shape = size(layers.checkpoint, module, layers.bits_of(module)) if module.compressed else None
    return 2 * shape[0] * shape[1] - module.nbytes if shape else 0
