"""What a checkpoint is made of: files, tensors, formats, sizes; from headers, in milliseconds."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from checkpoints import checkpoint, layouts
from checkpoints.checkpoint import Checkpoint
from checkpoints.consistency import Finding
from checkpoints.declared import Group
from checkpoints.headers import Tensor
from checkpoints.modules import Module, parameters, size
from checkpoints.truth import Layers
from core.strict_json import Damaged
from inspection.notes import TOKENIZERS, notes

SHOWN_CONFIG = ("architectures", "hidden_size", "num_hidden_layers", "num_attention_heads",
                "num_key_value_heads", "intermediate_size", "vocab_size", "max_position_embeddings",
                "tie_word_embeddings")  # fmt: skip
OTHER_FILES = ("generation_config.json", "tokenizer_config.json")
REST = "norms and the rest"
MOST_SHAPES = 4  # kept of a kind


@dataclass(kw_only=True)
class LayerKind:
    """Layers of one kind stored alike. `bits` are bits on disk per weight, scales included."""

    name: str
    stored: str
    layers: int = 0
    parameters: int = 0
    nbytes: int = 0
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    quantized: bool = False

    @property
    def bits(self) -> float:
        """Bits on disk per weight."""
        return self.nbytes * 8 / self.parameters if self.parameters else 0.0


@dataclass(kw_only=True)
class Overview:
    """A checkpoint in figures; sizes in bytes."""

    path: str
    files: dict[str, int]
    config: dict[str, Any]
    generation: dict[str, Any] | None
    tokenizer: str | None
    chat_template: bool
    method: str | None
    format: str
    groups: list[str]
    ignore: list[str]
    kv_cache: str | None
    kinds: list[LayerKind]
    bytes_by_dtype: dict[str, int]
    parameters: int
    nbytes: int
    base_bytes: int | None
    notes: list[str]

    @property
    def bits_per_weight(self) -> float:
        """Effective bits of every weight, the uncompressed ones included."""
        return self.nbytes * 8 / self.parameters if self.parameters else 0.0

    @property
    def quantized_bits(self) -> float | None:
        """Bits of a weight of the quantized layers, scales included."""
        quantized = [kind for kind in self.kinds if kind.quantized]
        weights = sum(kind.parameters for kind in quantized)
        return sum(kind.nbytes for kind in quantized) * 8 / weights if weights else None

    @property
    def compression(self) -> float:
        """How many times smaller than the base or, where none is given, than 16 bits a weight."""
        return (self.base_bytes or 2 * self.parameters) / max(self.nbytes, 1)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        kinds = [{**asdict(kind), "bits_per_weight": kind.bits} for kind in self.kinds]
        return {
            **asdict(self),
            "kinds": kinds,
            "bits_per_weight": self.bits_per_weight,
            "quantized_bits_per_weight": self.quantized_bits,
            "compression": self.compression,
        }


def overview(layers: Layers, base_bytes: int | None = None) -> tuple[Overview, list[Finding]]:
    """The figures, and what is wrong with the files next to the weights."""
    files, declared = layers.checkpoint, layers.declared
    configs, problems = _other_configs(files)
    tokenizer = configs["tokenizer_config.json"]
    kinds = _kinds(layers)
    figures = Overview(
        path=str(files.path),
        files={file.name: file.stat().st_size for file in files.files},
        config={"model_type": files.config["model_type"], **_shown(files.config)},
        generation=configs["generation_config.json"],
        tokenizer=_tokenizer(files, tokenizer),
        chat_template=(files.path / "chat_template.jinja").is_file()
        or bool((tokenizer or {}).get("chat_template")),
        method=declared.method if declared else None,
        format=declared.format if declared else "dense",
        groups=[_group_words(group) for group in declared.groups] if declared else [],
        ignore=_left_out(layers),
        kv_cache=declared.kv_cache.words if declared and declared.kv_cache else None,
        kinds=kinds,
        bytes_by_dtype=_by_dtype(files.tensors),
        parameters=sum(kind.parameters for kind in kinds),
        nbytes=sum(tensor.nbytes for tensor in files.tensors),
        base_bytes=base_bytes,
        notes=notes(layers),
    )
    return figures, problems


def _other_configs(
    files: Checkpoint,
) -> tuple[dict[str, dict[str, Any] | None], list[Finding]]:
    """The JSON files next to the config by name, None where there is none or it is damaged."""
    configs: dict[str, dict[str, Any] | None] = dict.fromkeys(OTHER_FILES)
    problems = []
    for name in OTHER_FILES:
        if (files.path / name).is_file():
            try:
                configs[name] = checkpoint.read_part(files.path, name)
            except Damaged as problem:
                problems.append(Finding("file", "", str(problem)))
    return configs, problems


def _shown(config: dict[str, Any]) -> dict[str, Any]:
    """The entries of the config that are shown; in models of several parts the text model's."""
    text = config.get("text_config")
    inner = text if isinstance(text, dict) else {}
    picked = {key: config.get(key, inner.get(key)) for key in SHOWN_CONFIG}
    return {
        key: value
        for key, value in picked.items()
        if isinstance(value, int | str) or (isinstance(value, list) and len(str(value)) < 300)
    }


