"""Looks at the layers of a model inside vLLM's worker: which kernel each kind of layer uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engines._storage import storage_bytes, weights_bytes


def look(model: Any) -> dict[str, Any]:
    """Kernels per layer kind, attention backend, bytes of weights and of the KV cache."""
    kernels: dict[str, set[str]] = {}
    attention = None
    kv_cache_dtype, kv_bytes, caches = "auto", 0.0, []
    for name, layer in model.named_modules():
        if hasattr(layer, "kv_cache_torch_dtype") and hasattr(layer, "num_kv_heads"):
            attention = getattr(getattr(layer, "backend", None), "name", None)
            kv_cache_dtype = str(layer.kv_cache_torch_dtype).removeprefix("torch.")
            sizes = layer.head_size + getattr(layer, "head_size_v", layer.head_size)
            kv_bytes += layer.num_kv_heads * sizes * layer.kv_cache_torch_dtype.itemsize
            caches += layer.kv_cache if isinstance(layer.kv_cache, list) else [layer.kv_cache]
        elif hasattr(layer, "quant_method"):
            kernels.setdefault(name.rpartition(".")[2], set()).add(kernel(layer))
    return {
        "kernels": {kind: sorted(names) for kind, names in sorted(kernels.items())},
        "attention": attention,
        "kv_cache_dtype": kv_cache_dtype,
        "kv_bytes_per_token": kv_bytes,
        "kv_cache_bytes": storage_bytes(caches),
        "weights_bytes": weights_bytes(model),
    }


def kernel(layer: Any) -> str:
    """The kernel object a layer's scheme holds, else the name of what applies the weights."""
    holder = getattr(layer, "scheme", None) or layer.quant_method
    for value in vars(holder).values():
        if type(value).__name__.endswith("Kernel"):
            return f"{type(holder).__name__}/{type(value).__name__}"
    return type(holder).__name__


@contextmanager
def weights_as_loaded() -> Iterator[list[int]]:
    """Collects `weights_bytes` of models loaded in the block, before the engine repacks them.

    vLLM's CPU kernels move weights into oneDNN's own buffers and leave the parameters empty, so
    their size is lost afterwards. Only models loaded in this process are seen.
    """
    from vllm.model_executor.model_loader import base_loader

    sizes: list[int] = []
    original = base_loader.process_weights_after_loading

    def noted(model: Any, *arguments: Any, **options: Any) -> Any:
        sizes.append(weights_bytes(model))
        return original(model, *arguments, **options)

    base_loader.process_weights_after_loading = noted
    try:
        yield sizes
    finally:
        base_loader.process_weights_after_loading = original
