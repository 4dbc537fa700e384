"""Models of published architectures small enough to compress and serve in seconds.

Each is what transformers' own classes make of a config with two layers. Weights are random but not
the usual whisper: every block changes the stream as much as the embedding does and norms differ
from channel to channel, so that a scale put into the wrong layer ruins the answers.
"""

import shutil
from pathlib import Path
from typing import Any

from checkpoints import models
from checkpoints.checkpoint import EMBEDDING
from checkpoints.consistency import HEADS as HEADS_NAMES

HIDDEN, INTERMEDIATE, LAYERS, HEADS, KV_HEADS, VOCABULARY, CONTEXT = 256, 512, 2, 4, 2, 2048, 1024
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": INTERMEDIATE,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "head_dim": HIDDEN // HEADS,
    "max_position_embeddings": CONTEXT,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 3,
}
SEED = 0
LOGITS_STD = 2.5  # of the answers, so that they are neither noise nor certain
NORM_SPREAD = 0.5  # of the logarithms of the norms' weights
ONE_ADDED = ("gemma", "nemotron", "qwen3_5")  # their norms multiply by 1 + weight
NO_SPREAD = ("q_norm", "k_norm")
HALF = {"partial_rotary_factor": 0.5}
MHA = {"num_key_value_heads": HEADS}
GEMMA = {"query_pre_attn_scalar": 64, "sliding_window": 512}
VISION = {
    "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2,
    "image_size": 56, "patch_size": 14, "vision_use_head": False,
}  # fmt: skip
QWEN_VISION = {
    "depth": 2, "hidden_size": 128, "intermediate_size": 256, "num_heads": 2,
    "out_hidden_size": HIDDEN, "fullatt_block_indexes": [1],
}  # fmt: skip
MROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [8, 12, 12]}
EXPERTS = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2}

# name: transformers' model type, and what its config says in addition to the sizes (None: left out)
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "Llama": ("llama", {"tie_word_embeddings": False}),
    "Llama, tied": ("llama", {"tie_word_embeddings": True}),
    "Mistral": ("mistral", {"sliding_window": None}),
    "Qwen2": ("qwen2", {"tie_word_embeddings": False}),
    "Qwen3": ("qwen3", {"tie_word_embeddings": True}),
    "Gemma": ("gemma", {}),
    "Gemma-2": ("gemma2", GEMMA),
    "Gemma-3 text": ("gemma3_text", GEMMA),
    "Phi-3": ("phi3", {**MHA, "tie_word_embeddings": False}),
    "Phi-2": ("phi", {**MHA, **HALF}),
    "OLMo-2": ("olmo2", {}),
    "Granite": (
        "granite",
        {
            "embedding_multiplier": 2.0,
            "residual_multiplier": 0.5,
            "attention_multiplier": 0.125,
            "logits_scaling": 1.0,
        },
    ),
    "SmolLM3": ("smollm3", {}),
    "Cohere": ("cohere", {"logit_scale": 0.5}),
    "Cohere, q/k norms": ("cohere", {"logit_scale": 0.5, "use_qk_norm": True}),
    "Cohere-2": ("cohere2", {"logit_scale": 0.5, "sliding_window": 512}),
    "StableLM": ("stablelm", MHA),
    "StableLM, parallel": ("stablelm", {**MHA, "use_parallel_residual": True}),
    "StarCoder2": ("starcoder2", {"sliding_window": None}),
    "Falcon": (
        "falcon",
        {
            "head_dim": None,
            "new_decoder_architecture": False,
            "multi_query": True,
            "parallel_attn": True,
        },
    ),
    "GPT-NeoX": ("gpt_neox", {"rotary_pct": 0.25}),
    "OPT": ("opt", {"ffn_dim": INTERMEDIATE, "word_embed_proj_dim": HIDDEN}),
    "GPT-2": ("gpt2", {"n_embd": HIDDEN, "n_layer": LAYERS, "n_head": HEADS}),
    "GLM-4": ("glm4", HALF),
    "EXAONE-4": ("exaone4", {"sliding_window": 512, "sliding_window_pattern": 4}),
    "ERNIE-4.5": ("ernie4_5", {}),
    "Nemotron": ("nemotron", HALF),
    "Gemma-3": ("gemma3", {"text_config": GEMMA, "vision_config": VISION}),
    "Qwen2.5-VL": (
        "qwen2_5_vl",
        {"text_config": {"rope_parameters": MROPE}, "vision_config": QWEN_VISION},
    ),
    "Mixtral": ("mixtral", EXPERTS),
    "Qwen3-MoE": ("qwen3_moe", {**EXPERTS, "moe_intermediate_size": 128}),
    "gpt-oss": ("gpt_oss", EXPERTS),
    "DeepSeek-V3": (
        "deepseek_v3",
        {
            "n_routed_experts": 4,
            "first_k_dense_replace": 1,
            "n_group": 1,
            "topk_group": 1,
            "num_experts_per_tok": 2,
        },
    ),
}


def write(name: str, folder: Path) -> None:
    """Write the architecture as a model folder: weights in bfloat16, the demo model's tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    kind, extra = ARCHITECTURES[name]
    options = {key: value for key, value in (SIZES | extra).items() if value is not None or extra}
    if "text_config" in extra:
        options = {**extra, "text_config": SIZES | extra["text_config"]}
    config = AutoConfig.for_model(
        kind, **{k: v for k, v in options.items() if k != "head_dim" or v}
    )
    both = hasattr(config, "vision_config")
    torch.manual_seed(SEED)
    model = (AutoModelForImageTextToText if both else AutoModelForCausalLM).from_config(config)
    model = model.to(torch.bfloat16)
    with torch.no_grad():
        for path, parameter in model.named_parameters():
            _draw(path, parameter, kind)
    model.save_pretrained(folder)
    for file in models.DEMO_PATH.glob("*.j*"):
        if file.name.startswith(("tokenizer", "chat_template")):
            shutil.copyfile(file, folder / file.name)


def _draw(path: str, parameter: Any, model_type: str) -> None:
    """Random values for one parameter, by its name and shape.

    Gemma multiplies its embeddings by the root of their width, so they start out smaller.
    """
    owner, _, kind = path.rpartition(".")
    if kind == "bias":
        parameter.normal_(0.0, 0.1)
    elif parameter.ndim == 1:
        spread = 1e-3 if owner.endswith(NO_SPREAD) else NORM_SPREAD
        parameter.log_normal_(0.0, spread).sub_(float(model_type.startswith(ONE_ADDED)))
    elif parameter.ndim >= 2:
        table = EMBEDDING.search(path) or owner.endswith(HEADS_NAMES)
        std = LOGITS_STD / (4 if model_type.startswith("gemma") else 1) if table else 1.0
        parameter.normal_(0.0, std / parameter[0].numel() ** 0.5)