def _tokenizer(files: Checkpoint, config: dict[str, Any] | None) -> str | None:
    """The tokenizer's class or, where none is named, its file; None without a tokenizer."""
    present = [name for name in TOKENIZERS if (files.path / name).is_file()]
    if not present:
        return None
    named = (config or {}).get("tokenizer_class")
    return named[:100] if isinstance(named, str) else present[0]


def _group_words(group: Group) -> str:
    activations = group.activations
    if activations is None:
        how = "activations stay 16-bit"
    else:
        when = "scaled as they come" if activations.dynamic else "by stored scales"
        how = f"activations {activations.words} {when}"
    return f"{group.name}: weights {group.weights.words}, {how} ({group.format})"


def _left_out(layers: Layers) -> list[str]:
    """Linear layers left as they are, by kind: `lm_head`, `gate x32`."""
    if layers.declared is None:
        return []
    counts = Counter(
        module.kind
        for module in layers.modules.values()
        if module.linear and layers.group_of(module) is None
    )
    return [f"{kind} x{count}" if count > 1 else kind for kind, count in sorted(counts.items())]


def _kinds(layers: Layers) -> list[LayerKind]:
    """Kinds in the order of the files; modules without a matrix are one kind, the last."""
    kinds: dict[tuple[str, str], LayerKind] = {}
    rest = LayerKind(name=REST, stored="")
    dtypes: dict[str, None] = {}
    for module in layers.modules.values():
        matrix = module.compressed or any(len(t.shape) > 1 for t in module.tensors.values())
        bits = layers.bits_of(module)
        if matrix:
            stored = _stored(layers.group_of(module), module)
            kind = kinds.setdefault(
                (module.kind, stored), LayerKind(name=module.kind, stored=stored)
            )
            kind.quantized |= module.compressed
            shape = size(layers.checkpoint, module, bits) or _largest_shape(module)
            if shape not in kind.shapes and len(kind.shapes) < MOST_SHAPES:
                kind.shapes.append(shape)
        else:
            kind = rest
            dtypes.update(dict.fromkeys(t.dtype for t in module.tensors.values()))
        kind.layers += 1
        kind.parameters += parameters(layers.checkpoint, module, bits)
        kind.nbytes += sum(tensor.nbytes for tensor in module.tensors.values())
    rest.stored = ", ".join(dtypes)
    return [*kinds.values(), *([rest] if rest.layers else [])]


def _largest_shape(module: Module) -> tuple[int, ...]:
    return max(module.tensors.values(), key=lambda tensor: tensor.nbytes).shape


def _stored(group: Group | None, module: Module) -> str:
    """The number format of a module's weights in words, where it is not known their dtypes."""
    if group is not None and module.compressed and layouts.known(group.format):
        return group.weights.words
    weights = [t for s, t in module.tensors.items() if s in ("weight", "weight_packed", "qweight")]
    return weights[0].dtype if weights else ", ".join({t.dtype for t in module.tensors.values()})


def _by_dtype(tensors: Iterable[Tensor]) -> dict[str, int]:
    """Bytes of every dtype, the most first."""
    nbytes: dict[str, int] = {}
    for tensor in tensors:
        nbytes[tensor.dtype] = nbytes.get(tensor.dtype, 0) + tensor.nbytes
    return dict(sorted(nbytes.items(), key=lambda item: -item[1]))
