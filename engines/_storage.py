"""Bytes that tensors of a model lie in."""

from typing import Any


def weights_bytes(model: Any) -> int:
    """Bytes of every parameter and buffer (tied weights are shared)."""
    return storage_bytes([*model.parameters(), *model.buffers()])


def storage_bytes(tensors: list[Any]) -> int:
    """Bytes of what these tensors lie in, each storage once."""
    seen = {}
    for tensor in tensors:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
    return sum(seen.values())
