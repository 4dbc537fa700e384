"""What a finding is, and whether files fit together: the index, tied embeddings, all layers.

Names of layers are those of Llama and the many models that follow it:
`model.layers.7.mlp.gate_proj`, `model.embed_tokens`, `model.norm`, perhaps within a model
of several parts. Whether all are there is not said of others (GPT-2, OPT, encoders),
nor where a config does not say how many there are.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from checkpoints.checkpoint import DECODER, EMBEDDING, Checkpoint
from checkpoints.modules import PLAIN, Module, blocks

HEADS = ("lm_head", "embed_out", "output", "head", "score", "classifier")
UNTYING = "the config ties the output layer to the embedding"
TOGETHER = (("q_proj", "k_proj", "v_proj", "o_proj"), ("gate_proj", "up_proj", "down_proj"))
# layers that take keys, values or whole blocks from elsewhere
SHARING = ("num_kv_shared_layers", "attention_k_eq_v", "cla_share_factor", "block_configs")
FEW = 20


@dataclass(frozen=True)
class Finding:
    """One thing that is not as declared. `kind` is for programs, `reason` for people.

    `module` is empty for what concerns the whole checkpoint.
    """

    kind: str
    module: str
    reason: str

    def __str__(self) -> str:
        return f"{self.module}: {self.reason}" if self.module else self.reason


def index(checkpoint: Checkpoint) -> Iterator[Finding]:
    """Tensors twice, elsewhere than the index says, or unknown to it."""
    seen: dict[str, str] = {}
    for tensor in checkpoint.tensors:
        if tensor.name in seen:
            yield Finding(
                "index", tensor.name, f"in {seen[tensor.name]} and again in {tensor.file}"
            )
        seen[tensor.name] = tensor.file
    if checkpoint.index is None:
        return
    for name in [name for name in checkpoint.index if name not in seen]:
        yield Finding("index", name, f"the index says it is in {checkpoint.index[name]}: it is not")
    for name, file in seen.items():
        if name not in checkpoint.index:
            yield Finding("index", name, f"in {file}, but the index does not name it")
        elif checkpoint.index[name] != file:
            yield Finding("index", name, f"in {file}, the index says {checkpoint.index[name]}")
    named = set(checkpoint.index.values())
    for extra in sorted(
        f.name for f in checkpoint.path.glob("*.safetensors") if f.name not in named
    ):
        yield Finding("index", "", f"{extra} is in the folder, but the index does not name it")


def tied(checkpoint: Checkpoint) -> Iterator[Finding]:
    """A tied output layer is the embedding; an untied one must be there."""
    is_tied = checkpoint.config.get("tie_word_embeddings")
    heads = [t for t in checkpoint.tensors if t.name in ("lm_head.weight", "embed_out.weight")]
    tables = [
        t for t in checkpoint.tensors if t.name.endswith(("embed_tokens.weight", "wte.weight"))
    ]
    if is_tied is True and len(heads) == 1 and len(tables) == 1:
        head, table = heads[0], tables[0]
        if (head.dtype, head.shape) != (table.dtype, table.shape):
            yield Finding(
                "tied", "lm_head", f"{UNTYING}, but it is {head.dtype} {list(head.shape)}"
            )
        elif any(
            a != b for a, b in zip(blocks(checkpoint, head), blocks(checkpoint, table), strict=True)
        ):
            yield Finding("tied", "lm_head", f"{UNTYING}, but stores other weights for it")
    names = {n.split(".")[-2] for n in checkpoint.by_name if "." in n}
    architectures = str(checkpoint.config.get("architectures"))
    if is_tied is False and "ForCausalLM" in architectures and not names & set(HEADS):
        yield Finding("tied", "", "no output layer is stored, and the config does not tie it")


def complete(checkpoint: Checkpoint, modules: dict[str, Module]) -> Iterator[Finding]:
    """Decoder layers, projections, the embedding or the final norm that are not there.

    Raises `Damaged` for a config whose sizes are no numbers.
    """
    prefix, numbers = _layers(modules)
    wanted = checkpoint.number("num_hidden_layers", 0)
    if not numbers or not wanted or checkpoint.config.get("is_encoder_decoder"):
        return
    yield from _numbered(checkpoint, prefix, numbers, wanted)
    yield from _together(checkpoint, modules)
    yield from _embedding(checkpoint, prefix, modules)
    norms = [name for name in modules if "norm" in name.rpartition(".")[2]]
    body = prefix.rstrip(".")
    if any(map(DECODER.match, norms)) and not any(n.rpartition(".")[0] == body for n in norms):
        yield Finding("missing", f"{prefix}norm", "no final norm is stored")


def _layers(modules: Iterable[str]) -> tuple[str, set[int]]:
    """The prefix of the decoder layers' names, and their numbers."""
    numbers: dict[str, set[int]] = {}
    for name in modules:
        match = DECODER.match(name + ".")
        if match and len(match[2]) < 6:
            numbers.setdefault(match[1], set()).add(int(match[2]))
    return max(numbers.items(), key=lambda item: len(item[1]), default=("", set()))


