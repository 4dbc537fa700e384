"""Loading a model in transformers, whichever of its automatic classes knows it, and writing it.

What `write_decompressed` leaves is a checkpoint that needs no kernel of its format.
"""

import json
import shutil
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from checkpoints.entries import inside
from core.errors import UserError

# What a model needs apart from weights and config, which compressing does not change: every kind of
# tokenizer that transformers reads; of a model of several parts, how images are prepared.
BESIDE_WEIGHTS = (
    "generation_config.json", "tokenizer*", "special_tokens_map.json", "added_tokens.json",
    "*vocab.*", "vocab-*.json", "merges.txt", "*.model", "*.spm", "*.tiktoken", "*.tokenizer",
    "tekken.json", "bpe.codes", "dict.txt", "emoji.json", "normalizer.json", "byte_maps.json",
    "word_*.json", "chat_template*", "preprocessor_config.json", "processor_config.json",
    "video_preprocessor_config.json", "audio_tokenizer_config.json", "LICENSE*", "USE_POLICY.md",
)  # fmt: skip
# Loading these can run code of whoever published them.
CODE = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt", "*.h5", "*.msgpack", "*.py")
DECLARED = ("quantization_config", "compression_config")
CHAT_TEMPLATES = "additional_chat_templates"


def load(folder: Path, trust_remote_code: bool, **options: Any) -> Any:
    """A language model, or one of several parts that holds one; in its own dtype unless told.

    `options` are `from_pretrained`'s. Raises `UserError` for a model of another kind.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    chosen: Any = AutoModelForCausalLM
    several = type(config) in AutoModelForImageTextToText._model_mapping
    if several and type(config) not in AutoModelForCausalLM._model_mapping:
        chosen = AutoModelForImageTextToText
    if not (config.to_dict().get("auto_map") or type(config) in chosen._model_mapping):
        raise UserError(f"{folder}: transformers has no language model of type {config.model_type}")
    wanted = {"dtype": "auto", "trust_remote_code": trust_remote_code, **options}
    model = chosen.from_pretrained(folder, **wanted)
    _plain_linear(model)
    return model


def _plain_linear(model: Any) -> None:
    """Make Falcon's own kind of linear layer an ordinary one, which computes the same.

    compressed-tensors 0.19 finds layers by their parent classes but stores the very class only.
    """
    import torch

    for module in model.modules():
        if type(module).__name__ == "FalconLinear":
            module.__class__ = torch.nn.Linear


def copy_beside_weights(model: Path, checkpoint: Path, own_code: bool = False) -> None:
    """Copy byte for byte what compressing does not change: transformers may refuse to write it.

    The model's own Python files are among it where it is trusted with `own_code`. Raises `Damaged`
    for a link that leads out of the model's folder.
    """
    for file in sorted((*model.iterdir(), *(model / CHAT_TEMPLATES).glob("*.jinja"))):
        wanted = is_beside_weights(file.name) or (own_code and file.suffix == ".py")
        if file.is_file() and (wanted or file.parent != model):
            copy = checkpoint / file.relative_to(model)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(inside(model, file), copy)


def is_beside_weights(name: str) -> bool:
    """Whether a file's name is of what `copy_beside_weights` copies."""
    wanted = any(fnmatchcase(name, pattern) for pattern in BESIDE_WEIGHTS)
    return wanted and not any(fnmatchcase(name, pattern) for pattern in CODE)


def write_decompressed(source: Path, output: Path, trust_remote_code: bool) -> None:
    """Write the checkpoint in `source` to the folder `output`, in the dtype its config names.

    transformers decompresses, by compressed-tensors; nothing is rounded but a format's own values
    to that dtype. Raises `UserError` where the disk has no room.
    """
    from transformers import CompressedTensorsConfig

    model = load(
        source, trust_remote_code, quantization_config=CompressedTensorsConfig(dequantize=True)
    )
    needed = sum(tensor.numel() * tensor.element_size() for tensor in model.parameters())
    output.mkdir(parents=True)
    free = shutil.disk_usage(output).free
    if needed > free:
        raise UserError(
            f"decompressed, {source.name} takes {needed / 2**30:.1f} GiB and "
            f"{free / 2**30:.1f} GiB are free in {output.parent}: set TMPDIR to a larger disk"
        )
    copy_beside_weights(source, output, trust_remote_code)
    compressed = {
        n for n, module in model.named_modules() if hasattr(module, "quantization_scheme")
    }
    plain = {
        name: tensor
        for name, tensor in model.state_dict().items()
        if name.rpartition(".")[0] not in compressed or name.endswith((".weight", ".bias"))
    }
    model.can_generate = lambda: False  # else its generation config is checked, and written
    model.save_pretrained(output, state_dict=plain)
    config = output / "config.json"
    document = json.loads(config.read_text(encoding="utf-8"))
    for name in DECLARED:
        document.pop(name, None)
    config.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
