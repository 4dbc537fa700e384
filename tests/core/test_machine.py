"""Which GPUs count: those CUDA_VISIBLE_DEVICES names, in its order."""

import pytest

from core import machine

GPUS = tuple(
    machine.Gpu(index=n, name="G", uuid=f"GPU-{n}abc", memory_bytes=1, compute_capability=(8, n))
    for n in range(3)
)


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("1", [1]),
        ("2, 0", [2, 0]),
        ("GPU-1abc", [1]),
        ("GPU-2", [2]),
        ("MIG-xyz", [0, 1, 2]),
        ("-1", []),
        ("1,-1,0", [1]),
        ("7", []),
    ],
)
def test_visible(monkeypatch: pytest.MonkeyPatch, named: str | None, found: list[int]) -> None:
    if named is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert [gpu.index for gpu in machine._visible(GPUS)] == found


def test_this_machine_is_described() -> None:
    here = machine.probe()
    assert here.cores > 0 and here.memory_bytes > 0 and here.available_memory_bytes > 0
    assert here.libraries["torch"]
    assert here.as_json()["cpu"] == here.cpu