def _numbered(
    checkpoint: Checkpoint, prefix: str, numbers: set[int], wanted: int
) -> Iterator[Finding]:
    """Exactly 0 to `wanted` - 1, and after them what predicts further tokens."""
    says = f"the config says {wanted} layers"
    missing = list(islice((n for n in range(wanted) if n not in numbers), FEW))
    for number in missing:
        yield Finding("missing", f"{prefix}layers.{number}", f"is not stored, {says}")
    left = wanted - sum(number < wanted for number in numbers) - len(missing)
    if left > 0:
        yield Finding("missing", "", f"{left} further layers are not stored, {says}")
    most = wanted + checkpoint.number("num_nextn_predict_layers", 0)
    for number in sorted(n for n in numbers if n >= most)[:FEW]:
        yield Finding("orphan", f"{prefix}layers.{number}", f"is one too many, {says}")


def _together(checkpoint: Checkpoint, modules: dict[str, Module]) -> Iterator[Finding]:
    """Projections that stand next to these in other layers and not in this one."""
    text = checkpoint.config.get("text_config")
    configs = (checkpoint.config, text if isinstance(text, dict) else {})
    if any(config.get(key) for config in configs for key in SHARING):
        return
    places: dict[str, set[str]] = {}
    for name in modules:
        parent, _, last = name.rpartition(".")
        places.setdefault(parent, set()).add(last)
    usual: dict[str, set[str]] = {}
    for parent, names in places.items():
        usual.setdefault(_place(parent), set()).update(names)
    for parent, names in places.items():
        if any(name.startswith("kv_") for name in names) or not DECODER.match(parent + "."):
            continue  # latent attention has other projections next to q_proj
        for group in TOGETHER:
            siblings = [name for name in group if name in names]
            for name in group if siblings else ():
                if name not in names and name in usual[_place(parent)]:
                    why = f"is not stored, {siblings[0]} next to it is"
                    yield Finding("missing", f"{parent}.{name}", why)


def _place(name: str) -> str:
    """A name whatever its numbers."""
    return re.sub(r"\.\d+(?=\.|$)", ".#", name)


def _embedding(
    checkpoint: Checkpoint, prefix: str, modules: dict[str, Module]
) -> Iterator[Finding]:
    words, width = checkpoint.number("vocab_size", 0), checkpoint.number("hidden_size", 0)
    if not words or not width:
        return
    table = modules.get(f"{prefix}embed_tokens")
    if table is None:
        if not any("layers." not in name and EMBEDDING.search(name + ".") for name in modules):
            yield Finding("missing", f"{prefix}embed_tokens", "no embedding is stored")
        return
    weight = table.tensors.get("weight")
    if weight is None or weight.dtype not in PLAIN or len(weight.shape) != 2:
        return
    rows, columns = weight.shape
    if rows < words or columns != width:
        why = f"is {rows} x {columns}, the config says {words} x {width}"
        yield Finding("shape", table.name, why)
