"""Reading a checkpoint folder without loading weights: config, safetensors headers, fingerprint.

Folders are untrusted: nothing outside the folder is opened, no pickle ever is, and whatever
is broken ends in one sentence.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from checkpoints import entries
from checkpoints.entries import inside as inside
from checkpoints.headers import DTYPE_BITS, Tensor, read_header
from core.errors import UserError
from core.strict_json import Damaged as Damaged
from core.strict_json import read_json as read_json

MAX_TENSORS = 400_000
MAX_CONFIG_BYTES = 16 << 20  # bytes a config may have; they have kilobytes
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
# decoder layers; in models of several parts those of the language model
DECODER = re.compile(
    r"((?:model\.|language_model\.model\.|model\.language_model\.)?)layers\.(\d+)\."
)
PARTS = ("text_config", "vision_config", "audio_config")
EMBEDDING = re.compile(r"embed(?!_out)|(^|\.)wte\.|(^|\.)wpe\.|word_embeddings|position")
SAMPLE_BYTES = 65_536
SAMPLES_PER_FILE = 32


@dataclass(frozen=True)
class Checkpoint:
    """A folder of weights: its config and every tensor's header. Make one with `read`.

    `index` maps tensors to files as `model.safetensors.index.json` says, None without that file;
    `modelopt` is the `quantization` of `hf_quant_config.json`, where ModelOpt declares it.
    """

    path: Path
    config: dict[str, Any]
    files: tuple[Path, ...]
    tensors: tuple[Tensor, ...]
    index: dict[str, str] | None = None
    modelopt: dict[str, Any] | None = None

    @cached_property
    def by_name(self) -> dict[str, Tensor]:
        """Tensors by name."""
        return {tensor.name: tensor for tensor in self.tensors}

    @property
    def nbytes(self) -> int:
        """Bytes of all weight files on disk."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def quantization(self) -> dict[str, Any] | None:
        """`quantization_config` as the checkpoint declares it, None when it is not compressed."""
        declared = self.config.get("quantization_config")
        if isinstance(declared, dict) and declared:
            return declared
        return {"quant_method": "modelopt", **self.modelopt} if self.modelopt else None

    @property
    def format(self) -> str:
        """The declared storage format: compressed-tensors' name, another method's, or `dense`."""
        declared = self.quantization or {}
        return str(declared.get("format") or declared.get("quant_method") or "dense")

    @property
    def context_length(self) -> int:
        """`max_position_embeddings`, or 2048 where the config does not say."""
        return self.number("max_position_embeddings", 2048)

    def number(self, key: str, default: int) -> int:
        """A whole number of the config or of its text part. Raises `UserError` for others."""
        text = self.config.get("text_config")
        value = self.config.get(key, text.get(key) if isinstance(text, dict) else None)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise Damaged(
                f"{self.path / 'config.json'}: {key} is {str(value)[:50]!r}, not a number"
            )
        return value

    @property
    def dtype(self) -> str:
        """The dtype most bytes have, as headers name it."""
        sizes: dict[str, int] = {}
        for tensor in self.tensors:
            sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.nbytes
        return max(sizes, key=sizes.__getitem__, default="BF16")

    @property
    def dtype_bits(self) -> int:
        """Width of the uncompressed weights."""
        return DTYPE_BITS[self.dtype]

    @cached_property
    def linear_layers(self) -> dict[str, tuple[int, int]]:
        """Module name to (outputs, inputs) of every uncompressed linear layer, `lm_head` included.

        Found by shape: a 2-D `weight` that is neither an embedding nor a norm of several heads.
        (GPT-2's Conv1D layers look alike but are no `Linear`: `conv1d` tells.)
        """
        layers = {}
        for tensor in self.tensors:
            module, _, kind = tensor.name.rpartition(".")
            if kind != "weight" or len(tensor.shape) != 2 or module.endswith("norm"):
                continue
            if not EMBEDDING.search(tensor.name):
                layers[module] = (tensor.shape[0], tensor.shape[1])
        return layers

    @property
    def several_parts(self) -> bool:
        """Whether the config has parts; published Qwen2.5-VL ones have none for the text."""
        return any(isinstance(self.config.get(part), dict) for part in PARTS)

    @cached_property
    def beside_text(self) -> set[str]:
        """Linear layers of a model of several parts that are no language model's (vision, audio).

        The output layer is among them, which no scheme compresses either.
        """
        if not self.several_parts:
            return set()
        return {name for name in self.linear_layers if not DECODER.match(name)}

    @property
    def conv1d(self) -> bool:
        """Whether the architecture stores its layers as transformers' `Conv1D`."""
        return self.config.get("model_type") in {"gpt2", "openai-gpt"}

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over the config, every header and 32 evenly spread 64 KiB blocks per file.

        Reading a sample keeps an 8B checkpoint under a second and out of the page cache; any
        requantization changes blocks everywhere.
        """
        digest = hashlib.sha256(json.dumps(self.config, sort_keys=True).encode())
        for path in self.files:
            size = path.stat().st_size
            digest.update(f"{path.name}:{size}".encode())
            with path.open("rb") as file:
                for place in _spread(size):
                    file.seek(place)
                    digest.update(file.read(SAMPLE_BYTES))
        return digest.hexdigest()[:16]


def _spread(size: int) -> Iterable[int]:
    """Where to sample a file: everything when it is small, else evenly with both ends."""
    if size <= SAMPLE_BYTES * SAMPLES_PER_FILE:
        return range(0, size, SAMPLE_BYTES)
    last = size - SAMPLE_BYTES
    return [last * n // (SAMPLES_PER_FILE - 1) for n in range(SAMPLES_PER_FILE)]


def read(path: Path) -> Checkpoint:
    """Open a checkpoint folder.

    Raises `UserError` when it is none or holds pickles, `Damaged` when a file of it is broken or a
    link leads out of it.
    """
    if not path.is_dir():
        raise UserError(f"{path}: there is no such folder")
    if not (path / "config.json").is_file():
        raise UserError(f"{path}: not a model: it has no config.json")
    entries.check(path)
    config = read_part(path, "config.json")
    if not isinstance(config.get("model_type"), str):
        where = path / "config.json"
        raise Damaged(f"{where}: has no model_type, so nothing knows the architecture")
    index = _index(path)
    files = tuple(inside(path, file) for file in _weight_files(path, index))
    tensors: list[Tensor] = []
    for file in files:
        tensors += read_header(file)
        if len(tensors) > MAX_TENSORS:
            raise Damaged(f"{path}: more than {MAX_TENSORS:,} tensors")
    modelopt = None
    if (path / "hf_quant_config.json").is_file():
        declared = read_part(path, "hf_quant_config.json").get("quantization")
        modelopt = declared if isinstance(declared, dict) else None
    return Checkpoint(path, config, files, tuple(tensors), index, modelopt)


def read_part(folder: Path, name: str) -> dict[str, Any]:
    """A small JSON file of a checkpoint folder, such as its generation config."""
    return read_json(inside(folder, folder / name), MAX_CONFIG_BYTES)


def _index(path: Path) -> dict[str, str] | None:
    """Tensor to file as the index says. Raises `Damaged` for one that names anything else."""
    file = path / "model.safetensors.index.json"
    if not file.is_file():
        return None
    mapped = read_json(inside(path, file)).get("weight_map")
    if not isinstance(mapped, dict) or not all(isinstance(name, str) for name in mapped.values()):
        raise Damaged(f"{file}: has no weight_map of tensors to files")
    named = sorted(set(mapped.values()))
    odd = [n for n in named if not re.fullmatch(r"[^/\\\0]+\.safetensors", n)]
    if odd:
        why = "names files that are not *.safetensors of its own folder"
        raise Damaged(f"{file}: {why}: {', '.join(repr(n[:100]) for n in odd[:5])}")
    present = {entry.name for entry in path.iterdir() if entry.is_file()}
    missing = [name for name in named if name not in present]
    if missing:
        shown = ", ".join(repr(n[:100]) for n in missing[:5])
        raise Damaged(f"{file}: names files that are not there: {shown}")
    return mapped


def _weight_files(path: Path, index: dict[str, str] | None) -> list[Path]:
    """The safetensors files, those the index names where there is one."""
    if index is not None:
        return [path / name for name in sorted(set(index.values()))]
    files = sorted(file for file in path.glob("*.safetensors") if file.is_file())
    if not files:
        pickled = pickles(path)
        why = "it has no *.safetensors"
        if pickled:
            why = f"its weights are pickled ({pickled[0]}), and pickles can run code: convert them"
        raise UserError(f"{path}: {why}")
    return files


def pickles(path: Path) -> list[str]:
    """Names of pickled weight files in the folder, which are never opened."""
    return sorted(f.name for pattern in PICKLES for f in path.glob(pattern))
