"""Which downloaded files are not what was published, or were published broken.

huggingface_hub compares sizes while it downloads; the rest is compared with the listing here.

    find_defects(listing, Path("name.partial"))
    # {"model.safetensors": "1000 of 2000 bytes"}
"""

import hashlib
from functools import partial
from pathlib import Path

from core import strict_json
from hub.listing import Listing, RemoteFile

INDEX = "model.safetensors.index.json"


def find_defects(listing: Listing, folder: Path) -> dict[str, str]:
    """What is wrong with the files of `listing` in `folder`, by path; empty when all is well."""
    checked = {file.path: _file_defect(file, folder / file.path) for file in listing.files}
    return {path: defect for path, defect in checked.items() if defect} | _index_defects(
        listing, folder
    )


def _file_defect(file: RemoteFile, path: Path) -> str | None:
    """What is wrong with one file."""
    if not path.is_file():
        return "missing"
    if (size := path.stat().st_size) != file.size:
        return f"{size} of {file.size} bytes"
    if _checksum(file, path) != (file.sha256 or file.blob_id):
        return "not the published checksum"
    return _header_defect(path) if path.suffix == ".safetensors" else None


def _checksum(file: RemoteFile, path: Path) -> str:
    """The SHA-256 of a large file; of another what git names its content by.

    huggingface_hub's own `git_hash` takes the whole content at once.
    """
    git = partial(hashlib.sha1, b"blob %d\0" % file.size, usedforsecurity=False)
    with path.open("rb") as content:
        return hashlib.file_digest(content, hashlib.sha256 if file.sha256 else git).hexdigest()


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
        shards = strict_json.read_json(folder / INDEX)["weight_map"].values()
    except (strict_json.Damaged, KeyError, AttributeError):
        return {INDEX: "not an index of shards"}
    named = {str(name) for name in shards}
    return dict.fromkeys(named - published, "named by the index, not published")
