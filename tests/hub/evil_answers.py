"""What a server that poses as a hub may answer: each returns a behaviour for `HubStandIn.evil`."""

from collections.abc import Iterable
from itertools import chain, repeat

from tests.hub.hub_stand_in import Answer, Evil

BLOCK = bytes(1 << 16)
FLOOD = 1 << 15  # blocks: two gigabytes, which nobody may want to the end


def send(content: bytes, status: int = 200, **headers: str) -> Evil:
    """A whole answer; `retry_after` is the header Retry-After."""

    def answer(to: Answer) -> None:
        to.send(content, status, named(headers))

    return answer


def refuse_with(status: int, content: bytes, **headers: str) -> Evil:
    """A refusal that says more than its status."""
    return send(content, status, **headers)


def redirect(location: str, content: bytes = b"") -> Evil:
    return send(content, 302, location=location)


def redirect_to_itself(to: Answer) -> None:
    to.send(b"", 302, {"Location": to.path})


def redirect_further(to: Answer) -> None:
    """Each address leads to a longer one."""
    to.send(b"", 302, {"Location": f"{to.path}x"})


def endless(status: int = 200, **headers: str) -> Evil:
    """A chunked body of zeros that does not end."""

    def answer(to: Answer) -> None:
        pieces = repeat(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK), FLOOD)
        write(to, chain([head(status, transfer_encoding="chunked", **headers)], pieces))

    return answer


def announced(n_bytes: int) -> Evil:
    """A body of as many bytes as its Content-Length says."""

    def answer(to: Answer) -> None:
        pieces = chain([head(content_length=str(n_bytes))], repeat(BLOCK, n_bytes // len(BLOCK)))
        write(to, pieces)

    return answer


def raw(*pieces: bytes, pause_s: float = 0.0, times: int = 1) -> Evil:
    """Bytes as they are: the last of the pieces `times` times, `pause_s` between two."""

    def answer(to: Answer) -> None:
        write(to, chain(pieces[:-1], repeat(pieces[-1], times)), pause_s)

    return answer


def head(status: int = 200, **headers: str) -> bytes:
    lines = [f"{name}: {value}" for name, value in named(headers).items()]
    return "\r\n".join([f"HTTP/1.1 {status} OK", *lines, "", ""]).encode()


def named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def write(to: Answer, pieces: Iterable[bytes], pause_s: float = 0.0) -> None:
    """Until all is written, the client leaves or the stand-in closes; then hang up."""
    to.close_connection = True
    for piece in pieces:
        if to.hub.closing.wait(pause_s):
            return
        to.wfile.write(piece)


def metadata(**headers: str) -> Evil:
    """The answer to HEAD that is right but for some headers."""

    def answer(to: Answer) -> None:
        right = {"ETag": f'"{"0" * 40}"', "X-Repo-Commit": "0" * 40, "Content-Length": "2"}
        to.send(b"", 200, {k: v for k, v in (right | named(headers)).items() if v})

    return answer
