"""The HTTP client that huggingface_hub is given: what a hub's answers may cost is bounded.

with bounded_client(largest_file=listing.largest):
    snapshot_download(...)
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from core.errors import UserError

MAX_API_BYTES = 128 << 20  # of all answers together; a repository of 100,000 files takes 30 MB
ANSWER_BYTES = 1 << 10  # counted for each answer besides: pages without an end are no file
SPARE_BYTES = 1 << 20  # for pages of errors, and files whose size is not listed
SLOWEST, PATIENCE_S = 1 << 10, 60.0  # bytes per second, over so many seconds


class Budget:
    """How many bytes one kind of answer may still have."""

    def __init__(self, most: int, what: str) -> None:
        self.left = most
        self.most = most
        self.what = what

    def take(self, count: int) -> None:
        """Raise `UserError` when there are fewer left."""
        self.left -= count
        if self.left < 0:
            raise UserError(f"The hub sends more than {self.most:,} bytes {self.what}: given up.")


class _Body(httpx.SyncByteStream):
    """An answer's body that must keep to its budget and must not trickle."""

    def __init__(self, stream: Any, budget: Budget) -> None:
        self.stream = stream
        self.budget = budget

    def __iter__(self) -> Iterator[bytes]:
        since, received = time.monotonic(), 0
        for chunk in self.stream:
            self.budget.take(len(chunk))
            received += len(chunk)
            seconds = time.monotonic() - since
            if seconds > PATIENCE_S:
                if received < SLOWEST * seconds:
                    raise UserError(
                        f"The hub sends less than {SLOWEST:,} bytes per second: given up. Run this "
                        "again later; the files that are whole were kept."
                    )
                since, received = time.monotonic(), 0
            yield chunk

    def close(self) -> None:
        self.stream.close()


@contextmanager
def bounded_client(largest_file: int = 0) -> Iterator[None]:
    """Let huggingface_hub use such a client in the block; a file has at most `largest_file` bytes.

    What breaks a bound is a `UserError`, which huggingface_hub does not try again.
    """
    from huggingface_hub.utils import _http

    api = Budget(MAX_API_BYTES, "of listings")
    most = largest_file + SPARE_BYTES

    def ask_plainly(request: httpx.Request) -> None:
        _http.hf_request_event_hook(request)
        request.headers["Accept-Encoding"] = "identity"

    def watch(response: httpx.Response) -> None:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":  # what it grows to when unpacked is anybody's guess
            raise httpx.DecodingError(f"an answer packed as {encoding[:40]!r}, which was not asked")
        budget = Budget(most, "of a file")
        if response.request.url.path.startswith("/api/"):
            api.take(ANSWER_BYTES)
            budget = api
        response.stream = _Body(response.stream, budget)

    def client() -> httpx.Client:
        hooks: dict[str, list[Any]] = {"request": [ask_plainly], "response": [watch]}
        return httpx.Client(event_hooks=hooks, follow_redirects=True, timeout=None)

    _http.set_client_factory(client)
    try:
        yield
    finally:
        _http.set_client_factory(_http.default_client_factory)
