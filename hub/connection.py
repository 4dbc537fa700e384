"""Network connections that give up when too much comes, or too slowly.

huggingface_hub has a time-out for each read, which one byte per second never meets, and no bound
on what it is sent. `hub.client` puts these connections below its HTTP client.
"""

import math
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpcore

from core.errors import UserError

FLOOR = 1024  # bytes per second that have to come ...
WINDOW_S = 60.0  # ... over this time spent waiting for them
RESTARTS = 4  # times a file's size that may come when its transfer breaks off again and again
HEADERS = 1 << 20  # bytes before a body: headers, and what interim answers repeat
OVERHEAD = 64 << 20  # bytes on top: headers, and what was under way when a connection broke


@dataclass
class Allowance:
    """What may still come for `what`: an answer of `size` bytes, at most `left` in all attempts."""

    what: str
    size: int
    until: float  # by time.monotonic()
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = RESTARTS * self.size + OVERHEAD

    def take(self, n_bytes: int) -> None:
        """Raises `UserError` when too much has come, or too late."""
        self.left -= n_bytes
        if self.left < 0:
            raise UserError(
                f"The hub sent {RESTARTS} times the {self.size:,} bytes of {self.what} and was not "
                "done: run this again later, the files that are whole were kept."
            )
        if time.monotonic() > self.until:
            raise UserError(f"{self.what} takes too long to come: run this again later.")


class Current(threading.local):
    """What each thread is allowed now; None: no bound but that on slowness."""

    allowance: Allowance | None = None


current = Current()


class Backend(httpcore.NetworkBackend):
    """Opens connections that are watched."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        """As the backend does it."""
        return Stream(self._backend.connect_tcp(*args, **options))


class Stream(httpcore.NetworkStream):
    """A connection that is given up when less than `FLOOR` comes for `WINDOW_S`.

    From the second read of an answer on: how long the first may take the time-outs say.
    """

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._waited_s: float | None = None
        self._n_bytes = 0
        self._headers_left: float = HEADERS

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Raises `UserError` when it comes too slowly, or more than the thread was allowed."""
        began = time.monotonic()
        data = self._stream.read(max_bytes, timeout)
        allowance = current.allowance
        if allowance:
            allowance.take(len(data))
        self._headers_left -= len(data)
        if self._headers_left < 0:
            raise UserError("The hub sends headers without an end: check HF_ENDPOINT and proxies.")
        if self._waited_s is None:
            self._waited_s = 0.0
            return data
        self._waited_s += time.monotonic() - began
        self._n_bytes += len(data)
        if self._waited_s > (window_s := max(WINDOW_S, timeout or 0)):
            if self._n_bytes < FLOOR * window_s:
                what = allowance.what if allowance else "an answer"
                raise UserError(
                    f"The hub sends {what} too slowly ({self._n_bytes:,} bytes in {window_s:.0f} s)"
                    ": run this again later, the files that are whole were kept."
                )
            self._waited_s, self._n_bytes = 0.0, 0
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """A new request begins."""
        self._waited_s, self._n_bytes, self._headers_left = None, 0, HEADERS
        self._stream.write(buffer, timeout)

    def body_begins(self) -> None:
        """The headers of the answer have come."""
        self._headers_left = math.inf

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        """What is read is watched once it is decrypted."""
        return Stream(self._stream.start_tls(*args, **options))

    def get_extra_info(self, info: str) -> Any:
        """Of the connection itself."""
        return self._stream.get_extra_info(info)
