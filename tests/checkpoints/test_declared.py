"""What each method's config declares, field by field, and what none of them would write."""

from pathlib import Path
from typing import Any

import pytest

from checkpoints.checkpoint import Checkpoint
from checkpoints.declared import Declaration, Group, Numbers
from checkpoints.methods import declaration
from core.strict_json import Damaged

HEAD = ("lm_head",)


def declare(**declared: Any) -> Declaration | None:
    return declaration(Checkpoint(Path("c"), {"quantization_config": declared}, (), ()))


def floats(bits: int, strategy: str, **others: Any) -> Numbers:
    return Numbers(bits=bits, kind="float", strategy=strategy, **others)


TOKENS = floats(8, "token", dynamic=True)
INT4 = Numbers(bits=4, strategy="group", group=128)


def whole(method: str, group: Group, **others: Any) -> Declaration:
    return Declaration(
        method=method, format=others.pop("format", method), groups=(group,), **others
    )


METHODS: list[tuple[dict[str, Any], Declaration]] = [
    (
        {"quant_method": "gptq", "bits": 4, "group_size": 128},
        whole("gptq", Group(format="gptq", weights=INT4), ignore=HEAD),
    ),
    (
        {"quant_method": "gptq", "bits": 8, "group_size": -1, "sym": False, "lm_head": True},
        whole(
            "gptq",
            Group(format="gptq", weights=Numbers(bits=8, strategy="channel", symmetric=False)),
        ),
    ),
    (
        {"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {"-:.*": {}}},
        whole("gptq", Group(format="gptq", weights=INT4), ignore=HEAD, understood=False),
    ),
    (
        {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": False},
        whole("awq", Group(format="awq", weights=INT4), ignore=HEAD),
    ),
    (
        {
            "quant_method": "awq",
            "w_bit": 4,
            "q_group_size": 64,
            "modules_to_not_convert": ["visual"],
        },
        whole(
            "awq",
            Group(
                format="awq",
                weights=Numbers(bits=4, strategy="group", group=64, symmetric=False),
            ),
            ignore=HEAD,
            spared=("visual",),
        ),
    ),
    (
        {"quant_method": "fp8", "weight_block_size": [128, 64], "modules_to_not_convert": ["a"]},
        whole(
            "fp8",
            Group(format="fp8", weights=floats(8, "block", block=(128, 64)), activations=TOKENS),
            ignore=HEAD,
            spared=("a",),
        ),
    ),
    (
        {"quant_method": "fp8", "activation_scheme": "static", "ignored_layers": ["b"]},
        whole(
            "fp8",
            Group(format="fp8", weights=floats(8, "tensor"), activations=floats(8, "token")),
            ignore=HEAD,
            spared=("b",),
        ),
    ),
    (
        {"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["a"]},
        whole(
            "fbgemm-fp8",
            Group(format="float-quantized", weights=floats(8, "channel"), activations=TOKENS),
            ignore=HEAD,
            spared=("a",),
        ),
    ),
    (
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "llm_int8_skip_modules": ["a"]},
        whole(
            "bitsandbytes",
            Group(format="bitsandbytes-fp4", weights=floats(4, "group", group=64)),
            format="bitsandbytes-fp4",
            ignore=HEAD,
            spared=("a",),
        ),
    ),
    (
        {"quant_method": "bitsandbytes"},
        whole(
            "bitsandbytes",
            Group(
                format="bitsandbytes-int8",
                weights=Numbers(bits=8, strategy="channel"),
                activations=Numbers(bits=8, strategy="token", dynamic=True),
            ),
            format="bitsandbytes-int8",
            ignore=HEAD,
        ),
    ),
    (
        {"quant_method": "modelopt", "quant_algo": "FP8", "exclude_modules": ["a.b*"]},
        whole(
            "modelopt",
            Group(
                format="modelopt-fp8",
                weights=floats(8, "tensor"),
                activations=floats(8, "tensor"),
            ),
            format="modelopt-fp8",
            ignore=(r"re:a\.b.*$",),
        ),
    ),
    (
        {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"]},
        whole(
            "modelopt",
            Group(
                format="modelopt-nvfp4",
                weights=floats(4, "tensor_group", group=16),
                activations=floats(4, "tensor_group", group=16),
            ),
            format="modelopt-nvfp4",
            ignore=("re:lm_head$",),
        ),
    ),
    (
        {"quant_method": "modelopt", "quant_algo": "W4A8_AWQ"},
        Declaration(method="modelopt", format="modelopt W4A8_AWQ", understood=False),
    ),
    (
        {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.router", "lm_head"]},
        whole(
            "mxfp4",
            Group(
                format="mxfp4",
                weights=floats(4, "group", group=32),
                targets=("re:.*experts.*",),
            ),
            spared=("lm_head",),
        ),
    ),
    (
        {"quant_method": "vector_quantized"},
        Declaration(method="vector-quantized", format="vector-quantized", understood=False),
    ),
    (
        {
            "format": "pack-quantized",
            "config_groups": {
                "a": {
                    "targets": ["Linear"],
                    "weights": {"num_bits": 4, "group_size": 128, "symmetric": False},
                    "input_activations": {"num_bits": 8, "type": "FLOAT", "strategy": "token"},
                },
                "b": {"targets": ["re:.*down"], "weights": {}, "format": "int-quantized"},
                "c": {"targets": ["only activations"], "input_activations": {"num_bits": 8}},
            },
            "ignore": ["lm_head"],
            "kv_cache_scheme": {"num_bits": 8, "type": "float", "dynamic": True},
        },
        Declaration(
            method="compressed-tensors",
            format="pack-quantized",
            groups=(
                Group(
                    format="pack-quantized",
                    weights=Numbers(bits=4, strategy="group", group=128, symmetric=False),
                    activations=floats(8, "token"),
                ),
                Group(
                    format="int-quantized",
                    weights=Numbers(bits=8, strategy="tensor"),
                    targets=("re:.*down",),
                ),
            ),
            ignore=HEAD,
            kv_cache=floats(8, "tensor", dynamic=True),
        ),
    ),
]


@pytest.mark.parametrize(
    ("declared", "wanted"), METHODS, ids=[f"{n} {d.method}" for n, (_, d) in enumerate(METHODS)]
)
def test_what_is_declared(declared: dict[str, Any], wanted: Declaration) -> None:
    assert declare(**declared) == wanted


def test_nothing_is_declared() -> None:
    assert declaration(Checkpoint(Path("c"), {}, (), ())) is None


NUMBERS: list[tuple[dict[str, Any], Numbers]] = [
    ({}, Numbers(bits=8)),
    ({"num_bits": 1}, Numbers(bits=1)),
    ({"num_bits": 16}, Numbers(bits=16)),
    ({"group_size": -1}, Numbers(bits=8, strategy="channel")),
    ({"group_size": 0}, Numbers(bits=8)),
    ({"group_size": 1 << 20}, Numbers(bits=8, strategy="group", group=1 << 20)),
    ({"strategy": "channel", "type": "Float"}, Numbers(bits=8, kind="float", strategy="channel")),
    (
        {"strategy": "tensor_group", "group_size": 16},
        Numbers(bits=8, strategy="tensor_group", group=16),
    ),
    (
        {"strategy": "block", "block_structure": [128, 64]},
        Numbers(bits=8, strategy="block", block=(128, 64)),
    ),
    ({"dynamic": True}, Numbers(bits=8, dynamic=True)),
    ({"dynamic": "local"}, Numbers(bits=8)),  # NVFP4: a stored scale and one found anew
    ({"symmetric": False}, Numbers(bits=8, symmetric=False)),
]


@pytest.mark.parametrize(("given", "wanted"), NUMBERS, ids=str)
def test_numbers_of_compressed_tensors(given: dict[str, Any], wanted: Numbers) -> None:
    declared = declare(config_groups={"a": {"targets": ["Linear"], "weights": given}})
    assert declared is not None and declared.groups[0].weights == wanted


BITS: list[tuple[object, str]] = [
    (0, "'0' bits"), (17, "'17' bits"), (-4, "'-4' bits"), ("4", "'4' bits"),
    (4.0, "'4.0' bits"), (True, "'True' bits"), (None, "'None' bits"), ([4], r"'\[4\]' bits"),
    (10**30, "'10000000000000000000' bits"),  # 20 characters are enough
]  # fmt: skip


@pytest.mark.parametrize(("bits", "sentence"), BITS, ids=[str(n) for n in range(len(BITS))])
def test_garbage_is_no_width(bits: object, sentence: str) -> None:
    with pytest.raises(Damaged, match=f"is not what 'gptq' writes .ValueError: {sentence}"):
        declare(quant_method="gptq", bits=bits)
    weights = {"num_bits": bits}
    with pytest.raises(Damaged, match=f"'compressed-tensors' writes .ValueError: {sentence}"):
        declare(config_groups={"a": {"targets": ["Linear"], "weights": weights}})


def group(weights: dict[str, Any], targets: Any = ("Linear",)) -> dict[str, Any]:
    return {"config_groups": {"a": {"targets": list(targets), "weights": weights}}}


GARBAGE: list[tuple[dict[str, Any], str]] = [
    (group({"group_size": "x"}), "a group of 'x'"),
    (group({"group_size": -2}), "a group of '-2'"),
    (group({"group_size": (1 << 20) + 1}), "a group of '1048577'"),
    (group({"group_size": True}), "a group of 'True'"),
    (group({"strategy": "block", "block_structure": [0, 128]}), "a block of nothing"),
    (group({"strategy": "block", "block_structure": [128, -1]}), "a block of nothing"),
    (group({"strategy": "block", "block_structure": [1, 2, 3]}), "too many values to unpack"),
    (group({"type": "complex"}), "the type 'complex'"),
    (group({"strategy": "group"}), "strategy 'group' without its size, or a size without"),
    (group({"strategy": "tensor_group"}), "strategy 'tensor_group' without its size"),
    (group({"strategy": "block"}), "strategy 'block' without its size"),
    (group({"strategy": "channel", "group_size": 128}), "strategy 'channel' without its size"),
    (group({"strategy": "tensor", "block_structure": [1, 1]}), "strategy 'tensor' without"),
    (group({}, [1]), "a list of names is not one"),
    ({"config_groups": {"a": {"targets": "Linear", "weights": {}}}}, "a list of names is not one"),
    ({"config_groups": {"a": {"weights": {}}}}, "KeyError: 'targets'"),
    ({"config_groups": {}, "ignore": "lm_head"}, "a list of names is not one"),
    ({"config_groups": 3}, "AttributeError"),
    ({"bits": 4}, "KeyError: 'config_groups'"),
]


@pytest.mark.parametrize(("declared", "sentence"), GARBAGE, ids=str)
def test_what_compressed_tensors_would_not_write(declared: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Damaged) as raised:
        declare(**declared)
    beginning = "c/config.json: quantization_config is not what 'compressed-tensors' writes ("
    assert str(raised.value).startswith(beginning) and sentence in str(raised.value)


NAMES: list[tuple[dict[str, Any], str]] = [
    ({"quant_method": ["x"]}, "quantization_config: quant_method is \"['x']\", not a name"),
    ({"quant_method": "x" * 101}, f"quantization_config: quant_method is {'x' * 50!r}, not a name"),
    ({"format": 7, "config_groups": {}}, "quantization_config: format is '7', not a name"),
    ({"quant_method": "modelopt", "quant_algo": {}}, "quant_algo is '{}', not a name"),
]


@pytest.mark.parametrize(("declared", "sentence"), NAMES, ids=["list", "long", "format", "algo"])
def test_what_is_no_name(declared: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Damaged) as raised:
        declare(**declared)
    assert str(raised.value).endswith(sentence)


def test_names_may_be_a_hundred_characters_long() -> None:
    declared = declare(quant_method="x" * 100)
    assert declared is not None and declared.method == "x" * 100


def test_without_a_format_layers_are_dense() -> None:
    declared = declare(**group({}))
    assert declared is not None
    assert declared.format == "dense" and declared.groups[0].format == "dense"
