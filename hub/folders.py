"""Folders fetched from the hub: one has its name only when it is whole.

The work is done in `<folder>.partial`, which the next run goes on from; `download.json` says what
a finished folder holds (repository, commit, files with sizes and checksums).

    check_folder(folder, listing.repo_id)
    check_space([(listing, folder)])
    fetch(listing, folder, tell)
"""

import json
import os
import shutil
import stat
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checkpoints.models import DOWNLOAD
from core import strict_json
from core.cli import Tell, say
from core.errors import UserError
from guarding import locks
from hub.errors import user_errors
from hub.listing import SHA1, Listing, RemoteFile
from hub.names import UNFINISHED, shown
from hub.transfer import transfer

SPARE = 1.05  # free space asked for, over the bytes to fetch


def check_folder(folder: Path, repo_id: str) -> None:
    """Raises `UserError` unless `folder` is absent, empty or an earlier download of `repo_id`."""
    with user_errors(repo_id):
        folder = folder.resolve()
        for place, names in ((folder, [DOWNLOAD]), (_partial(folder), [UNFINISHED, DOWNLOAD])):
            if place.is_symlink():
                raise UserError(f"{place} is a link: delete it or choose another --output_dir.")
            if place.exists() and not _is_empty(place):
                _check_owner(place, names, repo_id)


def _check_owner(place: Path, record_names: list[str], repo_id: str) -> None:
    """Raises `UserError` unless one of the records in a folder says that it holds `repo_id`."""
    record = next((r for name in record_names if (r := _read(place / name))), None)
    if record is None:
        raise UserError(
            f"{place} exists and was not written by this command: "
            "move it away or choose another --output_dir."
        )
    if record["repo_id"] != repo_id:
        raise UserError(
            f"{place} holds {shown(record['repo_id'])}, not {repo_id}: choose another --output_dir."
        )


def check_space(plan: Iterable[tuple[Listing, Path]]) -> None:
    """Raises `UserError` when a disk cannot take what is still to be fetched and 5 % more.

    huggingface_hub only warns, looks at each file alone, and its dry run creates the folder.
    """
    parents: dict[int, Path] = {}  # by disk
    needed_bytes: dict[int, float] = defaultdict(float)
    for listing, folder in plan:
        parent = next(p for p in folder.resolve().parents if p.exists())
        disk = parent.stat().st_dev
        parents.setdefault(disk, parent)
        needed_bytes[disk] += SPARE * _missing_bytes(listing, folder.resolve())
    for disk, parent in parents.items():
        if needed_bytes[disk] > (free := shutil.disk_usage(parent).free):
            raise UserError(
                f"{parent} has {free / 1e9:.1f} GB free and this download needs "
                f"{needed_bytes[disk] / 1e9:.1f} GB: "
                "free some space or choose another --output_dir."
            )


def is_whole(folder: Path, listing: Listing) -> bool:
    """Whether `folder` already holds this very commit with every file at its published size."""
    record = _read(folder / DOWNLOAD)
    if record is None or record.get("commit") != listing.commit:
        return False
    return all(_has_size(folder / file.path, file.size) for file in listing.files)


def fetch(listing: Listing, folder: Path, tell: Tell) -> None:
    """Fill `folder` with the files of `listing`, checked, and a `download.json` about them.

    An older or damaged download under the same name is kept next to it, as `<folder>.<commit>`.

    Raises `UserError`: gated, network, disk, or a file that stays damaged when fetched again.
    """
    folder = folder.resolve()
    partial = _partial(folder)
    with user_errors(listing.repo_id), locks.held(partial):
        _delete_links(partial)
        (partial / UNFINISHED).write_text(json.dumps({"repo_id": listing.repo_id}))
        (partial / DOWNLOAD).unlink(missing_ok=True)  # of a run killed before the last step
        for leftover in (partial / ".cache").rglob("*.incomplete"):
            leftover.unlink()  # of a killed run: huggingface_hub neither resumes nor deletes it
        for file in _unchanged(listing, folder):
            _link(folder / file.path, partial / file.path)
        transfer(listing, partial, tell)
        _delete_all_but(listing, partial)
        _write_record(listing, partial)
        _put_in_place(partial, folder)


def _partial(folder: Path) -> Path:
    return folder.with_name(folder.name + ".partial")


def _is_empty(place: Path) -> bool:
    return place.is_dir() and not any(place.iterdir())


def _read(path: Path) -> dict[str, Any] | None:
    """The record in a file; None when there is no file or it holds something else."""
    try:
        record = strict_json.read_json(path)
    except strict_json.Damaged:
        return None
    return record if isinstance(record.get("repo_id"), str) else None


def _delete_links(partial: Path) -> None:
    """Delete what is neither a file nor a folder: writing to a link would write elsewhere."""
    for parent, folders, files in os.walk(partial):
        for path in (Path(parent, name) for name in (*folders, *files)):
            if not stat.S_ISREG(mode := path.lstat().st_mode) and not stat.S_ISDIR(mode):
                path.unlink()


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _missing_bytes(listing: Listing, folder: Path) -> int:
    """Bytes that neither the folder nor an interrupted run has already."""
    if is_whole(folder, listing):
        return 0
    partial = _partial(folder)
    present = set(_unchanged(listing, folder))
    present |= {file for file in listing.files if _has_size(partial / file.path, file.size)}
    return sum(file.size for file in listing.files if file not in present)


def _unchanged(listing: Listing, folder: Path) -> list[RemoteFile]:
    """Large files of `listing` that an earlier download in `folder` holds already."""
    recorded = (_read(folder / DOWNLOAD) or {}).get("files")
    entries = [e for e in recorded if isinstance(e, dict)] if isinstance(recorded, list) else []
    checksums = {str(entry.get("path")): entry.get("sha256") for entry in entries}
    return [
        file
        for file in listing.files
        if file.sha256
        and checksums.get(file.path) == file.sha256
        and _has_size(folder / file.path, file.size)
        and not (folder / file.path).is_symlink()
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


def _delete_all_but(listing: Listing, partial: Path) -> None:
    """Delete huggingface_hub's own notes and what an interrupted run of another commit left."""
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    published = {file.path for file in listing.files}
    for path in [p for p in partial.rglob("*") if p.is_file()]:
        if path.relative_to(partial).as_posix() not in published:
            path.unlink()


def _write_record(listing: Listing, partial: Path) -> None:
    """Write `download.json`; last, because it says that everything was fetched and checked."""
    from huggingface_hub import __version__, constants

    record = asdict(listing) | {
        "endpoint": constants.ENDPOINT,
        "huggingface_hub": __version__,
        "fetched_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (partial / DOWNLOAD).write_text(json.dumps(record, indent=1) + "\n")


def _put_in_place(partial: Path, folder: Path) -> None:
    """Give the finished folder its name; what had the name before keeps its bytes next to it."""
    if folder.exists() and not _is_empty(folder):
        commit = str((_read(folder / DOWNLOAD) or {}).get("commit"))
        aside = _free_name(folder, commit[:8] if SHA1.fullmatch(commit) else "earlier")
        folder.rename(aside)
        say(f"the earlier download was kept as {aside.name}: delete it when you need the space")
    partial.replace(folder)


def _free_name(folder: Path, suffix: str) -> Path:
    """`<folder>.<suffix>`, or with -2, -3, ... when that is taken."""
    name = folder.with_name(f"{folder.name}.{suffix}")
    count = 2
    while name.exists():
        name = folder.with_name(f"{folder.name}.{suffix}-{count}")
        count += 1
    return name
