"""The truth test: nothing on good checkpoints, and every broken one found, by layer and reason."""

import copy
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from checkpoints import checkpoint, truth
from core.errors import UserError
from tests import models

DOWN = "model.layers.0.mlp.down_proj"
Q = "model.layers.0.self_attn.q_proj"
BF16 = {"nan": b"\xc0\x7f", "inf": b"\x80\x7f", "zero": b"\0\0", "denormal": b"\x01\0"}


class Parts:
    """A good INT4 checkpoint in parts, to break one of."""

    def __init__(self) -> None:
        self.shapes, self.values = models.int4_shapes()
        self.declared = copy.deepcopy(models.INT4_DECLARED)
        self.config: dict[str, object] = {}

    def write(self, folder: Path) -> Path:
        declared = {"quantization_config": self.declared} if self.declared else {}
        return models.write_model(folder, self.shapes, self.values, **declared, **self.config)


def findings(folder: Path, base: Path | None = None) -> list[truth.Finding]:
    sizes = checkpoint.read(base).linear_layers if base else None
    return truth.examine(truth.layers(checkpoint.read(folder)), sizes)


def test_good_ones_have_no_findings(tmp_path: Path, base: Path) -> None:
    assert findings(base) == []
    assert findings(Parts().write(tmp_path / "int4"), base) == []
    assert findings(models.write_compressed(tmp_path / "fp8", base), base) == []


def rename_scale(parts: Parts) -> None:
    parts.shapes[f"{DOWN}.weight_scales"] = parts.shapes.pop(f"{DOWN}.weight_scale")


def swap_dtype(parts: Parts) -> None:
    parts.shapes[f"{DOWN}.weight_packed"] = ("F32", (128, 32))


def packed_shape(parts: Parts) -> None:
    parts.shapes[f"{DOWN}.weight_packed"] = ("I32", (128, 64))


def leave_one(parts: Parts) -> None:
    for suffix in ("packed", "scale", "shape"):
        del parts.shapes[f"{DOWN}.weight_{suffix}"]
    parts.shapes[f"{DOWN}.weight"] = ("BF16", (128, 256))


def keep_the_weight(parts: Parts) -> None:
    parts.shapes[f"{DOWN}.weight"] = ("BF16", (128, 256))


def only_the_config(parts: Parts) -> None:
    parts.shapes, parts.values = models.llama_shapes(), {}


def only_the_tensors(parts: Parts) -> None:
    parts.declared = {}


def ignore_it(parts: Parts) -> None:
    parts.declared["ignore"] = ["lm_head", "re:.*down_proj$"]


def orphan(parts: Parts) -> None:
    parts.shapes["lm_head.weight_scale"] = ("BF16", (32, 1))


def stray_cache_scale(parts: Parts) -> None:
    parts.shapes["model.layers.0.self_attn.k_scale"] = ("BF16", (1,))


def cache_without_scales(parts: Parts) -> None:
    parts.declared["kv_cache_scheme"] = {"num_bits": 8, "type": "float", "strategy": "tensor"}


def missing_zero_points(parts: Parts) -> None:
    parts.declared["config_groups"]["group_0"]["weights"]["symmetric"] = False


def bad_zero_points(parts: Parts) -> None:
    shapes, parts.values = models.int4_shapes(symmetric=False)
    parts.shapes = {
        n: ("I8", (s[0] * 8, s[1])) if n.endswith("zero_point") else (d, s)
        for n, (d, s) in shapes.items()
    }
    missing_zero_points(parts)
    for name in parts.shapes:
        if name.endswith("zero_point"):
            parts.values[name] = bytes(256)
    parts.values[f"{DOWN}.weight_zero_point"] = b"\x08" + bytes(255)


def fused_apart(parts: Parts) -> None:
    group = copy.deepcopy(models.INT4_GROUP)
    group["targets"] = ["re:.*q_proj"]
    group["weights"]["group_size"] = 64
    parts.declared["config_groups"] = {"a": group, "b": models.INT4_GROUP}
    parts.shapes[f"{Q}.weight_scale"] = ("BF16", (128, 2))


def misspelt_target(parts: Parts) -> None:
    parts.declared["config_groups"]["group_0"]["targets"] = ["Linear", "re:.*dwon_proj"]


def no_head(parts: Parts) -> None:
    del parts.shapes["lm_head.weight"]


def tied_apart(parts: Parts) -> None:
    parts.config["tie_word_embeddings"] = True
    parts.values["lm_head.weight"] = b"\1"


def weight_shape_lies(parts: Parts) -> None:
    parts.values[f"{DOWN}.weight_shape"] = struct.pack("<2q", 128, -4)


def unknown_format(parts: Parts) -> None:
    parts.declared["format"] = "marlin-24"


def norm_values(parts: Parts) -> None:
    parts.values["model.layers.0.input_layernorm.weight"] = BF16["nan"]


def scale(kind: str) -> Callable[[Parts], None]:
    def breaking(parts: Parts) -> None:
        parts.values[f"{DOWN}.weight_scale"] = BF16[kind]

    return breaking


