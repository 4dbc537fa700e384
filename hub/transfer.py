"""Fetch the files of a listing into a folder and check them.

`huggingface_hub` does the transfer: resumed after a dropped connection or a time-out, whole files
skipped by the next run. Here is what it leaves to its caller; `hub.client` bounds what it is sent.

    transfer(listing, Path("name.partial"), tell)
"""

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path

from core.cli import ENDED_BY, Tell, say
from core.errors import UserError, first_line
from hub.defects import find_defects
from hub.listing import Listing, RemoteFile
from hub.names import enumeration, shown

WORKERS = 8  # files fetched at once
SHOW_CURSOR = b"\x1b[?25h"  # which the line of progress hides
LOOK_S = 1.0  # how often the bytes that are there are counted


def transfer(listing: Listing, folder: Path, tell: Tell) -> None:
    """Fetch `listing` into `folder` and check it; a file that arrived damaged is fetched once more.

    `tell` hears of the bytes that came.

    Raises `UserError` for a file that is damaged again (it is deleted), and what huggingface_hub
    raises.
    """
    _download(listing, folder, listing.files, tell)
    tell(f"checking {listing.repo_id} against the published checksums", 0, 0)
    damaged = _delete_damaged(listing, folder)
    if not damaged:
        return
    say(f"fetching again: {_enumeration(damaged)}", "yellow")
    _download(listing, folder, [f for f in listing.files if f.path in damaged], tell, force=True)
    damaged = _delete_damaged(listing, folder)
    if damaged:
        raise UserError(
            f"{listing.repo_id} arrives damaged: {_enumeration(damaged)}. "
            "Run this again later; the whole files were kept."
        )


def _download(
    listing: Listing,
    folder: Path,
    files: Iterable[RemoteFile],
    tell: Tell,
    force: bool = False,
) -> None:
    """Let huggingface_hub fetch `files`; the first that cannot be had ends it.

    `snapshot_download` would fetch what a second listing (`/tree/`) names: as many pages of names
    as the hub likes, none of them checked.
    """
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    there = _bytes_in(folder)
    with _ended_at_once(), ThreadPoolExecutor(WORKERS) as pool:
        running = {pool.submit(_fetch, listing, folder, file, force) for file in files}
        try:
            while running:
                came = max(0, _bytes_in(folder) - there)
                tell(f"downloading {listing.repo_id}", came, listing.total_bytes - there)
                done, running = wait(running, timeout=LOOK_S)
                for file in done:
                    file.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _bytes_in(folder: Path) -> int:
    """Bytes of all files in a folder, half-fetched ones too."""
    sizes = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # moved meanwhile
            sizes += path.lstat().st_size if path.is_file() else 0
    return sizes


def _fetch(listing: Listing, folder: Path, file: RemoteFile, force: bool) -> None:
    """Fetch one file; what huggingface_hub does not retry itself is tried once more.

    Without `force` it copies a file that the user's cache of the hub holds, unchecked.
    """
    from huggingface_hub import hf_hub_download

    from hub.client import allowed

    for attempts_left in (1, 0):
        try:
            with allowed(file.path, file.size):
                hf_hub_download(
                    listing.repo_id,
                    file.path,
                    repo_type=listing.repo_type,
                    revision=listing.commit,
                    local_dir=folder,
                    force_download=force,
                )
            return
        except ValueError as problem:  # a number in a header that is none, for one
            raise UserError(
                f"{file.path} cannot be fetched: {shown(first_line(problem))}"
            ) from problem
        except Exception as problem:
            if not attempts_left or not _is_left_to_the_caller(problem):
                raise
            say(f"{shown(first_line(problem))}: trying once more", "yellow")


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
def _ended_at_once() -> Iterator[None]:
    """End on Ctrl-C and signals now: huggingface_hub would wait for the gigabytes in flight."""

    def stop(number: int, frame: object) -> None:
        # os.write: the interrupted thread may be inside the console's own write
        os.write(2, SHOW_CURSOR if os.isatty(2) else b"")
        os.write(2, b"\ninterrupted: the files that are whole were kept, run this again\n")
        os._exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set a signal handler
        return
    ending = (signal.SIGINT, *ENDED_BY)
    before = {n: signal.getsignal(n) for n in ending if signal.getsignal(n) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _delete_damaged(listing: Listing, folder: Path) -> dict[str, str]:
    """Delete the files that are not as published; what is wrong with each, by path."""
    defects = find_defects(listing, folder)
    for file in listing.files:
        if file.path in defects:
            (folder / file.path).unlink(missing_ok=True)
    return defects


def _enumeration(defects: dict[str, str]) -> str:
    return enumeration(f"{shown(path)} ({defect})" for path, defect in sorted(defects.items()))
