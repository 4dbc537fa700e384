"""What the process did to files, seen by an audit hook, while a test watches it."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core import plugins

# What no reader of files does, and what it does to a path
FORBIDDEN = ("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn",
             "socket.connect", "os.symlink", "os.link")  # fmt: skip
WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod")
LIBRARIES = tuple(os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, plugins.ROOT))


class Watch:
    """What was done other than reading in `folder` and writing in `output`."""

    folder: str | None = None
    output: str | None = None
    seen: tuple[str, ...] = ()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if Watch.folder is None:
        return
    if event in FORBIDDEN:
        Watch.seen += (event,)
    if event in WRITES and not _inside(arguments[0], Watch.output):
        Watch.seen += (f"{event} {arguments[0]}",)
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        path, writes = arguments[0], bool(arguments[2] & os.O_ACCMODE)
        read = _inside(path, Watch.folder) or _real(path).startswith(LIBRARIES)
        if not _inside(path, Watch.output) and (writes or not read):
            Watch.seen += (f"open {_real(path)}",)


def _real(path: Any) -> str:
    return os.path.realpath(os.fsdecode(path))


def _inside(path: Any, folder: str | None) -> bool:
    return folder is not None and (_real(path) + "/").startswith(folder + "/")


sys.addaudithook(_hook)


@contextlib.contextmanager
def watching(folder: Path, output: Path | None = None) -> Iterator[None]:
    """Fail for what is read outside `folder` and written outside `output` within the block."""
    Watch.seen = ()
    Watch.output = None if output is None else os.path.realpath(output)
    Watch.folder = os.path.realpath(folder)
    try:
        yield
    finally:
        Watch.folder = None
    assert Watch.seen == ()
