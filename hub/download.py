"""Download a model and the data it is calibrated and scored with, each into its own folder.

outcome = download("org/name", with_data=True)
outcome.model.folder, outcome.failed
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from core.cli import Tell, say
from core.errors import UserError
from hub.folders import check_folder, check_space, fetch, is_whole
from hub.listing import Listing, check_name, list_repository
from hub.selection import DATA_SETS, choose_data_files, choose_model_files, folder_name


@dataclass(frozen=True)
class Downloaded:
    """A repository that is whole on disk; `already_there`: nothing had to be fetched."""

    repo_id: str
    revision: str
    commit: str
    folder: str
    files: int
    bytes: int
    already_there: bool


@dataclass
class Outcome:
    """What is on disk now, and a sentence for each data set that could not be fetched."""

    model: Downloaded
    datasets: list[Downloaded] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def download(
    model: str,
    revision: str = "main",
    folder: Path | None = None,
    with_data: bool = False,
    data_folder: Path | None = None,
    tell: Tell = lambda step, done, total: None,
) -> Outcome:
    """Fetch `model` and, if wanted, `DATA_SETS`; folders that are whole already stay as they are.

    The model goes into `folder` (`folder_name(model)` without it), each data set into
    `<org>--<name>` in `data_folder` (`datasets_cache` next to the model's folder without it).
    Everything is listed and the disk checked before the first byte is fetched.

    Raises `UserError` when the model cannot be had; a data set that fails ends only itself.
    """
    folder = folder or Path(folder_name(model))
    data_folder = data_folder or folder.resolve().parent / "datasets_cache"
    failed: list[str] = []
    plan = [(_list(model, "model", revision, folder, choose_model_files), folder)]
    for data_set in DATA_SETS if with_data else ():
        place = data_folder / data_set.repo_id.replace("/", "--")
        choose = partial(choose_data_files, data_set.patterns)
        with _noting(data_set.repo_id, failed):
            plan.append((_list(data_set.repo_id, "dataset", "main", place, choose), place))
    check_space(plan)
    outcome = Outcome(_bring(*plan[0], tell), failed=failed)
    for listing, place in plan[1:]:
        with _noting(listing.repo_id, failed):
            outcome.datasets.append(_bring(listing, place, tell))
    return outcome


@contextmanager
def _noting(repo_id: str, failed: list[str]) -> Iterator[None]:
    """Add a `UserError` to `failed` instead of raising it."""
    try:
        yield
    except UserError as problem:
        failed.append(f"{repo_id} was not fetched: {problem}")


def _list(
    repo_id: str,
    repo_type: str,
    revision: str,
    folder: Path,
    choose: Callable[[list[str]], list[str]],
) -> Listing:
    """Check the name and the folder, then ask the hub."""
    check_name(repo_id)
    check_folder(folder, repo_id)
    return list_repository(repo_id, repo_type, revision, choose)


def _bring(listing: Listing, folder: Path, tell: Tell) -> Downloaded:
    """Fetch `listing` into `folder` unless it is there."""
    already_there = is_whole(folder, listing)
    n_files, n_bytes = len(listing.files), listing.total_bytes
    if not already_there:
        say(f"{listing.repo_id}: {n_files} files, {n_bytes / 1e9:.2f} GB")
        fetch(listing, folder, tell)
    return Downloaded(
        repo_id=listing.repo_id,
        revision=listing.revision,
        commit=listing.commit,
        folder=str(folder),
        files=n_files,
        bytes=n_bytes,
        already_there=already_there,
    )
