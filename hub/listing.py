"""What a repository on the hub holds at one commit: its files with sizes and checksums.

listing = list_repository("org/name", "model", "main", choose=lambda paths: paths)
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from core import strict_json
from core.errors import UserError
from hub.errors import no_hub, user_errors
from hub.names import check_names, shown

LISTING_BYTES = 64 << 20  # of JSON: 200,000 files take 50 MB
LISTING_S = 600.0  # by when it has to be there
MOST_FILES = 10_000  # chosen of one repository
MOST_BYTES = 1 << 60  # of one file
SHA1 = re.compile("[0-9a-f]{40}")
SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class RemoteFile:
    """One file as the hub announces it: `size` in bytes, `sha256` of large (LFS) files alone.

    Of the others there is `blob_id`, the SHA-1 that git names their content by.
    """

    path: str
    size: int
    sha256: str | None
    blob_id: str | None = None


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

    Raises `UserError`: missing, private or gated repository, unknown revision, no network, or an
    answer that is not a listing of files that can be written and checked.
    """
    with user_errors(repo_id):
        text = _ask(repo_id, repo_type, revision)
    try:
        answer = strict_json.parse_object(text, Path("the listing"), "")
    except strict_json.Damaged as problem:
        raise no_hub(shown(str(problem))) from problem
    commit = answer.get("sha")
    if not isinstance(commit, str) or not SHA1.fullmatch(commit):
        raise no_hub(f"the commit is {_value(commit)}")
    siblings = _siblings(answer)
    chosen = set(choose([sibling["rfilename"] for sibling in siblings]))
    if len(chosen) > MOST_FILES:
        raise UserError(
            f"{repo_id} has {len(chosen):,} files to fetch, at most {MOST_FILES:,} are: "
            "choose another repository."
        )
    wanted = [sibling for sibling in siblings if sibling["rfilename"] in chosen]
    check_names(sibling["rfilename"] for sibling in wanted)
    return Listing(repo_id, repo_type, revision, commit, tuple(map(_remote_file, wanted)))


def _ask(repo_id: str, repo_type: str, revision: str) -> bytes:
    """The hub's answer about a repository.

    `HfApi.repo_info` parses whatever it is sent, and trips over what it did not expect.
    """
    from huggingface_hub import constants, get_session, hf_raise_for_status
    from huggingface_hub.utils import build_hf_headers

    from hub.client import allowed

    url = f"{constants.ENDPOINT}/api/{repo_type}s/{repo_id}/revision/{quote(revision, safe='')}"
    with allowed(f"the listing of {repo_id}", LISTING_BYTES, LISTING_S):
        response = get_session().get(
            url,
            params={"blobs": True},
            headers=build_hf_headers(),
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
        hf_raise_for_status(response)
    return bytes(response.content)


def _siblings(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The files as the hub lists them: `rfilename`, `size`, `blobId`, `lfs`."""
    siblings = answer.get("siblings")
    if not isinstance(siblings, list):
        raise no_hub(f"the list of files is {_value(siblings)}")
    for sibling in siblings:
        if not isinstance(sibling, dict) or not isinstance(sibling.get("rfilename"), str):
            raise no_hub(f"a file is {_value(sibling)}")
    return siblings


def _remote_file(sibling: dict[str, Any]) -> RemoteFile:
    """A file with what it can be checked by. Raises `UserError` when that is not there."""
    path, size = sibling["rfilename"], sibling.get("size")
    if type(size) is not int or not 0 <= size < MOST_BYTES:
        raise no_hub(f"the size of {shown(path)} is {_value(size)}")
    if (lfs := sibling.get("lfs")) is None:
        return RemoteFile(path, size, None, _checksum(path, sibling.get("blobId"), SHA1))
    checksum = lfs.get("sha256") if isinstance(lfs, dict) else lfs
    return RemoteFile(path, size, _checksum(path, checksum, SHA256))


def _checksum(path: str, checksum: Any, kind: re.Pattern[str]) -> str:
    if not isinstance(checksum, str) or not kind.fullmatch(checksum):
        raise no_hub(f"the checksum of {shown(path)} is {_value(checksum)}")
    return checksum


def _value(value: Any) -> str:
    """A value of a wrong kind, as JSON has it."""
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    return "missing" if value is None else shown(repr(value))
