"""What may lie in a checkpoint's folder: files, folders, and links that stay inside.

Libraries open by name whatever lies there (tokenizer, chat template, generation config), so a
folder with a link that leads out of it is not read at all.
"""

import os
from pathlib import Path

from core.strict_json import Damaged

MOST_ENTRIES = 100_000


def check(folder: Path) -> None:
    """Raise `Damaged` for a link that leads out, one to a folder, and what is no file or folder.

    Subfolders are looked at too, links are not followed.
    """
    left, seen = [folder], 0
    while left:
        place = left.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MOST_ENTRIES:
                        raise Damaged(f"{folder}: more than {MOST_ENTRIES:,} files and folders")
                    if entry.is_dir(follow_symlinks=False):
                        left.append(Path(entry.path))
                    else:
                        _check_entry(folder, entry)
        except OSError as problem:
            raise Damaged(f"{place}: cannot be read ({problem.strerror})") from problem


def _check_entry(folder: Path, entry: "os.DirEntry[str]") -> None:
    if entry.is_symlink():
        if inside(folder, Path(entry.path)).is_dir():
            raise Damaged(f"{entry.path}: a link to a folder; it is not followed")
    elif not entry.is_file(follow_symlinks=False):
        raise Damaged(f"{entry.path}: neither a file nor a folder")


def inside(folder: Path, file: Path) -> Path:
    """The file, if it lies in the folder (or, linked by the hub's cache, among its blobs)."""
    real, home = Path(os.path.realpath(file)), Path(os.path.realpath(folder))
    cache = home.parent.parent / "blobs" if home.parent.name == "snapshots" else home
    if real.is_relative_to(home) or real.is_relative_to(cache):
        return file
    raise Damaged(f"{file}: a link that leads out of the checkpoint's folder; it is not followed")
