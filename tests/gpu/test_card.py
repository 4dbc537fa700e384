"""What this project says of the card is what others say of it."""

import subprocess
from dataclasses import replace

import pytest

from checkpoints import models
from core.machine import probe
from running import serving
from running.memory import Watch
from tests.models import write_compressed

pytestmark = pytest.mark.gpu
TOLERANCE = 0.05


def smi(field: str) -> str:
    line = [
        "nvidia-smi",
        f"--query-gpu={field}",
        "--format=csv,noheader,nounits",
        "-i",
        probe().gpus[0].uuid,
    ]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()


def test_the_probe_agrees_with_torch_and_nvidia_smi() -> None:
    import torch

    gpu = probe().gpus[0]
    assert gpu.name == torch.cuda.get_device_name(0) == smi("name")
    assert gpu.compute_capability == torch.cuda.get_device_capability(0)
    assert gpu.memory_bytes == pytest.approx(int(smi("memory.total")) << 20, rel=0.01)


def test_the_sampler_agrees_with_torch_and_nvidia_smi() -> None:
    """Half of what is free: the driver's own reserve, which they count differently, is small."""
    import torch

    torch.zeros(1, device="cuda")  # the context itself takes memory
    with Watch([probe().gpus[0].uuid]) as watch:
        before = watch.mark()["used_bytes"]
        free, _ = torch.cuda.mem_get_info()
        block = torch.empty(free // 2, dtype=torch.uint8, device="cuda")
        torch.cuda.synchronize()
        during = watch.mark()["used_bytes"]
        smi_bytes = int(smi("memory.used")) << 20
        allocated = torch.cuda.memory_allocated()
        del block
        torch.cuda.empty_cache()
        watch.mark()
        after = watch.mark()
    assert during - before == pytest.approx(allocated, rel=TOLERANCE)
    assert during == pytest.approx(smi_bytes, rel=TOLERANCE)
    assert after["used_bytes"] == pytest.approx(before, rel=TOLERANCE)


@pytest.mark.parametrize("capability", [(8, 0), (8, 6)])
def test_fp8_is_refused_below_its_capability(
    tmp_path, base, monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int]
) -> None:
    """On an Ampere card; a newer one pretends to be one."""
    here = probe()
    gpu = replace(here.gpus[0], compute_capability=capability)
    monkeypatch.setattr(serving, "probe", lambda: replace(here, gpus=(gpu,)))
    identity = models.identify(str(write_compressed(tmp_path / "tiny-FP8-W8A8", base)))
    refusal = serving.of(identity, "vllm", allow_fallback=False).unserved
    assert refusal and "8.9" in refusal and "weight-only" in refusal
    assert serving.of(identity, "vllm", allow_fallback=True).unserved is None
