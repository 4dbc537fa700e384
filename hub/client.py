"""The HTTP client that huggingface_hub uses, with bounds on whatever the other side sends.

    with allowed("the listing", size=64 << 20, seconds=600):
        get_session().get(url)  # a `UserError` when more than that comes, or too slowly

They are set where its client passes (`set_client_factory`): below it, on every read of a connection
(`hub.connection`), and here on every address and on every answer before its body is read. Xet, the
second way to fetch files, has a client of its own: it is left to huggingface.co.
"""

import functools
import math
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from core.errors import UserError
from hub.connection import Allowance, Backend, current
from hub.errors import LOG_IN, no_hub
from hub.names import shown

PAUSE_S = 300  # a hub's own limits are counted over five minutes
MOST_REDIRECTS = 10
MOST_WARNED = 300  # characters of a warning
SMALL = 64 << 10  # bytes of a body that are read in any case, to keep its connection
# huggingface_hub makes a file name of the first and looks into its cache for the second.
ETAG = re.compile(r'(W/)?"?[!#-.0-\[\]-~]{1,128}"?')
COMMIT = re.compile("[0-9a-f]{40}")


@contextmanager
def allowed(what: str, size: int, seconds: float = math.inf) -> Iterator[None]:
    """Bound what this thread is sent: bodies of `size` bytes for `what`, all within `seconds`."""
    _install()
    current.allowance = Allowance(what, size, time.monotonic() + seconds)
    try:
        yield
    finally:
        current.allowance = None


@functools.cache
def _install() -> None:
    """Let huggingface_hub use this client from now on."""
    from huggingface_hub import set_client_factory

    set_client_factory(_client)


def _client() -> httpx.Client:
    """huggingface_hub's own client (no requests when offline) with the bounds of this module."""
    from huggingface_hub.utils._http import default_client_factory

    client: httpx.Client = default_client_factory()
    hooks = client.event_hooks
    client.event_hooks = {
        "request": [*hooks["request"], _check_address],
        "response": [*hooks["response"], _bound_answer],
    }
    client.max_redirects = MOST_REDIRECTS
    # A few compressed bytes hold gigabytes, and httpx decompresses them at once.
    client.headers["Accept-Encoding"] = "identity"
    # httpx has no parameter for the backend, and one for the transport ignores proxy variables.
    for transport in (client._transport, *client._mounts.values()):
        if transport is not None:  # None: an address that NO_PROXY names
            pool = transport._pool  # type: ignore[attr-defined]
            pool._network_backend = Backend(pool._network_backend)
    return client


def _check_address(request: httpx.Request) -> None:
    """Raises `UserError` when a hub sends us to a file, or from an encrypted address to another."""
    from huggingface_hub import constants

    schemes = ["https"] if constants.ENDPOINT.startswith("https:") else ["http", "https"]
    if request.url.scheme not in schemes:
        raise no_hub(f"it leads to {shown(str(request.url))}, which is not {' or '.join(schemes)}")


def _bound_answer(response: httpx.Response) -> None:
    """Check an answer's headers, and bound its body or drop it."""
    headers = response.headers
    response.extensions["network_stream"].body_begins()
    if "X-HF-Warning" in headers:  # huggingface_hub prints it as it is
        headers["X-HF-Warning"] = ascii(headers["X-HF-Warning"])[1:-1][:MOST_WARNED]
    if not _is_huggingface():
        headers.pop("X-Xet-Hash", None)
    if response.request.method == "HEAD":
        _check_metadata(headers)
    if response.status_code >= 400 and _pause_s(headers) > PAUSE_S:
        raise UserError(
            f"The hub asks for a pause of more than {PAUSE_S // 60} minutes "
            f"({response.status_code}): run this again later, or {LOG_IN} for higher limits."
        )
    if response.status_code >= 300:
        _drop_body(response)
        return
    if (coding := headers.get("Content-Encoding", "identity").lower()) != "identity":
        raise no_hub(f"an answer is compressed ({shown(coding)}), which was not asked for")
    if current.allowance and response.request.method != "HEAD":
        response.stream = _Body(response, current.allowance)


def _is_huggingface() -> bool:
    from huggingface_hub import constants

    return bool(f"{constants.ENDPOINT}/" == constants.HUGGINGFACE_CO_URL_HOME)


def _check_metadata(headers: httpx.Headers) -> None:
    """Raises `UserError` for an ETag or a commit that is none."""
    etag = headers.get("X-Linked-Etag") or headers.get("ETag")
    commit = headers.get("X-Repo-Commit")
    if etag and not ETAG.fullmatch(etag):
        raise no_hub(f"an ETag is {shown(etag)}")
    if commit and not COMMIT.fullmatch(commit):
        raise no_hub(f"a commit is {shown(commit)}")


def _pause_s(headers: Mapping[str, str]) -> float:
    """Seconds that huggingface_hub would sleep before it tries again."""
    from huggingface_hub.utils import parse_ratelimit_headers

    after = headers.get("Retry-After", "")
    try:
        limit = parse_ratelimit_headers(headers)
        return max(limit.reset_in_seconds if limit else 0, int(after) if after.isdigit() else 0)
    except ValueError:  # thousands of digits
        return math.inf


def _drop_body(response: httpx.Response) -> None:
    """Empty a redirect or a refusal: its status and headers say all that is shown of it.

    httpx would hold all of it in memory, and huggingface_hub parse it.
    """
    body, left = response.stream, SMALL
    assert isinstance(body, httpx.SyncByteStream)
    for chunk in body:
        left -= len(chunk)
        if left < 0:
            break
    body.close()
    response.headers.pop("Content-Encoding", None)
    response.stream = httpx.ByteStream(b"")


class _Body(httpx.SyncByteStream):
    """A body that ends with a `UserError` when it is longer than was announced."""

    def __init__(self, response: httpx.Response, allowance: Allowance) -> None:
        self._body: Any = response.stream
        self._allowance = allowance
        # An access token that huggingface_hub asks for first is larger than the smallest files.
        self._left = max(allowance.size, SMALL) - _start(response)
        self._check(self._left - int(response.headers.get("Content-Length", 0)))

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._body:
            self._left -= len(chunk)
            self._check(self._left)
            yield chunk

    def _check(self, left: int) -> None:
        if left < 0:
            raise UserError(
                f"The hub sends more than {self._allowance.size:,} bytes for "
                f"{self._allowance.what}: nothing of that was kept; check HF_ENDPOINT."
            )

    def close(self) -> None:
        """Close the answer's own stream."""
        self._body.close()


def _start(response: httpx.Response) -> int:
    """The position in the file that an answer begins at, as it was asked for."""
    asked = re.fullmatch(r"bytes=(\d+)-", response.request.headers.get("Range", ""))
    return int(asked[1]) if asked and response.status_code == 206 else 0
