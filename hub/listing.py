"""What a repository on the hub holds at one commit: its files with sizes and checksums.

listing = list_repository("org/name", "model", "main", choose=lambda paths: paths)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from hub.errors import user_errors


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


def check_name(repo_id: str) -> None:
    """Raises `UserError` when `repo_id` cannot be a repository's name (a path, an address)."""
    from huggingface_hub.utils import validate_repo_id

    with user_errors(repo_id):
        validate_repo_id(repo_id)


def list_repository(
    repo_id: str, repo_type: str, revision: str, choose: Callable[[list[str]], Iterable[str]]
) -> Listing:
    """Ask the hub for the commit of `revision` and its files; `choose` picks among their paths.

    Raises `UserError`: missing, private or gated repository, unknown revision, no network.
    """
    from huggingface_hub import HfApi, constants

    with user_errors(repo_id):
        # Without a timeout huggingface_hub waits for this answer for ever.
        info: Any = HfApi().repo_info(
            repo_id,
            repo_type=repo_type,
            revision=revision,
            files_metadata=True,
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
    chosen = set(choose([sibling.rfilename for sibling in info.siblings]))
    files = tuple(
        RemoteFile(
            sibling.rfilename, sibling.size or 0, sibling.lfs.sha256 if sibling.lfs else None
        )
        for sibling in info.siblings
        if sibling.rfilename in chosen
    )
    return Listing(repo_id, repo_type, revision, info.sha, files)
