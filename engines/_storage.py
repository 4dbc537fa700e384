"""Bytes that tensors of a model lie in."""

from collections.abc import Iterable
from typing import Any


def weights_bytes(model: Any, others: Iterable[Any] = ()) -> int:
    """Bytes of every parameter, buffer and what else there is (tied weights are shared)."""
    return storage_bytes([*model.parameters(), *model.buffers(), *others])


def storage_bytes(tensors: list[Any]) -> int:
    """Bytes of what these tensors lie in, each storage once."""
    seen = {}
    for tensor in tensors:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
    return sum(seen.values())
