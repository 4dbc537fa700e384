"""Where a model is put, and what is done with what is there."""

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from core.errors import UserError
from hub.folders import check_space, fetch
from hub.listing import Listing, RemoteFile, list_repository
from tests.hub.conftest import Download
from tests.hub.hub_case import BIG, MODEL, SMALL, WANTED, contents, record, safetensors
from tests.hub.hub_stand_in import HubStandIn

FOLDER = Path("tiny-llama")


def test_a_complete_folder_is_left_as_it_is(hub: HubStandIn, download: Download) -> None:
    assert download().returncode == 0
    hub.requests.clear()
    again = download("--json", "--revision", hub.repos[MODEL].commit)
    assert again.returncode == 0 and "is already complete in tiny-llama" in again.stderr
    assert json.loads(again.stdout.splitlines()[-1])["model"]["already_there"] is True
    assert hub.requests == []


def update(hub: HubStandIn) -> dict[str, bytes]:
    """Publish a newer commit, which shares `BIG` with the one before."""
    newer = WANTED | {SMALL: safetensors(401), "config.json": b'{"model_type": "llama", "v": 2}'}
    hub.add(MODEL, newer)
    hub.requests.clear()
    return newer


def test_an_update_shares_unchanged_weights_and_keeps_the_old_folder(
    hub: HubStandIn, download: Download
) -> None:
    assert download().returncode == 0
    old = hub.repos[MODEL].commit
    (FOLDER / "notes.txt").write_text("mine")
    newer = update(hub)
    hub.break_off(SMALL, after=5, times=2, kind="short")
    assert download().returncode == 2  # an interrupted update has shared them already
    again = download()
    assert again.returncode == 0 and "cannot be linked" not in again.stderr
    assert contents(FOLDER) == newer
    kept = Path(f"tiny-llama.{old[:8]}")
    assert contents(kept) == WANTED | {"notes.txt": b"mine"} and record(kept)["commit"] == old
    assert BIG not in hub.fetched() and SMALL in hub.fetched()
    assert (FOLDER / BIG).samefile(kept / BIG)


def test_files_in_folders_are_shared_too(hub: HubStandIn) -> None:
    path = "data/train/part.parquet"
    for files in ({path: b"rows"}, {path: b"rows", "README.md": b"new"}):
        hub.add("org/data", files, type="dataset")
        fetch(
            list_repository("org/data", "dataset", "main", choose=list),
            Path("data"),
            lambda *_: None,
        )
        assert contents(Path("data")) == files
    (kept,) = Path().glob("data.*")
    assert (kept / path).samefile(Path("data", path))


def test_a_shared_file_that_was_changed_since_is_fetched(
    hub: HubStandIn, download: Download
) -> None:
    assert download().returncode == 0
    changed = b"x" * len(WANTED[BIG])
    (FOLDER / BIG).write_bytes(changed)
    old = hub.repos[MODEL].commit
    newer = update(hub)
    assert download().returncode == 0
    assert contents(FOLDER) == newer and contents(Path(f"tiny-llama.{old[:8]}"))[BIG] == changed


