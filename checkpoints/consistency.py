"""What a finding is, and whether files fit together: the index, tied embeddings."""

from collections.abc import Iterator
from dataclasses import dataclass

from checkpoints.checkpoint import Checkpoint
from checkpoints.modules import blocks

HEADS = ("lm_head", "embed_out", "output", "head", "score", "classifier")
UNTYING = "the config ties the output layer to the embedding"


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
