"""Folders fetched from the hub: they have their name only when they are whole.

The work is done in `<folder>.partial`, which the next run goes on from; `download.json` says what
a finished folder holds (repository, commit, files with sizes and checksums).

    check_folder(folder, wanted.repo_id)
    check_space([(wanted, folder)])
    record = fetch(wanted, folder)
"""

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checkpoints.models import DOWNLOAD
from core.cli import say
from core.errors import UserError
from hub.download import Listing, Published, transfer
from hub.errors import endpoint, told_plainly

UNFINISHED = "unfinished.json"
SPARE = 1.05  # free space asked for, over the bytes to fetch


def check_folder(folder: Path, repo_id: str) -> None:
    """Raises `UserError` unless `folder` is absent, empty or an earlier download of `repo_id`."""
    folder = folder.resolve()
    for place, marks in ((folder, [DOWNLOAD]), (_partial(folder), [UNFINISHED, DOWNLOAD])):
        if not place.exists() or _is_empty(place):
            continue
        held = next((record for mark in marks if (record := _read(place / mark))), None)
        if held is None:
            raise UserError(
                f"{place} exists and was not written by this command: "
                "move it away or choose another --output_dir."
            )
        if held["repo_id"] != repo_id:
            raise UserError(
                f"{place} holds {held['repo_id']}, not {repo_id}: choose another --output_dir."
            )


def check_space(wanted: Iterable[tuple[Listing, Path]]) -> None:
    """Raises `UserError` when a disk cannot take what is still to be fetched and 5 % more."""
    needed: dict[int, tuple[float, Path]] = {}
    for each, folder in wanted:
        home = next(p for p in folder.resolve().parents if p.exists())
        disk = home.stat().st_dev
        so_far, _ = needed.get(disk, (0.0, home))
        needed[disk] = (so_far + SPARE * _missing_bytes(each, folder.resolve()), home)
    for needed_bytes, home in needed.values():
        if needed_bytes > (free := shutil.disk_usage(home).free):
            raise UserError(
                f"{home} has {free / 1e9:.1f} GB free and this download needs "
                f"{needed_bytes / 1e9:.1f} GB: free some space or choose another --output_dir."
            )


def is_whole(folder: Path, wanted: Listing) -> bool:
    """Whether `folder` already holds this very commit with every file at its published size."""
    record = _read(folder / DOWNLOAD)
    if record is None or record["commit"] != wanted.commit:
        return False
    return all(_has_size(folder / file.path, file.size) for file in wanted.files)


def fetch(wanted: Listing, folder: Path) -> dict[str, Any]:
    """Bring `folder` to `wanted` and return its record (what `download.json` holds).

    An older or damaged download under the same name is kept beside it, as `<folder>.<commit>`.

    Raises `UserError`: gated, network, disk, or a file that stays damaged when fetched again.
    """
    folder = folder.resolve()
    partial = _partial(folder)
    with told_plainly(wanted.repo_id):
        partial.mkdir(parents=True, exist_ok=True)
        (partial / UNFINISHED).write_text(json.dumps({"repo_id": wanted.repo_id}))
        (partial / DOWNLOAD).unlink(missing_ok=True)
        for leftover in (partial / ".cache").rglob("*.incomplete"):
            leftover.unlink()  # huggingface_hub never goes on with one from another process
        for file in _unchanged(wanted, folder):
            _link(folder / file.path, partial / file.path)
        transfer(wanted, partial)
        _tidy(wanted, partial)
        record = _write_record(wanted, partial)
        _put_in_place(partial, folder)
    return record


def _partial(folder: Path) -> Path:
    return folder.with_name(folder.name + ".partial")


def _is_empty(place: Path) -> bool:
    return place.is_dir() and not any(place.iterdir())


def _read(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and "repo_id" in record else None


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _missing_bytes(wanted: Listing, folder: Path) -> int:
    """Bytes that neither the folder nor an interrupted run has already."""
    if is_whole(folder, wanted):
        return 0
    here = set(_unchanged(wanted, folder))
    partial = _partial(folder)
    here |= {file for file in wanted.files if _has_size(partial / file.path, file.size)}
    return sum(file.size for file in wanted.files if file not in here)


def _unchanged(wanted: Listing, folder: Path) -> list[Published]:
    """Large files that an earlier download in `folder` shares with `wanted`."""
    record = _read(folder / DOWNLOAD) or {"files": []}
    held = {file["path"]: file["sha256"] for file in record["files"]}
    return [
        file
        for file in wanted.files
        if file.sha256
        and held.get(file.path) == file.sha256
        and _has_size(folder / file.path, file.size)
    ]


def _link(source: Path, target: Path) -> None:
    """Share a file's bytes with an earlier download; a disk without hard links fetches it anew."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        say(f"{source.name} cannot be linked: it is fetched again", "dim")


def _tidy(wanted: Listing, partial: Path) -> None:
    """Remove the transfer's own marks and what an interrupted run of another commit left."""
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    published = {file.path for file in wanted.files}
    for path in [p for p in partial.rglob("*") if p.is_file()]:
        if path.relative_to(partial).as_posix() not in published:
            path.unlink()


def _write_record(wanted: Listing, partial: Path) -> dict[str, Any]:
    """Written last, so that its existence means that the download was completed and checked."""
    import huggingface_hub

    record = asdict(wanted) | {
        "files": [asdict(file) for file in wanted.files],
        "endpoint": endpoint(),
        "huggingface_hub": huggingface_hub.__version__,
        "fetched_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (partial / DOWNLOAD).write_text(json.dumps(record, indent=1) + "\n")
    return record


def _put_in_place(partial: Path, folder: Path) -> None:
    if folder.exists() and not _is_empty(folder):
        held = _read(folder / DOWNLOAD) or {}
        kept = _free_name(folder, str(held.get("commit", "earlier"))[:8])
        folder.rename(kept)
        say(f"the earlier download was kept as {kept.name}: delete it when you need the space")
    partial.replace(folder)


def _free_name(folder: Path, mark: str) -> Path:
    name = folder.with_name(f"{folder.name}.{mark}")
    count = 2
    while name.exists():
        name = folder.with_name(f"{folder.name}.{mark}-{count}")
        count += 1
    return name
