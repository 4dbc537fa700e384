"""Published architectures by their exact shape: config and every tensor, no weights.

Source of the numbers: the `config.json` each was published with. A test builds every shape in
transformers without memory and compares names and shapes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A decoder of Llama's family. Sizes are numbers of values, `layers` of blocks.

    `qk_norm` are Qwen3's norms of each head, `qkv_bias` Qwen2's biases, `rope` what transformers
    calls `rope_parameters`.
    """

    model_type: str
    class_name: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int
    eps: float
    rope: dict[str, Any]
    head_size: int = 128
    tied: bool = False
    qk_norm: bool = False
    qkv_bias: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def config(self, **ids: int) -> dict[str, Any]:
        """`config.json`; `ids` are the tokenizer's special token ids."""
        return {
            "architectures": [self.class_name],
            "model_type": self.model_type,
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_size,
            "vocab_size": self.vocabulary,
            "max_position_embeddings": self.context,
            "rms_norm_eps": self.eps,
            "rope_parameters": self.rope,
            "tie_word_embeddings": self.tied,
            "hidden_act": "silu",
            "attention_dropout": 0.0,
            "initializer_range": 0.02,
            "use_cache": True,
            "dtype": "bfloat16",
            **self.extra,
            **ids,
        }

    def tensors(self) -> Iterator[tuple[str, Shape]]:
        """Name and shape of every tensor, in the order of the network."""
        yield "model.embed_tokens.weight", (self.vocabulary, self.hidden)
        for layer in range(self.layers):
            for name, shape in self._block():
                yield f"model.layers.{layer}.{name}", shape
        yield "model.norm.weight", (self.hidden,)
        if not self.tied:
            yield "lm_head.weight", (self.vocabulary, self.hidden)

    def _block(self) -> Iterator[tuple[str, Shape]]:
        yield "input_layernorm.weight", (self.hidden,)
        width, kv_width = self.heads * self.head_size, self.kv_heads * self.head_size
        for name, rows in (("q_proj", width), ("k_proj", kv_width), ("v_proj", kv_width)):
            yield f"self_attn.{name}.weight", (rows, self.hidden)
            if self.qkv_bias:
                yield f"self_attn.{name}.bias", (rows,)
        if self.qk_norm:
            yield "self_attn.q_norm.weight", (self.head_size,)
            yield "self_attn.k_norm.weight", (self.head_size,)
        yield "self_attn.o_proj.weight", (self.hidden, width)
        yield "post_attention_layernorm.weight", (self.hidden,)
        yield "mlp.gate_proj.weight", (self.intermediate, self.hidden)
        yield "mlp.up_proj.weight", (self.intermediate, self.hidden)
        yield "mlp.down_proj.weight", (self.hidden, self.intermediate)


def _rope(theta: float) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": theta}


def _llama3(hidden: int, intermediate: int, layers: int, heads: int) -> Architecture:
    return Architecture(
        model_type="llama",
        class_name="LlamaForCausalLM",
        hidden=hidden,
        intermediate=intermediate,
        layers=layers,
        heads=heads,
        kv_heads=8,
        vocabulary=128_256,
        context=8192,
        eps=1e-5,
        rope=_rope(500_000.0),
        extra={"attention_bias": False, "mlp_bias": False},
    )


def _qwen3(
    hidden: int, intermediate: int, layers: int, heads: int, tied: bool = False
) -> Architecture:
    return Architecture(
        model_type="qwen3",
        class_name="Qwen3ForCausalLM",
        hidden=hidden,
        intermediate=intermediate,
        layers=layers,
        heads=heads,
        kv_heads=8,
        vocabulary=151_936,
        context=40_960,
        eps=1e-6,
        rope=_rope(1e6),
        tied=tied,
        qk_norm=True,
        extra={"attention_bias": False},
    )


SHAPES = {
    "llama3-8b": _llama3(4096, 14_336, 32, 32),
    "llama3-70b": _llama3(8192, 28_672, 80, 64),
    "qwen3-0.6b": _qwen3(1024, 3072, 28, 16, tied=True),
    "qwen3-8b": _qwen3(4096, 12_288, 36, 32),
    "qwen3-32b": _qwen3(5120, 25_600, 64, 64),
    "qwen2.5-7b": Architecture(
        model_type="qwen2",
        class_name="Qwen2ForCausalLM",
        hidden=3584,
        intermediate=18_944,
        layers=28,
        heads=28,
        kv_heads=4,
        vocabulary=152_064,
        context=32_768,
        eps=1e-6,
        rope=_rope(1e6),
        qkv_bias=True,
    ),
    "mistral-7b": Architecture(
        model_type="mistral",
        class_name="MistralForCausalLM",
        hidden=4096,
        intermediate=14_336,
        layers=32,
        heads=32,
        kv_heads=8,
        vocabulary=32_768,
        context=32_768,
        eps=1e-5,
        rope=_rope(1e6),
        extra={"sliding_window": None},
    ),
    "tiny": Architecture(
        model_type="llama",
        class_name="LlamaForCausalLM",
        hidden=128,
        intermediate=256,
        layers=2,
        heads=2,
        kv_heads=1,
        vocabulary=4096,
        context=2048,
        eps=1e-5,
        rope=_rope(10_000.0),
        head_size=64,
    ),
}
