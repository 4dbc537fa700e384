"""A hub that means harm: one sentence each, bounded, and nothing is written outside."""

import json
import resource
from pathlib import Path
from typing import Any

import pytest

from hub import client, listing
from tests.hub.conftest import Download
from tests.hub.hub_case import BIG, MODEL, SMALL, WANTED
from tests.hub.hub_stand_in import HubStandIn

SHA = "0" * 40
NOT_A_HUB = "does not answer as a model hub does"


def answer(**changed: Any) -> bytes:
    """A listing with one file, and something changed."""
    sibling = {"rfilename": "model.safetensors", "size": 8, "blobId": "0"}
    return json.dumps({"id": MODEL, "sha": SHA, "siblings": [sibling], **changed}).encode()


def files(**sibling: Any) -> bytes:
    """A listing whose one file has something changed."""
    return answer(siblings=[{"rfilename": "model.safetensors", "size": 8, **sibling}])


LISTINGS = {
    "siblings are a number": (answer(siblings=3), NOT_A_HUB),
    "siblings are text": (answer(siblings="abc"), NOT_A_HUB),
    "siblings are null": (answer(siblings=None), NOT_A_HUB),
    "a sibling is a list": (answer(siblings=[["a"]]), NOT_A_HUB),
    "a sibling has no name": (answer(siblings=[{"size": 1}]), NOT_A_HUB),
    "a name is a number": (files(rfilename=3), NOT_A_HUB),
    "a name is an object": (files(rfilename={"a": 1}), NOT_A_HUB),
    "a size is text": (files(size="8"), NOT_A_HUB),
    "a size is negative": (files(size=-8), NOT_A_HUB),
    "a size is a fraction": (files(size=0.5), NOT_A_HUB),
    "a size is beyond all disks": (files(size=10**30), NOT_A_HUB),
    "lfs is a list": (files(lfs=[1]), NOT_A_HUB),
    "lfs is text": (files(lfs="abc"), NOT_A_HUB),
    "a checksum is none": (files(lfs={"size": 8, "sha256": "../x", "pointerSize": 1}), NOT_A_HUB),
    "a commit is a number": (answer(sha=3), NOT_A_HUB),
    "a commit is a path": (answer(sha="../../x"), NOT_A_HUB),
    "a commit is null": (answer(sha=None), NOT_A_HUB),
    "the answer is a list": (b"[]", NOT_A_HUB),
    "the answer is null": (b"null", NOT_A_HUB),
    "the answer is nested": (b"[" * 200_000 + b"]" * 200_000, NOT_A_HUB),
    "the answer is cut off": (answer()[:-5], NOT_A_HUB),
    "the answer is no text": (b"\xff\xfe\x00", NOT_A_HUB),
    "dates are none": (answer(createdAt="yesterday"), NOT_A_HUB),
}
NAMES = {
    "../model.safetensors": None,
    "/model.safetensors": None,
    "main/../../model.safetensors": None,
    "tokenizer" + "x" * 5000: "it is longer than 255 bytes",
    "tokenizer\\..\\x": "characters that no path should",
    "tokenizer\0": "characters that no path should",
    "tokenizer\x1b[31m": "characters that no path should",
    "tokenizer\ud800": "characters that no path should",
    "tokenizer\u202e": "characters that no path should",
}
EVIL = {
    "redirects_for_ever": "only sends us on from one address to the next",
    "redirects_to_a_file": "Cannot reach",
    "is_packed": "packed as 'gzip', which was not asked",
    "never_ends": "The hub sends more than 16,777,216 bytes of listings",
}


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_API_BYTES", 16 << 20)
    monkeypatch.setattr(client, "PATIENCE_S", 1.0)


def refused(done: Any, sentence: str, tmp_path: Path) -> None:
    """It ended as bad input does, in one line; nothing but its own folder was made."""
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert sentence in done.stderr.splitlines()[-1]
    assert len(done.stderr.splitlines()[-1]) < 700
    made = {path.name for path in tmp_path.iterdir()} - {"hf"}
    assert made <= {"tiny-llama.partial"}


@pytest.mark.parametrize("case", LISTINGS)
def test_a_listing_that_is_none(
    hub: HubStandIn, download: Download, tmp_path: Path, case: str
) -> None:
    page, sentence = LISTINGS[case]
    hub.repos[MODEL].page = page
    refused(download(), sentence, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_may_not_be_written(
    hub: HubStandIn, download: Download, tmp_path: Path, name: str
) -> None:
    hub.repos[MODEL].page = answer(
        siblings=[{"rfilename": name, "size": 8}, {"rfilename": "model.safetensors", "size": 8}]
        if NAMES[name]
        else [{"rfilename": name, "size": 8}]
    )
    refused(download(), NAMES[name] or "no safetensors weights", tmp_path)


@pytest.mark.parametrize("name", [*listing.OWN, "a/../b", "a//b", "", ".", "/a", "a/", "x" * 256])
def test_paths_that_are_unsafe(name: str) -> None:
    assert listing.unsafe(name) and not listing.unsafe("main/train-00001.parquet")


@pytest.mark.parametrize("evil", EVIL)
def test_an_answer_that_means_harm(
    hub: HubStandIn, download: Download, tmp_path: Path, no_waiting: None, evil: str
) -> None:
    hub.repos[MODEL].evil = evil
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(download(), EVIL[evil], tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


def test_pages_without_end(
    hub: HubStandIn, download: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_API_BYTES", 100 << 10)
    hub.repos[MODEL].evil = "has_pages_without_end"
    refused(download(), "The hub sends more than 102,400 bytes of listings", tmp_path)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("endless", "bytes of a file: given up"), ("trickle", "less than 1,024 bytes per second")],
)
def test_a_file_that_does_not_end(
    hub: HubStandIn, download: Download, tmp_path: Path, kind: str, sentence: str
) -> None:
    hub.break_off(SMALL, after=0, times=99, kind=kind)
    refused(download(), sentence, tmp_path)
    written = sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file())
    assert written < 3 * sum(map(len, WANTED.values())) + (4 << 20)


def test_two_hundred_thousand_files(
    hub: HubStandIn, download: Download, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_API_BYTES", 64 << 20)
    many = [{"rfilename": f"tokenizer-{number}", "size": 1} for number in range(200_000)]
    hub.repos[MODEL].page = answer(siblings=many)
    refused(download(), "has 200,000 files, at most 100,000 are looked at", tmp_path)


def test_a_folder_that_another_download_fills_is_left_alone(
    hub: HubStandIn, download: Download, tmp_path: Path
) -> None:
    from guarding import locks

    partial = tmp_path / "tiny-llama.partial"
    with locks.held(partial):
        done = download()
    refused(done, "another process is writing", tmp_path)
    assert list(partial.iterdir()) == [] and BIG not in hub.fetched()
