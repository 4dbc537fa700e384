"""Tiny model folders written by hand: tests need neither torch nor real weights."""

import json
import os
import struct
from pathlib import Path

BYTES = {"F16": 2, "BF16": 2, "F32": 4, "I32": 4, "I64": 8, "I8": 1, "F8_E4M3": 1, "U8": 1}
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 128,
    "max_position_embeddings": 512,
    "tie_word_embeddings": False,
}

FP8_GROUP = {
    "targets": ["Linear"],
    "weights": {"num_bits": 8, "type": "float", "strategy": "channel", "dynamic": False},
    "input_activations": {"num_bits": 8, "type": "float", "strategy": "token", "dynamic": True},
}
FP8_DECLARED = {
    "quant_method": "compressed-tensors",
    "format": "float-quantized",
    "config_groups": {"group_0": FP8_GROUP},
    "ignore": ["lm_head"],
}

Shapes = dict[str, tuple[str, tuple[int, ...]]]


def write_safetensors(path: Path, shapes: Shapes, values: dict[str, bytes] | None = None) -> None:
    """A whole safetensors file of ones (bytes 0x3f) with these dtypes and shapes.

    `values` gives the first bytes of some tensors.
    """
    header, place, data = {}, 0, []
    for name, (dtype, shape) in shapes.items():
        size = BYTES[dtype]
        for extent in shape:
            size *= extent
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
        given = (values or {}).get(name, b"")[:size]
        data.append(given + b"\x3f" * (size - len(given)))
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def llama_shapes(layers: int = 1, hidden: int = 128, intermediate: int = 256) -> Shapes:
    shapes: Shapes = {"model.embed_tokens.weight": ("BF16", (32, hidden))}
    for n in range(layers):
        root = f"model.layers.{n}"
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            shapes[f"{root}.self_attn.{name}.weight"] = ("BF16", (hidden, hidden))
        for name in ("gate_proj", "up_proj"):
            shapes[f"{root}.mlp.{name}.weight"] = ("BF16", (intermediate, hidden))
        shapes[f"{root}.mlp.down_proj.weight"] = ("BF16", (hidden, intermediate))
        shapes[f"{root}.input_layernorm.weight"] = ("BF16", (hidden,))
    shapes["lm_head.weight"] = ("BF16", (32, hidden))
    return shapes


def write_model(
    folder: Path,
    shapes: Shapes | None = None,
    values: dict[str, bytes] | None = None,
    **config: object,
) -> Path:
    """A base model folder; keywords go into its config."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    write_safetensors(folder / "model.safetensors", shapes or llama_shapes(), values)
    return folder


def kept_from_others(folder: Path) -> list[str]:
    """What in a folder is less open than the user's umask lets new files and folders be."""
    mask = os.umask(0)
    os.umask(mask)
    return [
        str(path)
        for path in (folder, *folder.rglob("*"))
        if path.stat().st_mode & 0o777 != (0o777 if path.is_dir() else 0o666) & ~mask
    ]


def write_compressed(folder: Path, base: Path, scheme: str = "FP8-W8A8") -> Path:
    """A checkpoint that looks like what compress.py leaves, for engines that read no weights."""
    from checkpoints import checkpoint

    shapes: Shapes = {}
    for name, (dtype, shape) in llama_shapes().items():
        if name.endswith("_proj.weight"):
            shapes[name] = ("F8_E4M3", shape)
            shapes[name + "_scale"] = ("BF16", (shape[0], 1))
        else:
            shapes[name] = (dtype, shape)
    write_model(folder, shapes, quantization_config=FP8_DECLARED)
    manifest = {
        "model": base.name,
        "scheme": scheme,
        "base": {"fingerprint": checkpoint.read(base).fingerprint},
    }
    (folder / "compression.json").write_text(json.dumps(manifest))
    return folder


INT4_GROUP = {
    "targets": ["Linear"],
    "weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128},
}
INT4_DECLARED = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "config_groups": {"group_0": INT4_GROUP},
    "ignore": ["lm_head"],
}


def int4_shapes(symmetric: bool = True) -> tuple[Shapes, dict[str, bytes]]:
    """What INT4-W4A16 makes of `llama_shapes`, and the values that must be right."""
    shapes: Shapes = {}
    values = {}
    for name, (dtype, shape) in llama_shapes().items():
        if not name.endswith("_proj.weight"):
            shapes[name] = (dtype, shape)
            continue
        rows, columns = shape
        shapes[f"{name}_packed"] = ("I32", (rows, columns // 8))
        shapes[f"{name}_scale"] = ("BF16", (rows, columns // 128))
        shapes[f"{name}_shape"] = ("I64", (2,))
        values[f"{name}_shape"] = struct.pack("<2q", rows, columns)
        if not symmetric:
            shapes[f"{name}_zero_point"] = ("I32", (rows // 8, columns // 128))
    return shapes, values
