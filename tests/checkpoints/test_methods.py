"""Checkpoints by others: what each method declares and stores, good ones and one broken each."""

import json
from pathlib import Path

import pytest

from checkpoints import checkpoint, methods, truth
from checkpoints.modules import modules, size
from tests import models
from tests.models import Shapes

LAYER = "model.layers.0.mlp.down_proj"
ROWS, COLUMNS = 128, 256
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}
MODELOPT = {"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": ["lm_head"]}
BNB = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}

STORED: dict[str, tuple[dict[str, object], Shapes, str]] = {
    "gptq": (
        GPTQ,
        {
            "qweight": ("I32", (32, ROWS)),
            "qzeros": ("I32", (2, 16)),
            "scales": ("F16", (2, ROWS)),
            "g_idx": ("I32", (COLUMNS,)),
        },
        "INT4 group 128",
    ),
    "awq": (
        AWQ,
        {
            "qweight": ("I32", (COLUMNS, 16)),
            "qzeros": ("I32", (2, 16)),
            "scales": ("F16", (2, ROWS)),
        },
        "INT4 group 128 asymmetric",
    ),
    "fp8 blocks": (
        {"quant_method": "fp8", "weight_block_size": [128, 128]},
        {"weight": ("F8_E4M3", (ROWS, COLUMNS)), "weight_scale_inv": ("F32", (1, 2))},
        "FP8 block 128x128",
    ),
    "fp8 static": (
        {"quant_method": "fp8", "activation_scheme": "static"},
        {
            "weight": ("F8_E4M3", (ROWS, COLUMNS)),
            "weight_scale": ("F32", ()),
            "input_scale": ("F32", ()),
        },
        "FP8 tensor",
    ),
    "fbgemm": (
        {"quant_method": "fbgemm_fp8"},
        {"weight": ("F8_E4M3", (ROWS, COLUMNS)), "weight_scale": ("F32", (ROWS, 1))},
        "FP8 channel",
    ),
    "bitsandbytes": (
        BNB,
        {
            "weight": ("U8", (ROWS * COLUMNS // 2, 1)),
            "weight.absmax": ("F32", (512,)),
            "weight.quant_map": ("F32", (16,)),
            "weight.quant_state.bitsandbytes__nf4": ("U8", (64,)),
        },
        "NF4 group 64",
    ),
    "llm.int8": (
        {"quant_method": "bitsandbytes", "load_in_8bit": True},
        {"weight": ("I8", (ROWS, COLUMNS)), "SCB": ("F32", (ROWS,))},
        "INT8 channel",
    ),
    "modelopt": (
        MODELOPT,
        {
            "weight": ("U8", (ROWS, COLUMNS // 2)),
            "weight_scale": ("F8_E4M3", (ROWS, 16)),
            "weight_scale_2": ("F32", ()),
            "input_scale": ("F32", ()),
        },
        "FP4 group 16",
    ),
}


def write(folder: Path, method: str, left_out: str = "") -> Path:
    declared, tensors, _ = STORED[method]
    shapes = {f"{LAYER}.{name}": shape for name, shape in tensors.items() if name != left_out}
    state = json.dumps({"shape": [ROWS, COLUMNS]}).encode().ljust(64)
    values = {f"{LAYER}.weight.quant_state.bitsandbytes__nf4": state}
    shapes["lm_head.weight"] = ("BF16", (32, 128))
    return models.write_model(folder, shapes, values, quantization_config=declared)


@pytest.mark.parametrize("method", STORED)
def test_what_is_stored_is_what_is_declared(tmp_path: Path, method: str) -> None:
    found = checkpoint.read(write(tmp_path / "c", method))
    these = truth.layers(found)
    assert [str(f) for f in truth.examine(these)] == []
    module = modules(found)[LAYER]
    group = these.group_of(module)
    assert group is not None and group.weights.words == STORED[method][2]
    assert size(found, module, group.weights.bits) == (ROWS, COLUMNS)


@pytest.mark.parametrize("method", STORED)
def test_missing_scales_are_found(tmp_path: Path, method: str) -> None:
    scale = next(n for n in STORED[method][1] if "scale" in n or n in ("SCB", "weight.absmax"))
    found = truth.examine(truth.layers(checkpoint.read(write(tmp_path / "c", method, scale))))
    assert any(f.module == LAYER and f.reason == f"has no {scale}" for f in found)


def test_experts_of_gpt_oss(tmp_path: Path) -> None:
    owner = "model.layers.0.mlp.experts"
    shapes: Shapes = {
        f"{owner}.gate_up_proj_blocks": ("U8", (4, 64, 2, 16)),
        f"{owner}.gate_up_proj_scales": ("U8", (4, 64, 2)),
        "model.layers.0.self_attn.q_proj.weight": ("BF16", (64, 64)),
        "lm_head.weight": ("BF16", (32, 64)),
    }
    declared = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn"]}
    found = checkpoint.read(models.write_model(tmp_path, shapes, quantization_config=declared))
    these = truth.layers(found)
    assert truth.examine(these) == []
    assert size(found, these.modules[f"{owner}.gate_up_proj"], 4) == (256, 64)


def test_modelopt_declares_in_a_file_of_its_own(tmp_path: Path) -> None:
    folder = write(tmp_path / "c", "modelopt")
    models.write_model(folder, {"a.weight": ("BF16", (2, 2))})
    declared = {"quantization": {"quant_algo": "FP8", "exclude_modules": ["lm_head", "a*"]}}
    (folder / "hf_quant_config.json").write_text(json.dumps(declared))
    found = methods.declaration(checkpoint.read(folder))
    assert found is not None and found.format == "modelopt-fp8" and found.ignores("a.b")


@pytest.mark.parametrize("declared", [{**GPTQ, "dynamic": {"-:.*": {}}}, {"quant_method": "vq"}])
def test_nothing_is_said_of_layers_whose_declaration_is_not_understood(
    tmp_path: Path, declared: dict[str, object]
) -> None:
    folder = write(tmp_path, "gptq", "scales")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": declared}))
    assert truth.examine(truth.layers(checkpoint.read(folder))) == []


def test_an_unknown_method_is_said_to_be_one(tmp_path: Path) -> None:
    found = checkpoint.read(
        models.write_model(tmp_path, quantization_config={"quant_method": "vq"})
    )
    declared = methods.declaration(found)
    assert declared is not None and not declared.understood
    assert truth.examine(truth.layers(found)) == []
