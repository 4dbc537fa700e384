"""Fetch the files of a listing into a folder and check them.

`huggingface_hub` does the transfer: parallel, resumed after a dropped connection or a time-out,
whole files skipped by the next run. Here is what it leaves to its caller.

    transfer(listing, Path("name.partial"))
"""

import glob
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.cli import INTERRUPTED, say
from core.errors import UserError
from hub.client import bounded_client
from hub.defects import find_defects
from hub.listing import Listing


def transfer(listing: Listing, folder: Path) -> None:
    """Fetch `listing` into `folder` and check it; a file that arrived damaged is fetched once more.

    Raises `UserError` for a file that is damaged again (it is deleted), and what huggingface_hub
    raises.
    """
    _download(listing, folder, [file.path for file in listing.files])
    say(f"checking {listing.repo_id} against the published checksums", "dim")
    damaged = _delete_damaged(listing, folder)
    if not damaged:
        return
    say(f"fetching again: {_enumeration(damaged)}", "yellow")
    _download(listing, folder, damaged, force=True)
    damaged = _delete_damaged(listing, folder)
    if damaged:
        raise UserError(
            f"{listing.repo_id} arrives damaged: {_enumeration(damaged)}. "
            "Run this again later; the whole files were kept."
        )


def _download(listing: Listing, folder: Path, paths: Iterable[str], force: bool = False) -> None:
    """Let huggingface_hub fetch `paths`; what it does not retry itself is tried once more.

    Without `force` it copies a file that the user's cache of the hub holds, unchecked.
    """
    from huggingface_hub import snapshot_download

    patterns = [glob.escape(path) for path in paths]
    for attempts_left in (1, 0):
        try:
            with _ctrl_c_at_once(), bounded_client(listing.largest):
                snapshot_download(
                    listing.repo_id,
                    repo_type=listing.repo_type,
                    revision=listing.commit,
                    local_dir=folder,
                    allow_patterns=patterns,
                    force_download=force,
                )
            return
        except Exception as problem:
            if not attempts_left or not _is_left_to_the_caller(problem):
                raise
            first_line, *_ = str(problem).split("\n")
            say(f"{first_line}: trying once more", "yellow")


def _is_left_to_the_caller(problem: Exception) -> bool:
    """Whether trying again may help and huggingface_hub has not tried again itself.

    A reset connection it passes on, and a body shorter than announced it reports as an `OSError`
    without a number ("Consistency check failed ... Please retry").
    """
    import httpx

    if isinstance(problem, httpx.ReadError | httpx.WriteError):
        return True
    return type(problem) is OSError and problem.errno is None


@contextmanager
def _ctrl_c_at_once() -> Iterator[None]:
    """End on Ctrl-C now: huggingface_hub would first wait for the gigabytes of files in flight."""

    def stop(*_: object) -> None:
        # os.write: the interrupted thread may be inside the console's own write
        os.write(2, b"\ninterrupted: the files that are whole were kept, run this again\n")
        os._exit(INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set a signal handler
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _delete_damaged(listing: Listing, folder: Path) -> dict[str, str]:
    """Delete the files that are not as published; what is wrong with each, by path."""
    defects = find_defects(listing, folder)
    for file in listing.files:
        if file.path in defects:
            (folder / file.path).unlink(missing_ok=True)
    return defects


def _enumeration(defects: dict[str, str]) -> str:
    return ", ".join(f"{path} ({defect})" for path, defect in sorted(defects.items()))
