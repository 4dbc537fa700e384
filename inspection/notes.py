"""What is worth knowing about a checkpoint and no fault, in sentences."""

from checkpoints import checkpoint
from checkpoints.declared import Declaration
from checkpoints.truth import Layers

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json", "vocab.txt")


def notes(layers: Layers) -> list[str]:
    """One sentence each; what the declared format means stands first."""
    files, declared = layers.checkpoint, layers.declared
    sentences = hints(declared)
    pickled = checkpoint.pickles(files.path)
    if pickled:
        sentences.append(
            f"{pickled[0]} is a pickle: never opened here, engines take the safetensors"
        )
    if files.config.get("auto_map"):
        sentences.append("ships Python code of its own (auto_map): needs --trust_remote_code")
    if not any((files.path / name).is_file() for name in TOKENIZERS):
        sentences.append("has no tokenizer: engines need one from elsewhere")
    if declared is not None and not declared.understood:
        sentences.append(
            f"how {declared.method[:50]!r} stores its weights is not known here: layers not checked"
        )
    return sentences


def hints(declared: Declaration | None) -> list[str]:
    """What the declared format means for whoever runs it."""
    if declared is None:
        return []
    sentences = []
    for group in declared.groups:
        weights, activations = group.weights, group.activations
        if activations is None:
            sentences.append(
                f"{group.name} is weight-only: less memory, faster for few users; under full load "
                "unpacking costs"
            )
        elif not activations.dynamic:
            sentences.append(f"{group.name}: activation scales are stored, from calibration text")
        else:
            sentences.append(
                f"{group.name}: activations are scaled as they come, nothing is stored"
            )
        if group.format in ("int-quantized", "naive-quantized") and weights.bits < 8:
            sentences.append(
                f"{weights.bits}-bit weights take a byte each: pack-quantized halves that"
            )
    return list(dict.fromkeys(sentences))
