"""What huggingface_hub leaves to its caller when a transfer goes wrong, or the files are wrong."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from core.plugins import ROOT
from tests.hub.conftest import Download
from tests.hub.hub_case import BIG, INDEX, MODEL, SMALL, WANTED, contents, safetensors
from tests.hub.hub_stand_in import HubStandIn

FOLDER = Path("tiny-llama")
PARTIAL = Path("tiny-llama.partial")


def test_progress_is_in_bytes_and_has_no_bar_of_the_library(
    hub: HubStandIn, download: Download
) -> None:
    hub.add(MODEL, WANTED | {BIG: safetensors(3_000_000)})
    said = download().stderr
    assert "asking the hub" in said and f"downloading {MODEL}, 0 %" in said
    assert "checking" in said and "it/s" not in said and "B/s" not in said


def test_a_dropped_connection_is_resumed(
    hub: HubStandIn, download: Download, no_waiting: None
) -> None:
    large = safetensors(3_000_000)  # huggingface_hub writes, and so resumes, by 10 MB
    hub.add(MODEL, WANTED | {BIG: large})
    hub.break_off(BIG, after=11_000_000)
    assert download().returncode == 0
    assert contents(FOLDER) == WANTED | {BIG: large}
    assert [line for line in hub.requests if "bytes=" in line] == [f"GET {BIG} bytes=10485760-"]


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_what_huggingface_hub_does_not_try_again_is_tried_once_more(
    hub: HubStandIn, download: Download, kind: str
) -> None:
    hub.break_off(BIG, after=700_000, kind=kind)
    done = download()
    assert done.returncode == 0 and done.stderr.count("trying once more") == 1
    assert contents(FOLDER) == WANTED
    hub.add(MODEL, WANTED | {BIG: safetensors(500_001)})
    hub.break_off(BIG, after=700_000, kind=kind, times=99)
    hub.requests.clear()
    done = download()
    assert done.returncode == 2 and "run this again" in done.stderr.splitlines()[-1]
    assert hub.requests.count(f"GET {BIG}") == 2
    assert contents(FOLDER) == WANTED


def test_what_huggingface_hub_tries_again_is_left_to_it(
    hub: HubStandIn, download: Download, no_waiting: None
) -> None:
    hub.break_off(SMALL, after=100, times=99)
    done = download()
    assert done.returncode == 2 and "keeps breaking off" in done.stderr
    assert "trying once more" not in done.stderr and not FOLDER.exists()
    assert hub.requests.count(f"GET {SMALL}") > 2


def test_the_next_run_goes_on_where_this_one_stopped(hub: HubStandIn, download: Download) -> None:
    hub.break_off(BIG, after=5, times=9, kind="short")
    stopped = download()
    assert stopped.returncode == 2 and not FOLDER.exists()
    kept = contents(PARTIAL)
    assert BIG not in kept and SMALL in kept
    hub.faults.clear()
    hub.requests.clear()
    assert download().returncode == 0
    assert contents(FOLDER) == WANTED
    assert hub.fetched() == {BIG}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_does_not_wait_for_the_files_in_flight(
    hub: HubStandIn, download: Download, number: signal.Signals
) -> None:
    hub.break_off(BIG, after=1000, kind="stall")
    command = [sys.executable, str(ROOT / "download_model.py"), MODEL]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as running:
        assert hub.stalled.wait(60)
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + number and "interrupted: the files that are whole" in said
    assert hub.requests.count(f"GET {BIG}") == 1
    assert list(PARTIAL.rglob("*.incomplete"))
    hub.break_off(BIG, after=1000, kind="reset", times=9)
    assert download().returncode == 2
    assert not list(PARTIAL.rglob("*.incomplete"))
    hub.faults.clear()
    assert download().returncode == 0
    assert contents(FOLDER) == WANTED


def test_ctrl_c_is_as_before_when_the_transfer_is_over(hub: HubStandIn, download: Download) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert download().returncode == 0
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(("times", "exit_code"), [(1, 0), (99, 2)])
def test_a_truncated_file_is_fetched_again_or_named(
    hub: HubStandIn, download: Download, times: int, exit_code: int
) -> None:
    hub.break_off(BIG, after=1000, times=times, kind="short")
    done = download()
    assert done.returncode == exit_code
    assert f"fetching again: {BIG} (1000 of" in done.stderr
    assert FOLDER.exists() == (exit_code == 0)
    if exit_code:
        assert f"{BIG} (1000 of {len(WANTED[BIG])} bytes)" in done.stderr.splitlines()[-1]
        assert BIG not in contents(PARTIAL)


def test_a_damaged_file_in_the_cache_of_the_hub_is_fetched_from_the_hub(
    hub: HubStandIn, download: Download
) -> None:
    """huggingface_hub copies it from there and does not look at its checksum."""
    cache = Path(constants.HF_HUB_CACHE, "models--org--Tiny-Llama")
    cached = cache / "snapshots" / hub.repos[MODEL].commit / BIG
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"x" * len(WANTED[BIG]))
    done = download()
    assert done.returncode == 0
    assert f"fetching again: {BIG} (not the published checksum)" in done.stderr
    assert contents(FOLDER) == WANTED


def test_a_file_without_an_announced_size_is_not_taken(hub: HubStandIn, download: Download) -> None:
    hub.announced["config.json"] = None
    done = download()
    assert done.returncode == 2 and "(the size of config.json is missing)" in done.stderr
    assert hub.fetched() == set()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({SMALL: WANTED[SMALL][:-4]}, f"arrives damaged: {SMALL} ("),
        ({SMALL: b"no header"}, f"arrives damaged: {SMALL} ("),
        ({INDEX: b"[]"}, f"{INDEX} (not an index of shards)"),
        ({INDEX: b'{"weight_map": ["a"]}'}, f"{INDEX} (not an index of shards)"),
        ({INDEX: b"{}"}, f"{INDEX} (not an index of shards)"),
        ({INDEX: b"{"}, f"{INDEX} (not an index of shards)"),
        ({INDEX: b"\xff"}, f"{INDEX} (not an index of shards)"),
        ({SMALL: None}, f"{SMALL} (named by the index, not published)"),
        ({INDEX: b'{"weight_map": {"w": ".."}}'}, ".. (named by the index, not published)"),
        ({INDEX: b'{"weight_map": {"w": 3}}'}, "3 (named by the index, not published)"),
    ],
)
def test_what_was_published_broken_is_named(
    hub: HubStandIn, download: Download, changed: dict[str, bytes | None], says: str
) -> None:
    files = {path: content for path, content in (WANTED | changed).items() if content is not None}
    hub.add(MODEL, files)
    done = download()
    assert done.returncode == 2 and says in done.stderr.splitlines()[-1]
    assert not FOLDER.exists()


def test_leftovers_of_another_commit_are_neither_checked_nor_kept(
    hub: HubStandIn, download: Download
) -> None:
    hub.break_off(SMALL, after=5, times=9, kind="short")
    assert download().returncode == 2
    assert INDEX in contents(PARTIAL)
    (PARTIAL / "download.json").write_text(json.dumps({"repo_id": MODEL}))  # the run was killed
    one_file = {"model.safetensors": safetensors(7), "config.json": b"{}"}
    hub.add(MODEL, one_file)
    assert download().returncode == 0
    assert contents(FOLDER) == one_file


def test_a_folder_that_is_not_whole_has_no_record(hub: HubStandIn, download: Download) -> None:
    PARTIAL.mkdir()
    (PARTIAL / "download.json").write_text(json.dumps({"repo_id": MODEL}))  # a run was killed
    hub.break_off(SMALL, after=5, times=9, kind="short")
    assert download().returncode == 2
    assert not (PARTIAL / "download.json").exists()
