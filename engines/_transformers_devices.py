"""Devices that transformers computes on: which there are, their dtypes, their memory."""

import gc
import platform
import sys

from core.errors import UserError
from core.machine import memory_limit, probe

BFLOAT16_MACOS = 14  # the first release whose Metal has it


def devices() -> tuple[str, ...]:
    """An NVIDIA GPU, else Apple's, else the CPU. Found out without touching the GPU."""
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    return (*(("cuda",) if probe().gpus else ()), *(("mps",) if apple else ()), "cpu")


def check_dtype(device: str, dtype: str) -> None:
    """Raise `UserError` for bfloat16 on an Apple GPU whose system has none."""
    if device == "mps" and dtype == "bfloat16" and not mps_has_bfloat16():
        raise UserError(
            f"bfloat16 on an Apple GPU needs macOS {BFLOAT16_MACOS}, this is "
            f"{platform.mac_ver()[0]}: --dtype float16"
        )


def mps_has_bfloat16() -> bool:
    """Whether this release of macOS computes in bfloat16 on its GPU."""
    release = platform.mac_ver()[0].partition(".")[0]
    return release.isdecimal() and int(release) >= BFLOAT16_MACOS


def memory_bytes(device: str) -> int:
    """What a device holds at most for one process: of Apple's what Metal advises."""
    import torch

    if device == "cuda":
        return int(torch.cuda.get_device_properties(0).total_memory)
    if device == "mps":
        return int(torch.mps.recommended_max_memory())
    return memory_limit()


def empty_cache(device: str) -> None:
    """Give back what the device's allocator keeps of tensors that are gone."""
    import torch

    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    if device == "mps":
        torch.mps.empty_cache()
