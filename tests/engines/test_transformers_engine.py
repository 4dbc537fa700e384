"""What the engine of transformers chooses and counts; real models are in tests/real."""

import platform
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from core.engine import Options, Sampling
from core.errors import UserError
from core.machine import probe
from engines import _transformers_devices as devices
from engines.transformers import TransformersEngine
from running import memory

GPU = SimpleNamespace(uuid="GPU-1")


def machine(monkeypatch: pytest.MonkeyPatch, system: str, gpus: tuple[Any, ...] = ()) -> None:
    """This machine as one with another system and GPUs."""
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(devices, "probe", lambda: SimpleNamespace(gpus=gpus, memory_bytes=1 << 33))


@pytest.mark.parametrize(
    ("system", "gpus", "found"),
    [
        ("linux", (), ("cpu",)),
        ("linux", (GPU,), ("cuda", "cpu")),
        ("darwin", (), ("mps", "cpu")),
    ],
)
def test_devices(
    monkeypatch: pytest.MonkeyPatch, system: str, gpus: tuple[Any, ...], found: tuple[str, ...]
) -> None:
    machine(monkeypatch, system, gpus)
    assert TransformersEngine.devices() == found
    assert TransformersEngine.device(Options()) == found[0]
    assert TransformersEngine.device(Options(device="cpu")) == "cpu"
    TransformersEngine.check_options(Options(device="cpu"))
    absent = ({"cuda", "mps"} - set(found)).pop()
    with pytest.raises(UserError, match=f"--device {absent}: --engine transformers takes auto, "):
        TransformersEngine.check_options(Options(device=absent))


@pytest.mark.parametrize(("release", "has"), [("13.6", False), ("14.0", True), ("", False)])
def test_bfloat16_on_an_apple_gpu(monkeypatch: pytest.MonkeyPatch, release: str, has: bool) -> None:
    machine(monkeypatch, "darwin")
    monkeypatch.setattr(platform, "mac_ver", lambda: (release, ("", "", ""), ""))
    TransformersEngine.check_options(Options(dtype="float16"))
    TransformersEngine.check_options(Options(dtype="bfloat16", device="cpu"))
    if has:
        TransformersEngine.check_options(Options(dtype="bfloat16"))
    else:
        with pytest.raises(UserError, match=r"needs macOS 14, .*--dtype float16"):
            TransformersEngine.check_options(Options(dtype="bfloat16"))


def test_an_engine_without_nvidias_gpus_records_none() -> None:
    here = replace(probe(), gpus=(GPU,))  # type: ignore[arg-type]
    assert here.on("cuda").gpus == here.on("auto").gpus == (GPU,)
    assert here.on("cpu").gpus == () and here.on("cpu").accelerator is None
    assert here.on("mps").accelerator == "mps" and here.on("mps").device.endswith("its GPU")


def test_marks_of_an_apple_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What PyTorch holds was the peak; what is free of it is given back at each mark."""
    import torch

    held = iter([900, 500])
    calls: list[str] = []
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: next(held))
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: calls.append("empty"))
    with memory.Watch([], "mps") as watch:
        assert watch.mark() == {"used_bytes": 500, "peak_bytes": 900}
    devices.empty_cache("mps")
    assert calls == ["empty"] * 2
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 12)
    assert devices.memory_bytes("mps") == 12


def test_a_token_has_its_time_when_the_host_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from engines import _transformers_steps

    order: list[str] = []

    class OnTheWay(torch.Tensor):
        """Tokens that a device still computes until they are asked for."""

        def tolist(self) -> Any:
            order.append("arrived")
            return super().tolist()

    monkeypatch.setattr(
        _transformers_steps, "time", SimpleNamespace(monotonic=lambda: order.append("timed") or 1.0)
    )
    steps = _transformers_steps.Steps(None, [3], Sampling(max_new_tokens=4, ignore_eos=False))
    ids = torch.tensor([[1, 2], [1, 3]]).as_subclass(OnTheWay)
    assert steps(ids, None).tolist() == [False, True] and order[:2] == ["arrived", "timed"]
    steps(torch.tensor([[1, 2, 5], [1, 3, 5]]).as_subclass(OnTheWay), None)
    assert steps.lengths() == [(2, False), (1, True)]
