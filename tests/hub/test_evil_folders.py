"""What already lies where a download is to be written: links, records of nonsense."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guarding import locks
from tests.hub.conftest import Download
from tests.hub.evil_case import PARTIAL, check_sentence, in_time
from tests.hub.hub_case import BIG, MODEL, SMALL, WANTED, contents, record, safetensors
from tests.hub.hub_stand_in import HubStandIn

FOLDER = Path("tiny-llama")
OUTSIDE = Path("outside")


@pytest.fixture
def outside() -> Path:
    """A folder that nothing may be written to, with a file that nobody may change."""
    OUTSIDE.mkdir()
    (OUTSIDE / "mine").write_text("mine")
    return OUTSIDE.resolve()


def begun() -> None:
    """An unfinished download, as a run that was killed leaves it."""
    PARTIAL.mkdir()
    (PARTIAL / "unfinished.json").write_text(json.dumps({"repo_id": MODEL}))


LINKS: dict[str, Callable[[Path], None]] = {
    "a file that is fetched": lambda out: (PARTIAL / BIG).symlink_to(out / "mine"),
    "a file that is not there": lambda out: (PARTIAL / "config.json").symlink_to(out / "new"),
    "a file that is not published": lambda out: (PARTIAL / "other").symlink_to(out / "mine"),
    "the record": lambda out: (PARTIAL / "download.json").symlink_to(out / "mine"),
    "the record of a new file": lambda out: (PARTIAL / "download.json").symlink_to(out / "new"),
    "huggingface_hub's notes": lambda out: (PARTIAL / ".cache").symlink_to(out),
    "a folder": lambda out: (PARTIAL / "folder").symlink_to(out),
    "itself": lambda out: (PARTIAL / "config.json").symlink_to("config.json"),
    "a pipe": lambda out: os.mkfifo(PARTIAL / "config.json"),
}


@pytest.mark.parametrize("name", LINKS)
def test_nothing_is_written_through_a_link(
    hub: HubStandIn, download: Download, outside: Path, name: str
) -> None:
    begun()
    LINKS[name](outside)
    with in_time():
        assert download().returncode == 0
    assert contents(FOLDER) == WANTED and record(FOLDER)["repo_id"] == MODEL
    assert not [path for path in FOLDER.rglob("*") if path.is_symlink()]
    assert contents(outside) == {"mine": b"mine"}


def test_the_record_of_an_unfinished_download_that_is_a_link(
    hub: HubStandIn, download: Download, outside: Path
) -> None:
    (outside / "mine").write_text(json.dumps({"repo_id": MODEL, "mine": True}))
    PARTIAL.mkdir()
    (PARTIAL / "unfinished.json").symlink_to(outside / "mine")
    assert download().returncode == 0
    assert json.loads((outside / "mine").read_text()) == {"repo_id": MODEL, "mine": True}


@pytest.mark.parametrize("target", ["outside", "absent", "tiny-llama.partial"])
def test_an_unfinished_folder_that_is_a_link_is_refused(
    hub: HubStandIn, download: Download, outside: Path, target: str
) -> None:
    PARTIAL.symlink_to(target)
    with in_time():
        done = download()
    check_sentence(done, "tiny-llama.partial is a link: delete it or choose another --output_dir")
    assert contents(outside) == {"mine": b"mine"} and hub.fetched() == set()


def test_a_folder_that_is_a_link_is_filled_where_it_leads(
    hub: HubStandIn, download: Download
) -> None:
    """People keep models on a larger disk."""
    disk = Path("disk")
    (disk / "model").mkdir(parents=True)
    FOLDER.symlink_to(disk / "model")
    assert download().returncode == 0
    assert contents(disk / "model") == WANTED and FOLDER.is_symlink()


def test_a_link_in_an_earlier_download_is_not_shared(
    hub: HubStandIn, download: Download, outside: Path
) -> None:
    assert download().returncode == 0
    (FOLDER / BIG).rename(outside / BIG)
    (FOLDER / BIG).symlink_to(outside / BIG)
    hub.add(MODEL, WANTED | {SMALL: safetensors(401)})
    assert download().returncode == 0
    assert not (FOLDER / BIG).is_symlink() and (FOLDER / BIG).read_bytes() == WANTED[BIG]


RIGHT = {"repo_id": MODEL, "commit": "0" * 40, "files": []}
RECORDS: list[Any] = [
    RIGHT | {"files": 3},
    RIGHT | {"files": None},
    RIGHT | {"files": "x"},
    RIGHT | {"files": {}},
    RIGHT | {"files": [3, None, "x", [], {}]},
    RIGHT | {"files": [{"path": [], "sha256": {}}]},
    RIGHT | {"files": [{"path": BIG}]},
    RIGHT | {"commit": 3},
    RIGHT | {"commit": None},
    RIGHT | {"commit": []},
    RIGHT | {"commit": "../../evil"},
    RIGHT | {"commit": "/tmp/evil"},
    RIGHT | {"commit": "\0" * 8},
    RIGHT | {"commit": "x" * 5000},
    {"repo_id": MODEL},
]


@pytest.mark.parametrize("case", range(len(RECORDS)))
def test_records_of_an_earlier_download_of_wrong_types(
    hub: HubStandIn, download: Download, case: int
) -> None:
    FOLDER.mkdir()
    (FOLDER / "download.json").write_text(json.dumps(RECORDS[case]))
    assert download().returncode == 0
    assert contents(FOLDER) == WANTED
    suffix = "00000000" if RECORDS[case].get("commit") == "0" * 40 else "earlier"
    assert {path.name for path in Path().iterdir()} == {"tiny-llama", f"tiny-llama.{suffix}"}


NOBODY = [
    "",
    "[]",
    "3",
    "null",
    '"x"',
    "{}",
    "[" * 100_000,
    '{"a":' * 100_000,
    '{"repo_id": 3}',
    '{"repo_id": null}',
    '{"repo_id": ["org/Tiny-Llama"]}',
    '{"repo_id": "org/Tiny-Llama", "repo_id": "org/Tiny-Llama"}',
    '{"repo_id": %s}' % ("9" * 5000),
    "\udcff",
]
PLACES = ["tiny-llama/download.json", "tiny-llama.partial/unfinished.json"]


@pytest.mark.parametrize("case", range(len(NOBODY)))
@pytest.mark.parametrize("place", PLACES)
def test_records_of_nobody(hub: HubStandIn, download: Download, place: str, case: int) -> None:
    content = NOBODY[case].encode("utf-8", "surrogateescape")
    Path(place).parent.mkdir()
    Path(place).write_bytes(content)
    with in_time():
        check_sentence(download(), "exists and was not written by this command")
    assert Path(place).read_bytes() == content


def test_a_record_of_a_repository_with_an_endless_name(hub: HubStandIn, download: Download) -> None:
    FOLDER.mkdir()
    (FOLDER / "download.json").write_text(json.dumps({"repo_id": "\x1b[2J" + "x" * 10**6}))
    check_sentence(download(), "tiny-llama holds \\x1b[2Jxxx")


def test_a_large_record_is_not_read(hub: HubStandIn, download: Download) -> None:
    FOLDER.mkdir()
    with (FOLDER / "download.json").open("wb") as file:
        file.truncate(1 << 40)
    with in_time():
        check_sentence(download(), "exists and was not written by this command")


def test_a_folder_with_a_name_that_no_disk_takes(hub: HubStandIn, download: Download) -> None:
    check_sentence(download("--output_dir", "x" * 250), "(File name too long): choose another")
    check_sentence(download("--output_dir", "x" * 300), "(File name too long): choose another")
    check_sentence(download("--output_dir", "x/" * 3000), "(File name too long): choose another")


def test_an_index_that_is_no_index(hub: HubStandIn, download: Download) -> None:
    index = "model.safetensors.index.json"
    for text in (b"[" * 100_000, b'{"weight_map": {"a": "b", "a": "c"}}', b'{"weight_map": []}'):
        hub.add(MODEL, WANTED | {index: text})
        check_sentence(download(), f"{index} (not an index of shards)")
    shards = {str(number): f"\x1b[2J{number}" + "x" * 500 for number in range(10_000)}
    hub.add(MODEL, WANTED | {index: json.dumps({"weight_map": shards}).encode()})
    done = download()
    check_sentence(done, "(named by the index, not published), and 9,997 more. Run this again")
    assert max(map(len, done.stderr.splitlines())) < 2000


def test_a_folder_that_another_download_fills_is_left_alone(
    hub: HubStandIn, download: Download, tmp_path: Path
) -> None:
    partial = tmp_path / "tiny-llama.partial"
    with locks.held(partial):
        done = download()
    assert done.returncode == 2 and "another process is writing" in done.stderr
    assert list(partial.iterdir()) == [] and BIG not in hub.fetched()