BROKEN: dict[str, tuple[Callable[[Parts], None], str, str]] = {
    "renamed scale": (rename_scale, "missing", f"{DOWN}: has no weight_scale"),
    "renamed scale, its new name": (rename_scale, "orphan", "has a stray weight_scales"),
    "swapped dtype": (swap_dtype, "dtype", f"{DOWN}: weight_packed is F32, not I32"),
    "packed shape": (packed_shape, "shape", "weight_packed is [128, 64], not [128, 32]"),
    "one layer left": (leave_one, "unquantized", f"{DOWN}: stored as BF16, declared W4A16"),
    "weight kept": (keep_the_weight, "orphan", f"{DOWN}: still has its uncompressed weight"),
    "says W4A16, is bf16": (only_the_config, "unquantized", f"{Q}: stored as BF16, declared W4"),
    "nothing declared": (only_the_tensors, "not ignored", "no quantization is declared"),
    "ignored": (ignore_it, "not ignored", f"{DOWN}: stored as packed with weight_packed"),
    "orphan scale": (orphan, "not ignored", "lm_head: stored as BF16 with weight_scale"),
    "stray cache scale": (stray_cache_scale, "orphan", "self_attn: has k_scale, no KV cache"),
    "cache without": (cache_without_scales, "missing", "self_attn: has no k_scale although"),
    "no zero points": (missing_zero_points, "missing", f"{DOWN}: has no weight_zero_point"),
    "zero points": (bad_zero_points, "zero points", "1 zero points lie outside 4 bits"),
    "fused apart": (fused_apart, "fused", "k_proj: declared W4A16, INT4 group 128"),
    "misspelt target": (misspelt_target, "declaration", "'re:.*dwon_proj' matches no layer"),
    "no head": (no_head, "tied", "no output layer is stored"),
    "tied apart": (tied_apart, "tied", "lm_head: the config ties the output layer"),
    "weight_shape": (weight_shape_lies, "shape", "weight_shape says no pair of sizes"),
    "NaN norm": (norm_values, "values", "input_layernorm: weight: 1 of 128 values are NaN"),
    "unknown format": (unknown_format, "declaration", "'marlin-24', an unknown format"),
    **{
        f"{kind} scale": (scale(kind), "scales", f"{DOWN}: weight_scale: 1 of 256 scales are")
        for kind in BF16
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_ones_are_found_and_named(tmp_path: Path, name: str) -> None:
    breaking, kind, sentence = BROKEN[name]
    parts = Parts()
    breaking(parts)
    found = findings(parts.write(tmp_path / "c"))
    assert any(f.kind == kind and sentence in str(f) for f in found), [str(f) for f in found]


def test_only_what_is_broken_is_named(tmp_path: Path) -> None:
    parts = Parts()
    leave_one(parts)
    assert [f.module for f in findings(parts.write(tmp_path / "c"))] == [DOWN]


def test_another_size_than_the_base_has(tmp_path: Path, base: Path) -> None:
    parts = Parts()
    parts.shapes[f"{DOWN}.weight_packed"] = ("I32", (128, 16))
    parts.shapes[f"{DOWN}.weight_scale"] = ("BF16", (128, 1))
    parts.values[f"{DOWN}.weight_shape"] = struct.pack("<2q", 128, 128)
    folder = parts.write(tmp_path / "c")
    assert findings(folder) == []
    assert any("the base's [128, 256]" in str(f) for f in findings(folder, base))


def shards(folder: Path, index: dict[str, str]) -> Path:
    models.write_model(folder, {"a.weight": ("BF16", (2, 2))}, tie_word_embeddings=True)
    models.write_safetensors(folder / "second.safetensors", {"b.weight": ("BF16", (2, 2))})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    return folder


RIGHT = {"a.weight": "model.safetensors", "b.weight": "second.safetensors"}
INDEXES = [
    (RIGHT, None),
    ({"a.weight": "model.safetensors"}, "second.safetensors is in the folder"),
    ({"a.weight": "second.safetensors", "b.weight": "model.safetensors"}, "the index says"),
    ({**RIGHT, "c": "model.safetensors"}, "c: the index says it is in model.safetensors"),
    ({"c": "model.safetensors", "d": "second.safetensors"}, "but the index does not name it"),
]


@pytest.mark.parametrize(("index", "sentence"), INDEXES)
def test_the_index(tmp_path: Path, index: dict[str, str], sentence: str | None) -> None:
    found = [str(f) for f in findings(shards(tmp_path / "c", index))]
    assert any(sentence in f for f in found) if sentence else found == []


BAD_CONFIGS = [
    {"config_groups": 3},
    {"config_groups": {"a": {"targets": "Linear", "weights": {"num_bits": 4}}}},
    {"config_groups": {"a": {"targets": ["Linear"], "weights": {"num_bits": "4"}}}},
    {"config_groups": {"a": {"targets": ["Linear"], "weights": {"num_bits": 10**9}}}},
    {"config_groups": {"a": {"targets": ["Linear"], "weights": {"strategy": "group"}}}},
    {"config_groups": {"a": {"targets": ["re:(" * 50], "weights": {"num_bits": 8}}}},
    {"config_groups": {"a": {"targets": ["re:((a{999}){999}){999}"], "weights": {}}}},
    {"config_groups": {}, "ignore": ["re:(?:m|mo|o|od|d|de|el|.)+$^" * 20]},
    {"quant_method": "gptq", "bits": None},
    {"quant_method": "awq", "bits": 4, "group_size": []},
    {"quant_method": "fp8", "weight_block_size": [1, 2, 3]},
    {"quant_method": ["x"]},
]


@pytest.mark.parametrize("declared", BAD_CONFIGS, ids=str)
def test_bad_declarations_are_one_sentence(tmp_path: Path, declared: dict[str, object]) -> None:
    folder = models.write_model(tmp_path / "c", quantization_config=declared)
    try:
        assert findings(folder)
    except UserError as problem:
        assert "quantization_config" in str(problem) and "\n" not in str(problem)
