"""Which downloaded files are not what was published, or were published broken.

huggingface_hub compares sizes while it downloads and checksums when asked
(`verify_repo_checksums`); the rest it leaves open, as said at each check.

    find_defects(listing, Path("name.partial"))
    # {"model.safetensors": "1000 of 2000 bytes"}
"""

import json
from pathlib import Path

from hub.listing import Listing, RemoteFile

INDEX = "model.safetensors.index.json"


def find_defects(listing: Listing, folder: Path) -> dict[str, str]:
    """What is wrong with the files of `listing` in `folder`, by path; empty when all is well.

    Raises what huggingface_hub raises when it asks for the checksums.
    """
    from huggingface_hub import HfApi

    report = HfApi().verify_repo_checksums(
        listing.repo_id, repo_type=listing.repo_type, revision=listing.commit, local_dir=folder
    )
    changed = {mismatch["path"] for mismatch in report.mismatches}
    checked = {file.path: _file_defect(file, folder, changed) for file in listing.files}
    return {path: defect for path, defect in checked.items() if defect} | _index_defects(
        listing, folder
    )


def _file_defect(file: RemoteFile, folder: Path, changed: set[str]) -> str | None:
    """What is wrong with one file; `changed` are the paths with another checksum than published.

    huggingface_hub fetches and checks what a second listing (`/tree/`) names: a mirror that names
    fewer files there leaves one out unsaid.
    """
    path = folder / file.path
    if not path.is_file():
        return "missing"
    if (size := path.stat().st_size) != file.size:
        return f"{size} of {file.size} bytes"
    if file.path in changed:
        return "not the published checksum"
    return _header_defect(path) if path.suffix == ".safetensors" else None


def _header_defect(path: Path) -> str | None:
    """What is wrong with a file's safetensors header.

    The checksum cannot tell that a file was already broken when it was published.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            return None
    except SafetensorError as problem:
        return str(problem)


def _index_defects(listing: Listing, folder: Path) -> dict[str, str]:
    """The shards that a repository's own index names and the repository does not hold."""
    published = {file.path for file in listing.files}
    if INDEX not in published or not (folder / INDEX).is_file():
        return {}
    try:
        shards = {
            str(name) for name in json.loads((folder / INDEX).read_text())["weight_map"].values()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {INDEX: "not an index of shards"}
    return dict.fromkeys(shards - published, "named by the index, not published")