def test_a_disk_without_hard_links_fetches_what_it_cannot_share(
    hub: HubStandIn, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert download().returncode == 0
    newer = update(hub)

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    done = download()
    assert done.returncode == 0 and f"{BIG} cannot be linked: it is fetched again" in done.stderr
    assert contents(FOLDER) == newer


def test_a_damaged_folder_is_mended_and_kept_under_a_name_that_is_free(
    hub: HubStandIn, download: Download
) -> None:
    name = f"tiny-llama.{hub.repos[MODEL].commit[:8]}"
    assert download().returncode == 0
    for kept in (name, f"{name}-2", f"{name}-3"):
        (FOLDER / SMALL).write_bytes(kept.encode())
        hub.requests.clear()
        done = download()
        assert done.returncode == 0 and f"was kept as {kept}:" in done.stderr
        assert contents(FOLDER) == WANTED
        assert contents(Path(kept)) == WANTED | {SMALL: kept.encode()}
        assert BIG not in hub.fetched()


@pytest.mark.parametrize(
    ("place", "content", "says"),
    [
        ("there/file.txt", "mine", "was not written by this command"),
        ("there", "mine", "was not written by this command"),
        ("there/download.json", '["repo_id"]', "was not written by this command"),
        ("there/download.json", '{"name": "mine"}', "was not written by this command"),
        ("there/download.json", "{", "was not written by this command"),
        ("there/unfinished.json", f'{{"repo_id": "{MODEL}"}}', "was not written by this command"),
        (
            "there/download.json",
            '{"repo_id": "org/other", "commit": "0", "files": []}',
            "org/other",
        ),
        ("there.partial/unfinished.json", '{"repo_id": "org/other"}', "holds org/other"),
        ("there.partial/download.json", '{"repo_id": "org/other"}', "holds org/other"),
    ],
)
def test_a_folder_with_something_else_is_refused(
    hub: HubStandIn, download: Download, place: str, content: str, says: str
) -> None:
    Path(place).parent.mkdir(exist_ok=True)
    Path(place).write_text(content)
    done = download("--output-dir", "there")
    assert done.returncode == 2 and says in done.stderr
    assert Path(place).read_text() == content and hub.fetched() == set()


def test_an_empty_folder_is_filled(hub: HubStandIn, download: Download) -> None:
    FOLDER.mkdir()
    assert download().returncode == 0
    assert contents(FOLDER) == WANTED
    assert sorted(path.name for path in Path().glob("tiny-llama*")) == ["tiny-llama"]


def test_a_place_that_cannot_be_written(hub: HubStandIn, download: Download) -> None:
    Path("file").write_text("mine")
    done = download("--output_dir", "file/model")
    assert done.returncode == 2 and "choose another place with --output_dir" in done.stderr


def test_too_little_disk_is_found_before_any_transfer(hub: HubStandIn, download: Download) -> None:
    hub.announced[BIG] = 10**15
    done = download()
    assert done.returncode == 2 and "1050000.0 GB: free some space" in done.stderr
    assert hub.fetched() == set() and not any(Path().glob("tiny-llama*"))


Usage = namedtuple("Usage", "total used free")


def write_download(folder: Path, commit: str, sha256: str | None, size: int) -> None:
    """A folder that says it holds the file `f` of 1000 bytes, and holds `size` bytes of it."""
    folder.mkdir()
    (folder / "f").write_bytes(bytes(size))
    files = [{"path": "f", "size": 1000, "sha256": sha256}]
    record = {"repo_id": "org/x", "commit": commit, "files": files}
    (folder / "download.json").write_text(json.dumps(record))


def is_enough(free: int, folder: Path, sha256: str | None, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether `free` bytes are enough for two downloads of 1000 bytes next to each other."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, free))
    listing = Listing("org/x", "model", "main", "c", (RemoteFile("f", 1000, sha256),))
    try:
        check_space([(listing, folder / "a"), (listing, folder / "b")])
    except UserError as problem:
        assert "free some space" in str(problem)
        return False
    return True


@pytest.mark.parametrize(
    ("sizes", "free", "enough"),
    [
        ({}, 2100, True),
        ({}, 2099, False),
        ({"a": 1000}, 1050, True),
        ({"a": 1000}, 1049, False),
        ({"a": 999}, 1050, False),
        ({"a": 1000, "b": 1000}, 0, True),
    ],
)
def test_the_space_asked_for_is_what_interrupted_downloads_lack_together(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sizes: dict[str, int],
    free: int,
    enough: bool,
) -> None:
    for name, size in sizes.items():
        (tmp_path / f"{name}.partial").mkdir()
        (tmp_path / f"{name}.partial/f").write_bytes(bytes(size))
    assert is_enough(free, tmp_path, "s", monkeypatch) == enough


@pytest.mark.parametrize(
    ("commit", "recorded", "published", "size", "shared"),
    [
        ("c", "s", "s", 1000, True),
        ("c", None, None, 1000, True),
        ("c", "s", "s", 999, False),
        ("older", "s", "s", 1000, True),
        ("older", "s", "s", 999, False),
        ("older", "other", "s", 1000, False),
        ("older", None, None, 1000, False),
    ],
)
def test_no_space_is_asked_for_what_an_earlier_download_shares(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    commit: str,
    recorded: str | None,
    published: str | None,
    size: int,
    shared: bool,
) -> None:
    write_download(tmp_path / "a", commit, recorded, size)
    assert is_enough(1050, tmp_path, published, monkeypatch) == shared
