"""What a repository on the hub holds at one commit: its files with sizes and checksums.

listing = list_repository("org/name", "model", "main", choose=lambda paths: paths)
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from core.names import FILE_BYTES
from hub.client import bounded_client
from hub.errors import malformed, user_errors

MOST_FILES = 100_000
MOST_BYTES = 1 << 50  # of a file
OWN = ("download.json", "unfinished.json", ".cache")  # names that a download itself uses


@dataclass(frozen=True)
class RemoteFile:
    """One file as the hub announces it: `size` in bytes, `sha256` of large (LFS) files alone."""

    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True)
class Listing:
    """The chosen files of one repository at one commit; `revision` is the name it was asked by."""

    repo_id: str
    repo_type: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def total_bytes(self) -> int:
        """The size of all files."""
        return sum(file.size for file in self.files)

    @property
    def largest(self) -> int:
        """The size of the largest file."""
        return max((file.size for file in self.files), default=0)


def check_name(repo_id: str) -> None:
    """Raises `UserError` when `repo_id` cannot be a repository's name (a path, an address)."""
    from huggingface_hub.utils import validate_repo_id

    with user_errors(repo_id):
        validate_repo_id(repo_id)


def list_repository(
    repo_id: str, repo_type: str, revision: str, choose: Callable[[list[str]], Iterable[str]]
) -> Listing:
    """Ask the hub for the commit of `revision` and its files; `choose` picks among their paths.

    Raises `UserError`: missing, private or gated repository, unknown revision, no network, an
    answer that is no hub's or names files that may not be written.
    """
    from huggingface_hub import HfApi, constants

    with user_errors(repo_id), malformed(), bounded_client():
        # Without a timeout huggingface_hub waits for this answer for ever.
        info: Any = HfApi().repo_info(
            repo_id,
            repo_type=repo_type,
            revision=revision,
            files_metadata=True,
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
        files = [_remote_file(sibling) for sibling in info.siblings]
        if not re.fullmatch("[0-9a-f]{40}", info.sha):
            raise ValueError(f"a commit called {info.sha[:50]!r}")
    if len(files) > MOST_FILES:
        raise UserError(f"{repo_id} has {len(files):,} files, at most {MOST_FILES:,} are looked at")
    chosen = set(choose([file.path for file in files]))
    wanted = tuple(file for file in files if file.path in chosen)
    for file in wanted:
        if why := unsafe(file.path):
            raise UserError(
                f"{repo_id} names a file {file.path[:100]!r}: {why}; nothing is fetched"
            )
    return Listing(repo_id, repo_type, revision, info.sha, wanted)


def _remote_file(sibling: Any) -> RemoteFile:
    """A file as listed. Raises `ValueError` for what no hub says."""
    path, size = sibling.rfilename, sibling.size or 0
    sha256 = sibling.lfs.sha256 if sibling.lfs else None
    if not isinstance(path, str) or not isinstance(size, int) or not 0 <= size < MOST_BYTES:
        raise ValueError(f"a file {path!r:.60} of {size!r:.60} bytes")
    if sha256 is not None and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError(f"a checksum {sha256!r:.80}")
    return RemoteFile(path, size, sha256)


def unsafe(path: str) -> str | None:
    """Why a path of a listing may not be written below a folder; None when it may."""
    parts = path.split("/")
    if not path.isprintable() or "\\" in path:
        return "it holds characters that no path should"
    if any(part in ("", ".", "..") for part in parts):
        return "it leads elsewhere"
    if any(len(part.encode()) > FILE_BYTES for part in parts):
        return f"it is longer than {FILE_BYTES} bytes"
    return "downloads use that name themselves" if parts[0] in OWN else None
