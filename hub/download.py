"""What is asked of the model hub: a repository's listing, and its files, checked.

`huggingface_hub` does the transfer: parallel, resumed after a dropped connection, files that are
already whole skipped by the next run.

    wanted = listing("org/name", "model", "main", choose=lambda paths: paths)
    transfer(wanted, Path("name.partial"))
"""

import glob
import json
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.cli import INTERRUPTED, say
from core.errors import UserError
from hub.errors import endpoint, told_plainly

INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Published:
    """One file as the hub announces it; `sha256` is known for large (LFS) files."""

    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True)
class Listing:
    """The chosen files of one repository at one commit."""

    repo_id: str
    repo_type: str
    revision: str
    commit: str
    files: tuple[Published, ...]


def check_name(repo_id: str) -> None:
    """Raises `UserError` when `repo_id` cannot be a repository's name (a path, an address)."""
    from huggingface_hub.utils import validate_repo_id

    with told_plainly(repo_id):
        validate_repo_id(repo_id)


def listing(
    repo_id: str, repo_type: str, revision: str, choose: Callable[[list[str]], Iterable[str]]
) -> Listing:
    """Ask the hub for the commit of `revision` and its files; `choose` picks among their paths.

    Raises `UserError`: missing, private or gated repository, unknown revision, no network.
    """
    from huggingface_hub import HfApi, constants

    with told_plainly(repo_id):
        info: Any = HfApi(endpoint=endpoint()).repo_info(
            repo_id,
            repo_type=repo_type,
            revision=revision,
            files_metadata=True,
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
    published = [
        Published(each.rfilename, each.size or 0, each.lfs.sha256 if each.lfs else None)
        for each in info.siblings or []
        if ".." not in each.rfilename.split("/")
    ]
    chosen = set(choose([file.path for file in published]))
    files = tuple(file for file in published if file.path in chosen)
    return Listing(repo_id, repo_type, revision, info.sha, files)


def transfer(wanted: Listing, folder: Path) -> None:
    """Fetch `wanted` into `folder` and check it; a file that arrived damaged is fetched once more.

    Raises `UserError`: gated, network, disk, or a file that is damaged again (it is deleted).
    """
    with told_plainly(wanted.repo_id):
        with _ctrl_c_at_once():
            _download(wanted, folder, [file.path for file in wanted.files])
        say(f"checking {wanted.repo_id} against the published checksums", "dim")
        damaged = _delete_damaged(wanted, folder)
        if damaged:
            say(f"fetching again: {_listed(damaged)}", "yellow")
            with _ctrl_c_at_once():
                _download(wanted, folder, list(damaged), anew=True)
            damaged = _delete_damaged(wanted, folder)
    if damaged:
        raise UserError(
            f"{wanted.repo_id} arrives damaged: {_listed(damaged)}. "
            "Run this again later; the whole files were kept."
        )


def _download(wanted: Listing, folder: Path, paths: list[str], anew: bool = False) -> None:
    """Let huggingface_hub fetch `paths`; after a reset, which it does not resume, once more."""
    import httpx
    from huggingface_hub import snapshot_download

    for last in (False, True):
        try:
            snapshot_download(
                wanted.repo_id,
                repo_type=wanted.repo_type,
                revision=wanted.commit,
                local_dir=folder,
                allow_patterns=[glob.escape(path) for path in paths],
                force_download=anew,
                endpoint=endpoint(),
            )
            return
        except (httpx.NetworkError, OSError) as problem:
            # a bare OSError without a number is "Consistency check failed": it came short
            short = type(problem) is OSError and problem.errno is None
            if last or not (short or isinstance(problem, httpx.NetworkError)):
                raise
            say(f"{str(problem).splitlines()[0]}: trying once more", "yellow")


@contextmanager
def _ctrl_c_at_once() -> Iterator[None]:
    """End on Ctrl-C now: huggingface_hub would first wait for the gigabytes of files in flight."""

    def stop(*_: object) -> None:
        # os.write: the interrupted thread may be inside the console's own write
        os.write(2, b"\ninterrupted: the files that are whole were kept, run this again\n")
        os._exit(INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _delete_damaged(wanted: Listing, folder: Path) -> dict[str, str]:
    """Delete the files that are not as published and return what is wrong with each."""
    damaged = _defects(wanted, folder)
    for path in damaged:
        (folder / path).unlink(missing_ok=True)
    return damaged


def _defects(wanted: Listing, folder: Path) -> dict[str, str]:
    """What is wrong, by path: missing, not the published bytes, no valid safetensors header."""
    from huggingface_hub import HfApi

    report = HfApi(endpoint=endpoint()).verify_repo_checksums(
        wanted.repo_id, repo_type=wanted.repo_type, revision=wanted.commit, local_dir=folder
    )
    changed = {mismatch["path"] for mismatch in report.mismatches}
    defects = {file.path: _defect(file, folder, changed) for file in wanted.files}
    defects |= _index_defects(folder)
    return {path: defect for path, defect in defects.items() if defect}


def _defect(file: Published, folder: Path, changed: set[str]) -> str | None:
    path = folder / file.path
    if not path.is_file():
        return "missing"
    if (size := path.stat().st_size) != file.size:
        return f"{size} of {file.size} bytes"
    if file.path in changed:
        return "not the published checksum"
    return _header_defect(path) if path.suffix == ".safetensors" else None


def _header_defect(path: Path) -> str | None:
    """The checksum cannot tell that a file was already broken when it was published."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            return None
    except SafetensorError as problem:
        return str(problem)


def _index_defects(folder: Path) -> dict[str, str | None]:
    """A repository can lack shards that its own index names."""
    if not (folder / INDEX).is_file():
        return {}
    try:
        named = set(json.loads((folder / INDEX).read_text())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return {INDEX: "not an index of shards"}
    return {
        name: "named by the index, not published" for name in named if not (folder / name).is_file()
    }


def _listed(damaged: dict[str, str]) -> str:
    return ", ".join(f"{path} ({defect})" for path, defect in sorted(damaged.items()))
