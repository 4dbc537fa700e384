"""Which layers scales may move between: by names, and refused where names are not known."""

from pathlib import Path

import pytest

from checkpoints import checkpoint
from compressing import smoothing
from core import plugins
from core.errors import UserError
from tests import models

QKV, GATED = ("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj")
LLAMA = (*QKV, "o_proj", *GATED, "down_proj")
SMOOTHQUANT = plugins.load("schemes", "INT8-W8A8")
AWQ = plugins.load("schemes", "INT4-W4A16-AWQ")
SANDWICH = ("post_attention_layernorm", "post_feedforward_layernorm")


def model(folder: Path, linear: tuple[str, ...], norms: tuple[str, ...], **config: object):
    shapes: models.Shapes = {"model.embed_tokens.weight": ("BF16", (32, 128))}
    for name in linear:
        shapes[f"model.layers.0.part.{name}.weight"] = ("BF16", (128, 128))
    for name in norms:
        shapes[f"model.layers.0.{name}.weight"] = ("BF16", (128,))
    return checkpoint.read(models.write_model(folder, shapes, **config))


@pytest.mark.parametrize(
    ("linear", "norms", "wanted"),
    [
        (
            LLAMA,
            ("input_layernorm", "post_attention_layernorm", "q_norm", "k_norm"),
            {"input_layernorm": QKV, "post_attention_layernorm": GATED},
        ),
        (
            LLAMA,
            ("input_layernorm", "pre_feedforward_layernorm", *SANDWICH),
            {"input_layernorm": QKV, "pre_feedforward_layernorm": GATED},
        ),
        (LLAMA, ("input_layernorm",), {"input_layernorm": (*QKV, *GATED)}),
        (
            ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
            ("input_layernorm", "post_attention_layernorm"),
            {"input_layernorm": ("qkv_proj",), "post_attention_layernorm": ("gate_up_proj",)},
        ),
        (
            ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"),
            ("input_layernorm",),
            {"input_layernorm": ("query_key_value", "dense_h_to_4h")},
        ),
    ],
)
def test_smoothquant_follows_the_names(tmp_path: Path, linear, norms, wanted) -> None:
    found = smoothing.pairs(model(tmp_path / "m", linear, norms), SMOOTHQUANT)
    assert dict(found) == wanted


def test_awq_also_takes_linear_layers(tmp_path: Path) -> None:
    behind = model(tmp_path / "olmo2", LLAMA, SANDWICH)
    chains = {"v_proj": ("o_proj",), "up_proj": ("down_proj",)}
    assert dict(smoothing.pairs(behind, AWQ)) == chains
    with pytest.raises(UserError, match="has them behind"):
        smoothing.pairs(behind, SMOOTHQUANT)
    gemma3 = ("input_layernorm", "pre_feedforward_layernorm", "q_norm", "k_norm", *SANDWICH)
    found = dict(smoothing.pairs(model(tmp_path / "gemma3", LLAMA, gemma3), AWQ))
    assert found == {"pre_feedforward_layernorm": GATED, **chains}


@pytest.mark.parametrize(
    ("linear", "norms", "config"),
    [
        # Nemotron: nothing gates the MLP, and its norms multiply by 1 + weight
        (
            (*QKV, "o_proj", "up_proj", "down_proj"),
            ("input_layernorm", "post_attention_layernorm"),
            {},
        ),
        (LLAMA, ("input_layernorm", "post_attention_layernorm", "another_norm"), {}),
        ((*LLAMA, "extra_proj"), ("input_layernorm", "post_attention_layernorm"), {}),
        (
            (*QKV, "out_proj", "fc1", "fc2"),
            ("self_attn_layer_norm", "final_layer_norm"),
            {"do_layer_norm_before": False},
        ),
    ],
)
def test_what_is_not_known_is_refused(tmp_path: Path, linear, norms, config) -> None:
    found = model(tmp_path / "m", linear, norms, **config)
    for scheme in (SMOOTHQUANT, AWQ):
        with pytest.raises(UserError, match="is not known for 'llama'"):
            smoothing.pairs(found, scheme)
