"""Which GPUs count: those CUDA_VISIBLE_DEVICES names, in its order."""

import os
import sys
from dataclasses import replace
from importlib.metadata import version

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
    assert here.cores == len(os.sched_getaffinity(0))
    assert 0 < here.available_memory_bytes <= here.memory_bytes
    assert here.libraries["torch"] == version("torch")
    assert here.python == sys.version.split()[0]


def test_a_record_keeps_the_flags_that_decide_kernels() -> None:
    flags = frozenset({"avx2", "sse4_2", "amx_tile", "avx512f", "avx"})
    told = replace(machine.probe(), cpu="A processor", cpu_flags=flags, gpus=GPUS[:1]).as_json()
    assert told["cpu_flags"] == ["amx_tile", "avx2", "avx512f"] and told["cpu"] == "A processor"
    assert told["gpus"][0]["compute_capability"] == (8, 0)


@pytest.mark.parametrize(
    ("gpus", "device"), [((), "A processor, 4 cores"), (GPUS[:1], "G"), (GPUS, "3 x G")]
)
def test_what_is_computed_on(gpus: tuple[machine.Gpu, ...], device: str) -> None:
    here = replace(machine.probe(), cpu="A processor", cores=4, gpus=gpus)
    assert here.device == device
    assert here.compute_capability == ((8, 0) if gpus else None)
