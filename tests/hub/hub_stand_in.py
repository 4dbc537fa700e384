"""A small model hub on loopback: the requests that a download makes, and faults on demand.

with HubStandIn() as hub:
    hub.add("org/tiny", {"config.json": b"{}"})
    hub.break_off("model.safetensors", after=100, times=1)
    # HF_ENDPOINT=hub.url python download_model.py org/tiny
"""

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.hub.published import Repo, git_sha1, sha256

LARGE = (".safetensors", ".parquet", ".bin")  # kept in LFS on the real hub
REPO = "(?P<repo>[^/]+/[^/]+)"
API = re.compile(f"/api/(?P<type>model|dataset)s/{REPO}/revision/(?P<rev>.+)")
RESOLVE = re.compile(f"/(?:datasets/)?{REPO}/resolve/(?P<rev>[^/]+)/(?P<path>.+)")
CDN = re.compile("/cdn/(?P<commit>[^/]+)/(?P<path>.+)")


@dataclass
class Fault:
    """What is wrong with the next `times` answers for a file."""

    times: int
    after: int
    # "drop": the connection ends early; "reset": it is reset; "stall": nothing more comes;
    # "cut": a whole answer with fewer bytes than announced; "short": fewer bytes were announced
    kind: str


@dataclass
class HubStandIn:
    """The server and what it serves; a context manager."""

    repos: dict[str, Repo] = field(default_factory=dict)  # where `main` is now
    commits: dict[str, Repo] = field(default_factory=dict)  # all there ever were
    next_files: dict[str, dict[str, bytes]] = field(default_factory=dict)  # once it was listed
    announced: dict[str, int | None] = field(default_factory=dict)  # untrue sizes in listings
    rewrite: "Callable[[dict[str, Any]], Any] | None" = None  # what is listed instead
    headers: dict[str, str] = field(default_factory=dict)  # of every answer
    evil: "dict[str, Evil]" = field(default_factory=dict)  # answers to "API", "HEAD", "GET" instead
    scheme: str = "http"
    silent: bool = False  # the API takes requests and does not answer
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)  # "GET path", "GET path bytes=100-"
    stalled: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "HubStandIn":
        handler = type("Bound", (Answer,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}"

    @property
    def cdn(self) -> str:
        """Another host name, as on the real hub: huggingface_hub sends no token there."""
        return self.url.replace("127.0.0.1", "localhost")

    def add(self, repo_id: str, files: dict[str, bytes], **about: Any) -> Repo:
        self.repos[repo_id] = repo = Repo(files, **about)
        self.commits[repo.commit] = repo
        return repo

    def break_off(self, path: str, after: int, times: int = 1, kind: str = "drop") -> None:
        self.faults[path] = Fault(times, after, kind)

    def fetched(self) -> set[str]:
        """Paths whose bytes were asked for."""
        return {line.split()[1] for line in self.requests if line.startswith("GET ")}

    def fault(self, path: str, use_up: bool) -> Fault | None:
        with self.lock:
            fault = self.faults.get(path)
            if fault is None or fault.times <= 0:
                return None
            fault.times -= use_up
            return fault


class Answer(BaseHTTPRequestHandler):
    """One request; `hub` is bound by the server."""

    hub: HubStandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        evil = self.hub.evil.get("API" if path.startswith("/api/") else self.command)
        if evil:
            with suppress(ConnectionError):  # of a client that has enough of it
                evil(self)
        elif match := API.fullmatch(path):
            self.api(**match.groupdict())
        elif match := RESOLVE.fullmatch(path):
            self.resolve(**match.groupdict())
        elif match := CDN.fullmatch(path):
            self.content(match["path"], self.hub.commits[match["commit"]].files[match["path"]])
        else:
            self.refuse(404, "NotFound")

    def api(self, type: str, repo: str, rev: str) -> None:
        if self.hub.silent:
            # a client without a time-out sees the connection close, and does not wait for ever
            self.close_connection = True
            self.hub.closing.wait(10)
            return None
        published = self.hub.repos.get(repo)
        if published is None or published.type != type:
            return self.refuse(404 if "Authorization" in self.headers else 401, "RepoNotFound")
        if published.status != 200:
            return self.refuse(published.status, "", published.message)
        if published.page is not None:
            return self.send(published.page)
        if rev != "main" and rev not in self.hub.commits:
            return self.refuse(404, "RevisionNotFound")
        published = self.hub.commits.get(rev, published)
        if repo in self.hub.next_files:
            self.hub.add(repo, self.hub.next_files.pop(repo))
        siblings = list(self.siblings(published))
        info = {"id": repo, "sha": published.commit, "private": False, "siblings": siblings}
        listed = self.hub.rewrite(info) if self.hub.rewrite else info
        return self.send(json.dumps(listed).encode())

    def siblings(self, published: Repo) -> Iterator[dict[str, Any]]:
        """Each file as `?blobs=true` lists it."""
        for path, content in published.files.items():
            size = self.hub.announced.get(path, len(content))
            sibling: dict[str, Any] = {"rfilename": path, "size": size}
            sibling["blobId"] = git_sha1(content)
            if path.endswith(LARGE):
                sibling["lfs"] = {"size": size, "pointerSize": 130, "sha256": sha256(content)}
            yield sibling

    def resolve(self, repo: str, rev: str, path: str) -> None:
        published = self.hub.commits.get(rev, self.hub.repos[repo])
        token = self.headers.get("Authorization")
        if published.gated and token != "Bearer hf_allowed":
            return self.refuse(403 if token else 401, "GatedRepo")
        if path not in published.files:
            return self.refuse(404, "EntryNotFound")
        content = published.files[path]
        if not path.endswith(LARGE):
            return self.content(path, content, published.commit)
        fault = self.hub.fault(path, use_up=False)
        size = fault.after if fault and fault.kind == "short" else len(content)
        headers = {
            "Location": f"{self.hub.cdn}/cdn/{published.commit}/{path}",
            "X-Repo-Commit": published.commit,
            "X-Linked-Etag": f'"{sha256(content)}"',
            "X-Linked-Size": str(size),
        }
        return self.send(b"", 302, headers)

    def content(self, path: str, content: bytes, commit: str = "") -> None:
        """The bytes, from where `Range` says, up to where a fault says."""
        range_header = self.headers.get("Range", "")
        self.hub.requests.append(f"{self.command} {path} {range_header}".strip())
        fault = self.hub.fault(path, use_up=True) if self.command == "GET" else None
        if fault and fault.kind in ("short", "cut"):
            content, fault = content[: fault.after], None
        start = int(range_header.removeprefix("bytes=").rstrip("-") or 0)
        headers = {"ETag": f'"{sha256(content)}"', "X-Repo-Commit": commit}
        if range_header:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        until = fault.after if fault else len(content)
        self.send(content[start:], 206 if range_header else 200, headers, max(0, until - start))
        if fault:
            self.hang_up(fault.kind)

    def send(
        self,
        body: bytes,
        status: int = 200,
        headers: dict[str, str] | None = None,
        until: int | None = None,
    ) -> None:
        """Announce the whole body and send its first `until` bytes."""
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(body)),
            **self.hub.headers,
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:until])

    def hang_up(self, kind: str) -> None:
        """End the connection early; a reset is what the client sees as ECONNRESET."""
        self.close_connection = True
        if kind == "stall":
            self.hub.stalled.set()
            self.hub.closing.wait()
        if kind == "reset":
            abortive = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abortive)
            self.rfile.close()
            self.connection.close()

    def refuse(self, status: int, code: str, message: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message or f"stand-in: {code}"}
        self.send(b"{}", status, headers)


Evil = Callable[[Answer], None]  # writes an answer of its own
