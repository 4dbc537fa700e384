"""A repository as a hub publishes it, and the names that its contents have."""

import hashlib
from dataclasses import dataclass


@dataclass
class Repo:
    """One repository at one commit of its only branch, `main`."""

    files: dict[str, bytes]
    type: str = "model"
    gated: bool = False
    status: int = 200  # of every API answer
    message: str = ""  # X-Error-Message of a refusal
    page: bytes | None = None  # answered by the API instead of JSON

    @property
    def commit(self) -> str:
        listed = sorted((path, sha256(content)) for path, content in self.files.items())
        return hashlib.sha1(repr(listed).encode()).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
