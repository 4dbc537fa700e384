"""A folder of wheels as numbered parts below a size, with the one script that installs them."""

import hashlib
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.errors import UserError
from scripts.offline.resolve import Target

SCRIPT = Path(__file__).with_name("install.sh")
STEM = "bundle.tar"
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
CHUNK = 1 << 20


def size(text: str) -> int:
    """`60M` as bytes (decimal units). Raises `UserError` for anything else."""
    match = re.fullmatch(r"(\d+)([KMG]?)B?", text.strip().upper())
    if not match or int(match.group(1)) == 0:
        raise UserError(f"--part_size wants a size like 60M, not {text!r}")
    return int(match.group(1)) * UNITS[match.group(2)]


class Parts:
    """A file to write to that goes on in a new numbered part when one is full."""

    def __init__(self, folder: Path, limit: int | None) -> None:
        self.folder, self.limit = folder, limit
        self.digests: dict[str, str] = {}
        self._file: BinaryIO | None = None
        self._room, self._digest = 0, hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Append; returns how many bytes, which is all of them."""
        view = memoryview(data)
        while view:
            if self._room == 0:
                self._next()
            piece = view[: self._room]
            assert self._file is not None
            self._file.write(piece)
            self._digest.update(piece)
            self._room -= len(piece)
            view = view[len(piece) :]
        return len(data)

    def _next(self) -> None:
        self.close()
        name = f"{STEM}.{len(self.digests) + 1:03}"
        self._file = (self.folder / name).open("wb")
        self._room, self._digest = self.limit or 1 << 62, hashlib.sha256()

    def close(self) -> None:
        """Finish the part that is open."""
        if self._file is not None:
            self.digests[Path(self._file.name).name] = self._digest.hexdigest()
            self._file.close()
            self._file = None


def pack(wheels: Path, listed: str, target: Target, output: Path, limit: int | None) -> list[Path]:
    """Write `bundle.tar.NNN` and `install.sh` into `output`; returns the parts in order."""
    for old in output.glob(f"{STEM}.*"):
        old.unlink()
    (wheels / "requirements.txt").write_text(listed, encoding="utf-8")
    parts = Parts(output, limit)
    with tarfile.open(fileobj=parts, mode="w|", bufsize=CHUNK) as tar:  # type: ignore[call-overload]
        for file in _contents(wheels):
            tar.add(file, arcname=file.name, filter=_plain)
    parts.close()
    (output / "install.sh").write_text(script(target, parts.digests), encoding="utf-8")
    return [output / name for name in parts.digests]


def _contents(wheels: Path) -> Iterator[Path]:
    yield wheels / "requirements.txt"
    yield from sorted(wheels.glob("*.whl"))


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same wheels make the same parts: no owner, no time."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o644
    return entry


def script(target: Target, digests: dict[str, str]) -> str:
    """install.sh with the target and the parts' SHA-256 written into it."""
    sums = "\n".join(f"{digest}  {name}" for name, digest in digests.items())
    values = {
        "@PYTHON@": target.python,
        "@TORCH@": (target.torch or "").partition("+")[0] if target.host_torch else "",
        "@SUMS@": sums,
    }
    text = SCRIPT.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(name, value)
    return text
