"""Which scales SmoothQuant and AWQ may move, known by the names of a model's layers.

Both divide a norm's weights by what they multiply the columns of the layers behind it with. That
changes nothing only if exactly these layers read that norm, and names repeat with other meanings:
Llama's `post_attention_layernorm` feeds the MLP, Gemma-2's and OLMo-2's follows the attention.
llmcompressor takes Llama's mapping for every class it does not know; so it is given the right one
here, and what is not in the table is refused. scripts/try_architectures.py runs every row.
"""

import re
from dataclasses import dataclass

from checkpoints.checkpoint import DECODER, Checkpoint
from core.errors import UserError
from core.scheme import Method, Scheme

LAYER = re.compile(r"^(?:.*\.)?(?:layers|h)\.\d+\.")
HEAD_NORMS = {"q_norm", "k_norm", "q_layernorm", "k_layernorm"}  # after the projections
OUTPUTS = {"o_proj", "down_proj", "out_proj", "fc2", "dense", "dense_4h_to_h", "c_proj"}
QKV, GATED = ("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj")
# layers whose outputs reach the next without a nonlinearity; of fused ones the last rows do
CHAINS = {"v_proj": "o_proj", "qkv_proj": "o_proj", "up_proj": "down_proj",
          "gate_up_proj": "down_proj"}  # fmt: skip
# the norm's output is used elsewhere, or it stands behind the layers
FLAGS = {"apply_residual_connection_post_layernorm": True, "do_layer_norm_before": False}


@dataclass(frozen=True)
class Family:
    """Decoder layers named alike: what each norm feeds, and norms that feed no layer alone."""

    feeds: dict[str, tuple[str, ...]]
    other_norms: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()  # of layers that no norm feeds


FAMILIES = (
    # Llama, Mistral, Qwen2, Qwen3, Gemma, Granite, SmolLM3, ERNIE-4.5, StableLM
    Family({"input_layernorm": QKV, "post_attention_layernorm": GATED}),
    # Gemma-2, Gemma-3
    Family(
        {"input_layernorm": QKV, "pre_feedforward_layernorm": GATED},
        ("post_attention_layernorm", "post_feedforward_layernorm"),
    ),
    # OLMo-2, EXAONE-4: norms stand behind the attention and the MLP
    Family({}, ("post_attention_layernorm", "post_feedforward_layernorm"), (*QKV, *GATED)),
    # Phi-3
    Family({"input_layernorm": ("qkv_proj",), "post_attention_layernorm": ("gate_up_proj",)}),
    # GLM, GLM-4
    Family({"input_layernorm": QKV, "post_attention_layernorm": ("gate_up_proj",)}),
    Family(
        {"input_layernorm": QKV, "post_attention_layernorm": ("gate_up_proj",)},
        ("post_self_attn_layernorm", "post_mlp_layernorm"),
    ),
    # Cohere, Cohere-2, StableLM: attention and MLP side by side behind one norm; Phi-2; Falcon-7B
    Family({"input_layernorm": (*QKV, *GATED)}),
    Family({"input_layernorm": (*QKV, "fc1")}),
    Family({"input_layernorm": ("query_key_value", "dense_h_to_4h")}),
    # Falcon-40B; GPT-NeoX, BLOOM
    Family({"ln_attn": ("query_key_value",), "ln_mlp": ("dense_h_to_4h",)}),
    Family(
        {"input_layernorm": ("query_key_value",), "post_attention_layernorm": ("dense_h_to_4h",)}
    ),
    # StarCoder2; OPT
    Family({"input_layernorm": QKV, "post_attention_layernorm": ("c_fc",)}),
    Family({"self_attn_layer_norm": QKV, "final_layer_norm": ("fc1",)}),
)


def pairs(base: Checkpoint, scheme: Scheme) -> list[tuple[str, tuple[str, ...]]]:
    """(from, to): scales move out of the first's outputs into the inputs of the others.

    Names are the last parts of modules' names. AWQ also takes linear layers as the first.
    Raises `UserError` for a family that is not in the table.
    """
    layers = base.linear_layers.keys() - base.beside_text
    blocks = {name.rpartition(".")[2] for name in layers if LAYER.match(name)}
    norms = _norms(base)
    family = _family(norms - HEAD_NORMS, blocks)
    kind = base.config.get("model_type")
    if family is None or any(base.config.get(key) is value for key, value in FLAGS.items()):
        shown = ", ".join(sorted(norms | blocks)[:20])
        raise UserError(
            f"{scheme.method} moves scales between layers, and which ones it may is not known for "
            f"{kind!r} ({shown}): take a scheme without it, such as FP8-W8A8 or INT4-W4A16"
        )
    feeds = dict(family.feeds)
    if Method.AWQ in scheme.methods:
        if HEAD_NORMS & norms and family.other_norms:
            feeds.pop("input_layernorm", None)  # harms Gemma-3: llm-compressor issue 2522
        gated = not {"up_proj"} & blocks or {"gate_proj"} <= blocks
        feeds |= {
            a: (b,) for a, b in CHAINS.items() if {a, b} <= blocks and (gated or a != "up_proj")
        }
    if not feeds:
        raise UserError(
            f"{scheme.method} needs norms before the layers, and {kind!r} has them behind: take a "
            "scheme without it, such as FP8-W8A8 or INT8-W8A8-RTN"
        )
    return list(feeds.items())


def _norms(base: Checkpoint) -> set[str]:
    """Last parts of the names of what has a vector of weights in decoder layers."""
    norms = set()
    for tensor in base.tensors:
        module, _, kind = tensor.name.rpartition(".")
        last = module.rpartition(".")[2]
        vector = len(tensor.shape) == 1 or last in HEAD_NORMS
        inside = (DECODER if base.several_parts else LAYER).match(tensor.name)
        if kind == "weight" and vector and inside:
            norms.add(last)
    return norms


def _family(norms: set[str], blocks: set[str]) -> Family | None:
    inputs = blocks - OUTPUTS
    for family in FAMILIES:
        fed = {name for names in family.feeds.values() for name in names} | set(family.inputs)
        if fed == inputs and {*family.feeds, *family.other_norms} == norms:
            return family
    return None
