"""A checkpoint just written is opened again: what its scheme promises, or a sentence."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest

from checkpoints import checkpoint
from compressing.verify import verify
from core import plugins
from core.scheme import Scheme
from tests import models

DOWN = "model.layers.0.mlp.down_proj"
INT4: Scheme = plugins.load("schemes", "INT4-W4A16")


@pytest.fixture
def layers(base: Path) -> dict[str, tuple[int, int]]:
    """What must be compressed: all linear layers but the output layer."""
    linear = checkpoint.read(base).linear_layers
    return {name: shape for name, shape in linear.items() if name != "lm_head"}


def write(folder: Path, without: str = "-", **declared: object) -> Path:
    """What INT4-W4A16 writes; the layer `without` stays as it was."""
    shapes, values = models.int4_shapes()
    for name in [name for name in shapes if name.startswith(without)]:
        del shapes[name]
        shapes[f"{without}.weight"] = models.llama_shapes()[f"{without}.weight"]
    config = {**copy.deepcopy(models.INT4_DECLARED), **declared}
    return models.write_model(folder, shapes, values, quantization_config=config)


def test_what_the_scheme_promises(tmp_path: Path, layers) -> None:
    assert verify(write(tmp_path / "c"), INT4, layers) == []


def test_an_uncompressed_checkpoint(base: Path, layers) -> None:
    why = "the checkpoint is not compressed: its config has no quantization_config"
    assert verify(base, INT4, layers) == [why]


def test_another_format_than_the_schemes(tmp_path: Path, base: Path, layers) -> None:
    done = models.write_compressed(tmp_path / "fp8", base)
    why = "declared as float-quantized, the scheme stores pack-quantized"
    assert verify(done, INT4, layers) == [why]


def test_what_cannot_be_read_is_one_finding(tmp_path: Path, layers) -> None:
    folder = write(tmp_path / "c")
    (folder / "model.safetensors").write_bytes(b"short")
    (finding,) = verify(folder, INT4, layers)
    assert "truncated or not a safetensors file" in finding


def test_a_layer_that_was_left_out_is_named_once(tmp_path: Path, layers) -> None:
    """Once as declared, and once where the declaration hides it."""
    (finding,) = verify(write(tmp_path / "declared", DOWN), INT4, layers)
    assert finding == f"{DOWN}: stored as BF16, declared W4A16, INT4 group 128"
    hidden = write(tmp_path / "hidden", DOWN, ignore=["lm_head", "re:.*down_proj$"])
    assert verify(hidden, INT4, layers) == [f"{DOWN}: not compressed"]


def test_a_layer_that_should_have_been_left_out(tmp_path: Path, layers) -> None:
    del layers[DOWN]
    why = f"{DOWN}: compressed although it should not be"
    assert verify(write(tmp_path / "c"), INT4, layers) == [why]


def test_scales_of_the_kv_cache_must_be_declared(tmp_path: Path, layers) -> None:
    scheme = replace(INT4, kv_cache_bits=8)
    why = "no KV-cache scales are declared although the scheme calibrates them"
    assert verify(write(tmp_path / "without"), scheme, layers) == [why]
    dynamic = {"num_bits": 8, "type": "float", "dynamic": True}
    assert verify(write(tmp_path / "with", kv_cache_scheme=dynamic), scheme, layers) == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"group_size": 64}, "scales: the checkpoint declares group 64, the scheme group 128"),
        ({"symmetric": False}, "zero points: the checkpoint declares yes, the scheme no"),
        ({"num_bits": 8}, "weight bits: the checkpoint declares 8, the scheme 4"),
    ],
)
def test_the_number_format_is_the_one_the_schemes_file_states(
    tmp_path: Path, layers, changed: dict[str, object], why: str
) -> None:
    group = copy.deepcopy(models.INT4_GROUP)
    group["weights"] |= changed
    assert why in verify(write(tmp_path / "c", config_groups={"group_0": group}), INT4, layers)


@pytest.mark.parametrize(
    ("activations", "found"),
    [
        ({"num_bits": 8, "type": "int", "dynamic": True}, ["activations: int8, 16-bit"]),
        ({"num_bits": 8, "type": "float", "dynamic": False},
         ["activations: float8, 16-bit", "activation scales: static, dynamic"]),
    ],
)  # fmt: skip
def test_activations_are_those_the_schemes_file_states(
    tmp_path: Path, layers, activations: dict[str, object], found: list[str]
) -> None:
    group = {**models.INT4_GROUP, "input_activations": activations}
    findings = verify(write(tmp_path / "c", config_groups={"group_0": group}), INT4, layers)
    told = [f.replace("the checkpoint declares ", "").replace("the scheme ", "") for f in findings]
    assert [f for f in told if f.startswith("activation")] == found


@pytest.mark.parametrize(("weight_bits", "expected"), [(4.0, 4.125), (4.02, 4.145), (4.2, 4.325)])
def test_bits_per_weight_are_those_of_the_layout(
    tmp_path: Path, layers, weight_bits: float, expected: float
) -> None:
    """A scheme that promises another size than is stored: 1 % is alignment, more is a finding."""
    storage = replace(INT4.storage, weight_bits=weight_bits)
    found = verify(write(tmp_path / "c"), replace(INT4, storage=storage), layers)
    if expected < 4.2:
        assert found == []
        return
    weights = sum(rows * columns for rows, columns in layers.values())
    fixed = len(layers) * 128 / weights  # weight_shape: two 64-bit numbers
    stored, promised = f"{4.125 + fixed:.3f}", f"{expected + fixed:.3f}"
    assert found == [f"{stored} bits per weight on disk, the scheme should take {promised}"]


def test_scales_of_wide_models_are_wide(tmp_path: Path, layers) -> None:
    """BF16 scales where float32 ones were promised are 0.125 bits a weight too few."""
    folder = write(tmp_path / "c")
    assert verify(folder, INT4, layers, dtype_bits=16) == []
    (finding,) = verify(folder, INT4, layers, dtype_bits=32)
    assert "bits per weight on disk" in finding


def test_the_declaration_is_read_anew(tmp_path: Path, layers) -> None:
    folder = write(tmp_path / "c")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"]["config_groups"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    (finding,) = verify(folder, INT4, layers)
    assert "quantization_config is not what 'compressed-tensors' writes" in finding
