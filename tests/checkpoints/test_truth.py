"""The truth test: nothing on good checkpoints, and every broken one found, by layer and reason."""

import copy
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
    sizes = "outputs x inputs are [128, 128], the base's [128, 256]"
    assert truth.Finding("shape", DOWN, sizes) in findings(folder, base)


def test_a_layer_only_the_base_has(tmp_path: Path, base: Path) -> None:
    parts = Parts()
    for name in [name for name in parts.shapes if name.startswith(Q)]:
        del parts.shapes[name]
    folder = parts.write(tmp_path / "c")
    assert findings(folder) == []
    why = "the base has this layer, the checkpoint has not"
    assert findings(folder, base) == [truth.Finding("missing", Q, why)]


def test_a_head_only_the_base_has_is_tied(tmp_path: Path, base: Path) -> None:
    parts = Parts()
    del parts.shapes["lm_head.weight"]
    parts.config["tie_word_embeddings"] = True
    assert findings(parts.write(tmp_path / "c"), base) == []


def test_layers_and_their_declared_widths(tmp_path: Path) -> None:
    layers = truth.layers(checkpoint.read(Parts().write(tmp_path / "c")))
    widths = {name: layers.bits_of(module) for name, module in layers.modules.items()}
    assert widths[DOWN] == widths[Q] == 4
    assert widths["lm_head"] == widths["model.embed_tokens"] == 16
    norm = "model.layers.0.input_layernorm"
    assert widths[norm] == 16 and layers.group_of(layers.modules[norm]) is None


@pytest.mark.parametrize(("model_type", "bits"), [("gpt2", 16), ("llama", 4)])
def test_linear_does_not_mean_conv1d(tmp_path: Path, model_type: str, bits: int) -> None:
    parts = Parts()
    parts.config["model_type"] = model_type
    parts.declared["ignore"] = []
    layers = truth.layers(checkpoint.read(parts.write(tmp_path / "c")))
    assert layers.bits_of(layers.modules[DOWN]) == bits
    assert layers.bits_of(layers.modules["lm_head"]) == 4


def shapeless(parts: Parts) -> None:
    parts.shapes[f"{DOWN}.weight_packed"] = ("I32", (128, 32, 1))
    del parts.shapes[f"{DOWN}.weight_shape"]


def rows_of_another(parts: Parts) -> None:
    parts.values[f"{DOWN}.weight_shape"] = struct.pack("<2q", 64, 256)


def columns_of_another(parts: Parts) -> None:
    parts.values[f"{DOWN}.weight_shape"] = struct.pack("<2q", 128, 255)


def small_f16(parts: Parts) -> None:
    parts.shapes[f"{DOWN}.weight_scale"] = ("F16", (128, 2))
    parts.values[f"{DOWN}.weight_scale"] = b"\x01\0" + b"\0\x01"


def bad_bias(parts: Parts) -> None:
    parts.shapes[f"{Q}.bias"] = ("BF16", (128,))
    parts.values[f"{Q}.bias"] = BF16["inf"] + BF16["nan"] * 2 + BF16["zero"] + BF16["denormal"]


def static_cache(parts: Parts) -> None:
    cache_without_scales(parts)
    for suffix in ("k_scale", "v_scale"):
        parts.shapes[f"model.layers.0.self_attn.{suffix}"] = ("BF16", (1,))
    parts.values["model.layers.0.self_attn.v_scale"] = BF16["zero"]


def dynamic_cache(parts: Parts) -> None:
    cache_without_scales(parts)
    parts.declared["kv_cache_scheme"]["dynamic"] = True


def quantized_head(parts: Parts) -> None:
    parts.shapes["lm_head.weight_scale"] = ("BF16", (32, 1))


def no_group(parts: Parts) -> None:
    only_the_config(parts)
    parts.declared["config_groups"] = {}


