"""What a checkpoint's `quantization_config` promises, layer by layer, whoever wrote it.

`checkpoints.methods` reads it from the config; here is what it means for a layer of a given name.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from checkpoints.patterns import Budget, Patterns

ROUTERS = (
    "gate",
    "router",
    "shared_expert_gate",
)  # engines keep them as they are, whatever "Linear"
LINEAR = "Linear"
KINDS = {"int": "INT", "float": "FP", "normal": "NF"}


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A number format: bits, kind, what shares a scale, when scales are found.

    `normal` is NormalFloat, whose levels lie as normally distributed weights do (arXiv 2305.14314).
    `group` counts input columns (strategies group and tensor_group), `block` is (rows, columns).
    """

    bits: int
    kind: Literal["int", "float", "normal"] = "int"
    strategy: str = "tensor"
    group: int | None = None
    block: tuple[int, int] | None = None
    symmetric: bool = True
    dynamic: bool = False

    @property
    def shared(self) -> str:
        """What shares one scale, in words."""
        if self.group:
            return f"group {self.group}"
        return "block {}x{}".format(*self.block) if self.block else self.strategy

    @property
    def words(self) -> str:
        """`INT4 group 128 asymmetric`."""
        odd = "" if self.symmetric else " asymmetric"
        return f"{KINDS[self.kind]}{self.bits} {self.shared}{odd}"


@dataclass(frozen=True, kw_only=True)
class Group:
    """Layers declared alike: their storage format and number formats, None where not quantized."""

    format: str
    weights: Numbers
    activations: Numbers | None = None
    targets: tuple[str, ...] = (LINEAR,)

    @property
    def name(self) -> str:
        """`W4A16`."""
        return f"W{self.weights.bits}A{self.activations.bits if self.activations else 16}"

    @property
    def words(self) -> str:
        """`W4A16, INT4 group 128`."""
        return f"{self.name}, {self.weights.words}"


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """All that is declared. `understood` is False for methods whose storage is not known here."""

    method: str
    format: str
    groups: tuple[Group, ...] = ()
    ignore: tuple[str, ...] = ()
    kv_cache: Numbers | None = None
    understood: bool = True
    spared: tuple[str, ...] = field(default=())  # names anywhere inside a module's name

    @cached_property
    def _budget(self) -> Budget:
        return Budget()

    @cached_property
    def _ignored(self) -> Patterns:
        return Patterns(self.ignore, self._budget)

    @cached_property
    def _targets(self) -> list[tuple[Group, Patterns]]:
        return [(group, Patterns(group.targets, self._budget)) for group in self.groups]

    def ignores(self, module: str) -> bool:
        """Whether the module is left out by name."""
        within = any(name in module.split(".") or module.startswith(name) for name in self.spared)
        return within or self._ignored.match(module)

    def group_of(self, module: str) -> Group | None:
        """The group a linear layer belongs to; a name or pattern goes before the class."""
        if self.ignores(module):
            return None
        for group, patterns in self._targets:
            if patterns.match(module):
                return group
        if module.rpartition(".")[2] in ROUTERS:
            return None
        return next((group for group in self.groups if LINEAR in group.targets), None)

    def idle_targets(self, modules: Iterable[str]) -> list[str]:
        """Targets by name or pattern that fit none of the modules."""
        known = list(modules)
        named = [t for g in self.groups for t in g.targets if "." in t or t.startswith("re:")]
        return [
            target
            for target in named
            if not any(map(Patterns((target,), self._budget).match, known))
        ]
