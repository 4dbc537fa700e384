"""What a checkpoint is made of: files, tensors, formats, sizes; from headers, in milliseconds."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from checkpoints import checkpoint, layouts
from checkpoints.consistency import Finding
from checkpoints.declared import Declaration, Group
from checkpoints.headers import Tensor
from checkpoints.modules import Module, parameters, size
from checkpoints.truth import Layers
from core.strict_json import Damaged

SHOWN_CONFIG = ("architectures", "hidden_size", "num_hidden_layers", "num_attention_heads",
                "num_key_value_heads", "intermediate_size", "vocab_size", "max_position_embeddings",
                "tie_word_embeddings")  # fmt: skip
OTHER_FILES = ("generation_config.json", "tokenizer_config.json")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json", "vocab.txt")
REST = "norms and the rest"


@dataclass(kw_only=True)
class Kind:
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
    kinds: list[Kind]
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
        mine = [kind for kind in self.kinds if kind.quantized]
        total = sum(kind.parameters for kind in mine)
        return sum(kind.nbytes for kind in mine) * 8 / total if total else None

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


def overview(these: Layers, base_bytes: int | None = None) -> tuple[Overview, list[Finding]]:
    """The figures, and what is wrong with the files beside the weights."""
    found, declared = these.found, these.declared
    parts, problems = _parts(found)
    tokenizer = parts["tokenizer_config.json"]
    kinds = _kinds(these)
    made = Overview(
        path=str(found.path),
        files={file.name: file.stat().st_size for file in found.files},
        config={"model_type": found.config["model_type"], **_shown(found.config)},
        generation=parts["generation_config.json"],
        tokenizer=_tokenizer(found, tokenizer),
        chat_template=(found.path / "chat_template.jinja").is_file()
        or bool((tokenizer or {}).get("chat_template")),
        method=declared.method if declared else None,
        format=declared.format if declared else "dense",
        groups=[_group_words(group) for group in declared.groups] if declared else [],
        ignore=_summary(these),
        kv_cache=declared.kv_cache.words if declared and declared.kv_cache else None,
        kinds=kinds,
        bytes_by_dtype=_by_dtype(found.tensors),
        parameters=sum(kind.parameters for kind in kinds),
        nbytes=sum(tensor.nbytes for tensor in found.tensors),
        base_bytes=base_bytes,
        notes=_notes(these),
    )
    return made, problems


def _parts(found: checkpoint.Checkpoint) -> tuple[dict[str, Any], list[Finding]]:
    parts: dict[str, Any] = {}
    problems = []
    for name in OTHER_FILES:
        parts[name] = None
        if (found.path / name).is_file():
            try:
                parts[name] = checkpoint.read_part(found.path, name)
            except Damaged as problem:
                problems.append(Finding("file", "", str(problem)))
    return parts, problems


def _shown(config: dict[str, Any]) -> dict[str, Any]:
    text = config.get("text_config")
    inner = text if isinstance(text, dict) else {}
    picked = {key: config.get(key, inner.get(key)) for key in SHOWN_CONFIG}
    return {
        key: value
        for key, value in picked.items()
        if isinstance(value, int | str) or (isinstance(value, list) and len(str(value)) < 300)
    }


def _tokenizer(found: checkpoint.Checkpoint, config: dict[str, Any] | None) -> str | None:
    there = [name for name in TOKENIZERS if (found.path / name).is_file()]
    if not there:
        return None
    named = (config or {}).get("tokenizer_class")
    return named[:100] if isinstance(named, str) else there[0]


def _group_words(group: Group) -> str:
    activations = group.activations
    if activations is None:
        how = "activations stay 16-bit"
    else:
        when = "scaled as they come" if activations.dynamic else "by stored scales"
        how = f"activations {activations.words} {when}"
    return f"{group.name}: weights {group.weights.words}, {how} ({group.format})"


def _summary(these: Layers) -> list[str]:
    """Linear layers left as they are, by kind: `lm_head`, `gate x32`."""
    if these.declared is None:
        return []
    spared: dict[str, int] = {}
    for module in these.modules.values():
        if module.linear and these.group_of(module) is None:
            spared[module.kind] = spared.get(module.kind, 0) + 1
    return [f"{kind} x{count}" if count > 1 else kind for kind, count in sorted(spared.items())]


def _kinds(these: Layers) -> list[Kind]:
    """Kinds in the order of the files, what has no matrix of its own put together at the end."""
    found: dict[tuple[str, str], Kind] = {}
    rest = Kind(name=REST, stored="")
    dtypes: dict[str, None] = {}
    for module in these.modules.values():
        matrix = module.compressed or any(len(t.shape) > 1 for t in module.tensors.values())
        bits = these.bits_of(module)
        if matrix:
            stored = _stored(these.group_of(module), module)
            mine = found.setdefault((module.kind, stored), Kind(name=module.kind, stored=stored))
            mine.quantized |= module.compressed
            shape = size(these.found, module, bits) or _largest(module)
            if shape not in mine.shapes and len(mine.shapes) < 4:
                mine.shapes.append(shape)
        else:
            mine = rest
            dtypes.update(dict.fromkeys(t.dtype for t in module.tensors.values()))
        mine.layers += 1
        mine.parameters += parameters(these.found, module, bits)
        mine.nbytes += sum(tensor.nbytes for tensor in module.tensors.values())
    rest.stored = ", ".join(dtypes)
    return [*found.values(), *([rest] if rest.layers else [])]


def _largest(module: Module) -> tuple[int, ...]:
    return max(module.tensors.values(), key=lambda tensor: tensor.nbytes).shape


def _stored(group: Group | None, module: Module) -> str:
    if group is not None and module.compressed and layouts.known(group.format):
        return group.weights.words
    marked = [t for s, t in module.tensors.items() if s in ("weight", "weight_packed", "qweight")]
    return marked[0].dtype if marked else ", ".join({t.dtype for t in module.tensors.values()})


def _by_dtype(tensors: Iterable[Tensor]) -> dict[str, int]:
    found: dict[str, int] = {}
    for tensor in tensors:
        found[tensor.dtype] = found.get(tensor.dtype, 0) + tensor.nbytes
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _notes(these: Layers) -> list[str]:
    """What is worth knowing and no fault."""
    found, declared = these.found, these.declared
    notes = hints(declared)
    pickled = checkpoint.pickles(found.path)
    if pickled:
        notes.append(f"{pickled[0]} is a pickle: never opened here, engines take the safetensors")
    if found.config.get("auto_map"):
        notes.append("ships Python code of its own (auto_map): needs --trust_remote_code")
    if not any((found.path / name).is_file() for name in TOKENIZERS):
        notes.append("has no tokenizer: engines need one from elsewhere")
    if declared is not None and not declared.understood:
        notes.append(
            f"how {declared.method[:50]!r} stores its weights is not known here: layers not checked"
        )
    return notes


def hints(declared: Declaration | None) -> list[str]:
    """What the declared format means for whoever runs it."""
    if declared is None:
        return []
    said = []
    for group in declared.groups:
        weights, activations = group.weights, group.activations
        if activations is None:
            said.append(
                f"{group.name} is weight-only: less memory, faster for few users; under full load "
                "unpacking costs"
            )
        elif not activations.dynamic:
            said.append(f"{group.name}: activation scales are stored, from calibration text")
        else:
            said.append(f"{group.name}: activations are scaled as they come, nothing is stored")
        if group.format in ("int-quantized", "naive-quantized") and weights.bits < 8:
            said.append(f"{weights.bits}-bit weights take a byte each: pack-quantized halves that")
    return list(dict.fromkeys(said))