Exact = list[tuple[str, str, str]]
EXACT: dict[str, tuple[Callable[[Parts], None], Exact]] = {
    "no size": (
        shapeless,
        [
            ("shape", DOWN, "its tensors do not tell its size (pack-quantized)"),
        ],
    ),
    "rows": (
        rows_of_another,
        [
            ("shape", DOWN, "weight_packed is [128, 32], not [64, 32]"),
            ("shape", DOWN, "weight_scale is [128, 2], not [64, 2]"),
            ("shape", DOWN, "weight_shape says [64, 256], the tensors say otherwise"),
        ],
    ),
    "columns": (columns_of_another, []),  # 255 columns take as many words as 256
    "F16 scales": (small_f16, []),  # small weights in F16 have such scales
    "bias": (
        bad_bias,
        [
            ("values", Q, "bias: 2 of 128 values are NaN"),
            ("values", Q, "bias: 1 of 128 values are infinite"),
        ],
    ),
    "cache": (
        static_cache,
        [("scales", "model.layers.0.self_attn", "v_scale: 1 of 1 scales are zero")],
    ),
    "dynamic cache": (dynamic_cache, []),
    "head": (
        quantized_head,
        [
            (
                "not ignored",
                "lm_head",
                "stored as BF16 with weight_scale although it should be left as is",
            )
        ],
    ),
    "no group": (
        no_group,
        [("declaration", "", "declared as quantized, but no group of layers is")],
    ),
    "target": (misspelt_target, [("declaration", "", "the target 're:.*dwon_proj' matches no")]),
    "zero points": (bad_zero_points, [("zero points", DOWN, "1 zero points lie outside 4 bits")]),
    "scale": (
        rename_scale,
        [
            ("missing", DOWN, "has no weight_scale"),
            ("orphan", DOWN, "has a stray weight_scales (pack-quantized has"),
        ],
    ),
    "ignored": (ignore_it, [("not ignored", DOWN, "stored as packed with weight_packed, weight_")]),
    "fused": (
        lambda parts: parts.declared.update(ignore=["lm_head", "re:.*k_proj$"]),
        [
            ("not ignored", Q.replace("q_", "k_"), "stored as packed with weight_packed"),
            ("fused", Q.replace("q_", "k_"), "declared not quantized, but q_proj next to it W4A16"),
        ],
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_nothing_but_what_is_broken(tmp_path: Path, name: str) -> None:
    breaking, wanted = EXACT[name]
    parts = Parts()
    breaking(parts)
    named = [(f.kind, f.module, f.reason) for f in findings(parts.write(tmp_path / "c"))]
    assert [finding[:2] for finding in named] == [finding[:2] for finding in wanted], named
    for (_, _, reason), (_, _, beginning) in zip(named, wanted, strict=True):
        assert reason.startswith(beginning)


def declared(weights: dict[str, object], targets: object = ("Linear",)) -> dict[str, object]:
    given = list(targets) if isinstance(targets, tuple) else targets
    return {"config_groups": {"a": {"targets": given, "weights": weights}}}


BAD_CONFIGS = [
    ({"config_groups": 3}, "AttributeError: 'int' object has no attribute 'values'"),
    (declared({"num_bits": 4}, "Linear"), "TypeError: a list of names is not one"),
    (declared({"num_bits": "4"}), "ValueError: '4' bits"),
    (declared({"num_bits": 10**9}), "ValueError: '1000000000' bits"),
    (declared({"strategy": "group"}), "strategy 'group' without its size"),
    (declared({"num_bits": 8}, ("re:(" * 50,)), "is not a regular expression (missing )"),
    (declared({}, ("re:((a{999}){999}){999}",)), "repeats more than any name is long"),
    (
        {"config_groups": {}, "ignore": ["re:(?:m|mo|o|od|d|de|el|.)+$^" * 20]},
        "declared as quantized, but no group of layers is",
    ),
    ({"config_groups": {}}, "declared as quantized, but no group of layers is"),
    ({"quant_method": "gptq", "bits": None}, "ValueError: 'None' bits"),
    ({"quant_method": "awq", "bits": 4, "group_size": []}, "ValueError: a group of '[]'"),
    ({"quant_method": "fp8", "weight_block_size": [1, 2, 3]}, "ValueError: too many values"),
    ({"quant_method": ["x"]}, "quant_method is \"['x']\", not a name"),
]


@pytest.mark.parametrize(("config", "sentence"), BAD_CONFIGS, ids=str)
def test_bad_declarations_are_one_sentence(
    tmp_path: Path, config: dict[str, object], sentence: str
) -> None:
    folder = models.write_model(tmp_path / "c", quantization_config=config)
    try:
        told = [str(finding) for finding in findings(folder)]
    except UserError as problem:
        assert "quantization_config" in str(problem)
        told = [str(problem)]
    assert any(sentence in one for one in told) and "\n" not in "".join(told), told
