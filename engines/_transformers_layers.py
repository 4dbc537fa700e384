"""Layers of a model in transformers: what they store, what they compute in, and where."""

from typing import TYPE_CHECKING, Any

from checkpoints.checkpoint import Checkpoint
from engines import _transformers_bitsandbytes as bitsandbytes

if TYPE_CHECKING:
    import torch

PLAIN = "Linear/"  # begins the name of a layer that is not compressed
EMULATED = "decompressed"


def decompressed(files: Checkpoint) -> dict[str, Any]:
    """Arguments of `from_pretrained` that decompress compressed-tensors' formats while loading."""
    if (files.quantization or {}).get("quant_method") != "compressed-tensors":
        return {}
    from transformers import CompressedTensorsConfig

    return {"quantization_config": CompressedTensorsConfig(dequantize=True)}


def keep_activations_rounded(model: "torch.nn.Module") -> None:
    """Round activations only: decompressed weights lie on their grid already."""
    for module in model.modules():
        scheme = getattr(module, "quantization_scheme", None)
        if scheme is not None:
            scheme.weights = None


def end_ids(defaults: Any, tokenizer: Any) -> list[int]:
    """Tokens that end an answer: the tokenizer's, and those of the checkpoint's sampling defaults.

    A chat model's turns often end with another token than its texts. Source: vLLM's
    `SamplingParams.update_from_generation_config`, which does the same.
    """
    named = defaults.eos_token_id
    others = named if isinstance(named, list) else [named]
    return sorted({number for number in (tokenizer.eos_token_id, *others) if number is not None})


def method(model: Any) -> str | None:
    """The quantization of a loaded model, as checkpoints declare it."""
    declared = getattr(getattr(model.config, "quantization_config", None), "quant_method", None)
    if declared is not None:
        return str(getattr(declared, "value", declared))
    return "compressed-tensors" if any(map(_has_scheme, model.modules())) else None


def emulated(model: "torch.nn.Module") -> str | None:
    """How the layers' format is emulated; None where it is not."""
    schemes = [m.quantization_scheme for m in model.modules() if _has_scheme(m)]
    if not schemes:
        return None
    rounded = any(scheme.input_activations for scheme in schemes)
    return "weights are decompressed" + (" and activations rounded in steps" if rounded else "")


def _has_scheme(module: "torch.nn.Module") -> bool:
    return hasattr(module, "quantization_scheme")


def kernels(model: "torch.nn.Module") -> dict[str, list[str]]:
    """Kind of layer (`q_proj`) to what its layers are: class, storage and compute dtype."""
    import torch

    found: dict[str, set[str]] = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            found.setdefault(name.rpartition(".")[2], set()).add(_kernel(module))
    return {kind: sorted(names) for kind, names in sorted(found.items())}


def _kernel(module: "torch.nn.Linear") -> str:
    name, weight = type(module).__name__, module.weight
    stored = _short(weight.dtype)
    scheme = getattr(module, "quantization_scheme", None)
    if scheme is not None:
        rounded = scheme.input_activations
        activations = f", activations rounded to {rounded.num_bits} bits" if rounded else ""
        return f"{name}/{EMULATED} to {stored}{activations}"
    computes = bitsandbytes.computes(module)
    return f"{name}/{computes}" if computes else f"{name}/{stored}"


def _short(dtype: "torch.dtype") -> str:
    return str(dtype).removeprefix("torch.")


def cache_bytes(config: Any, dtype: "torch.dtype") -> int:
    """Bytes of the keys and values of one token."""
    heads = config.num_attention_heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    return int(2 * config.num_hidden_layers * kv_heads * size * dtype.itemsize)


def compressed_kernels(served: dict[str, Any]) -> list[str]:
    """What compressed layers run, each once."""
    names = [name for names in (served.get("kernels") or {}).values() for name in names]
    compressed = [name for name in names if not name.startswith(PLAIN) or EMULATED in name]
    return list(dict.fromkeys(compressed))


def uncompressed_kernel(served: dict[str, Any]) -> str | None:
    """The layer's class where no layer is compressed."""
    names = [name for names in (served.get("kernels") or {}).values() for name in names]
    return names[0] if names and not compressed_kernels(served) else None


def explain(kernel: str) -> str | None:
    """What is done instead of computing in the scheme's own format."""
    if EMULATED in kernel:
        return "decompresses the weights when it loads and multiplies uncompressed numbers"
    return bitsandbytes.explain(kernel)
