"""What `download_model.py` fetches from a hub stand-in on loopback, and how it fails."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import download_model
from core.errors import UserError
from core.plugins import ROOT
from hub import errors as hub_errors
from tests.hub.hub_case import (
    BIG,
    MODEL,
    SMALL,
    UNWANTED,
    WANTED,
    contents,
    record,
    run,
    run_apart,
    safetensors,
)
from tests.hub.hub_case import hub as hub
from tests.hub.hub_stand_in import HubStandIn


def test_takes_safetensors_and_tokenizer_and_nothing_that_runs(hub: HubStandIn) -> None:
    done = run_apart(MODEL, "--json")
    assert done.returncode == 0, done.stderr
    folder = Path("tiny-llama")
    assert contents(folder) == WANTED
    assert not hub.fetched() & set(UNWANTED)
    assert not Path("tiny-llama.partial").exists()
    held = record(folder)
    assert held["repo_id"] == MODEL and held["revision"] == "main"
    assert held["commit"] == hub.repos[MODEL].commit and held["endpoint"] == hub.url
    sizes = {file["path"]: (file["size"], bool(file["sha256"])) for file in held["files"]}
    assert sizes == {p: (len(c), p.endswith(".safetensors")) for p, c in WANTED.items()}
    document = json.loads(done.stdout.splitlines()[-1])
    assert document["model"]["folder"] == "tiny-llama" and document["datasets"] == []
    assert "was written to tiny-llama" in done.stderr


def test_weights_that_are_only_consolidated_are_taken() -> None:
    only = ["consolidated.safetensors", "tokenizer.json"]
    assert download_model.choose_model_files(only) == only


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub waits a second before each of its attempts."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def test_a_dropped_connection_is_resumed(hub: HubStandIn, at_once: None) -> None:
    large = safetensors(3_000_000)  # huggingface_hub writes, and so resumes, by 10 MB
    hub.add(MODEL, WANTED | {BIG: large})
    hub.drop(BIG, after=11_000_000)
    assert run(MODEL).exit_code == 0
    assert contents(Path("tiny-llama")) == WANTED | {BIG: large}
    assert [asked for asked in hub.asked if "bytes=" in asked] == [f"GET {BIG} bytes=10485760-"]


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_what_huggingface_hub_does_not_resume_is_tried_once_more(
    hub: HubStandIn, kind: str
) -> None:
    hub.drop(BIG, after=700_000, kind=kind)
    done = run(MODEL)
    assert done.exit_code == 0 and "trying once more" in done.stderr
    assert contents(Path("tiny-llama")) == WANTED
    hub.add(MODEL, WANTED | {BIG: safetensors(500_001)})
    hub.drop(BIG, after=700_000, kind=kind, times=99)
    done = run(MODEL)
    assert done.exit_code == 2 and "run this again" in done.stderr.splitlines()[-1]
    assert contents(Path("tiny-llama")) == WANTED


def test_the_next_run_goes_on_where_this_one_stopped(hub: HubStandIn) -> None:
    hub.drop(BIG, after=5, times=9, kind="short")
    stopped = run(MODEL)
    assert stopped.exit_code == 2 and not Path("tiny-llama").exists()
    kept = contents(Path("tiny-llama.partial"))
    assert BIG not in kept and SMALL in kept
    hub.faults.clear()
    hub.asked.clear()
    assert run(MODEL).exit_code == 0
    assert contents(Path("tiny-llama")) == WANTED
    assert hub.fetched() == {BIG}


def test_ctrl_c_does_not_wait_for_the_files_in_flight(hub: HubStandIn) -> None:
    hub.drop(BIG, after=1000, kind="stall")
    command = [sys.executable, str(ROOT / "download_model.py"), MODEL]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as running:
        assert hub.stalled.wait(60)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and "interrupted: the files that are whole" in said
    assert list(Path("tiny-llama.partial").rglob("*.incomplete"))
    assert run(MODEL).exit_code == 0
    assert contents(Path("tiny-llama")) == WANTED


@pytest.mark.parametrize(("times", "exit_code"), [(1, 0), (99, 2)])
def test_a_truncated_file_is_fetched_again_or_named(
    hub: HubStandIn, times: int, exit_code: int
) -> None:
    hub.drop(BIG, after=1000, times=times, kind="short")
    done = run(MODEL)
    assert done.exit_code == exit_code
    assert f"fetching again: {BIG} (1000 of" in done.stderr
    assert Path("tiny-llama").exists() == (exit_code == 0)
    if exit_code:
        assert f"{BIG} (1000 of {len(WANTED[BIG])} bytes)" in done.stderr.splitlines()[-1]
        assert BIG not in contents(Path("tiny-llama.partial"))


def test_a_body_that_always_ends_early_is_told_as_a_connection(
    hub: HubStandIn, at_once: None
) -> None:
    hub.drop(SMALL, after=100, times=99)
    done = run(MODEL)
    assert done.exit_code == 2 and "keeps breaking off" in done.stderr
    assert not Path("tiny-llama").exists()


def test_a_file_that_was_published_broken_is_named(hub: HubStandIn) -> None:
    hub.add(MODEL, WANTED | {SMALL: WANTED[SMALL][:-4]})
    done = run(MODEL)
    assert done.exit_code == 2 and f"arrives damaged: {SMALL} (" in done.stderr
    assert not Path("tiny-llama").exists()


def test_an_index_that_is_none_is_named(hub: HubStandIn) -> None:
    hub.add(MODEL, WANTED | {"model.safetensors.index.json": b"[]"})
    done = run(MODEL)
    assert done.exit_code == 2 and "index.json (not an index of shards)" in done.stderr


def test_a_shard_that_was_never_published_is_named(hub: HubStandIn) -> None:
    hub.add(MODEL, {path: content for path, content in WANTED.items() if path != SMALL})
    done = run(MODEL)
    assert done.exit_code == 2 and f"{SMALL} (named by the index, not published)" in done.stderr


@pytest.mark.parametrize(
    ("model", "options", "about", "says"),
    [
        (MODEL, [], {"gated": True}, "is gated: accept its licence"),
        (MODEL, [], {"status": 500}, "trouble of its own (500)"),
        (MODEL, [], {"status": 401}, "did not accept the token (401)"),
        (MODEL, [], {"status": 403}, "may not read org/Tiny-Llama (403)"),
        (MODEL, [], {"status": 429}, "asks for a pause (429)"),
        (MODEL, ["--revision", "v9"], {}, "no such revision"),
        ("org/absent", [], {}, "is missing or private: check the spelling"),
        ("a/b/c", [], {}, "names look like org/name"),
        ("..", [], {}, "names look like org/name"),
        ("", [], {}, "names look like org/name"),
    ],
)
def test_refusals_are_one_sentence(
    hub: HubStandIn, model: str, options: list[str], about: dict[str, Any], says: str
) -> None:
    hub.add(MODEL, WANTED, **about)
    done = run(model, *options)
    assert done.exit_code == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error:") and says in last
    assert not Path("tiny-llama").exists()


def test_a_gated_model_says_how_to_log_in_and_comes_with_the_right_token(
    hub: HubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(MODEL, WANTED, gated=True)
    monkeypatch.setenv("HF_TOKEN", "")
    refused = run(MODEL)
    assert refused.exit_code == 2 and "Traceback" not in refused.stderr
    assert "hf auth login" in refused.stderr.splitlines()[-1]
    monkeypatch.setenv("HF_TOKEN", "hf_allowed")
    assert run(MODEL).exit_code == 0
    assert "hf_allowed" not in (Path("tiny-llama") / "download.json").read_text()


def test_no_network(hub: HubStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        done = run_apart(MODEL)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "Cannot reach" in done.stderr and "copy the folder here" in done.stderr
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    offline = run_apart(MODEL)
    assert offline.returncode == 2 and "HF_HUB_OFFLINE is set" in offline.stderr


def test_too_little_disk_is_found_before_any_transfer(hub: HubStandIn) -> None:
    hub.announced[BIG] = 10**15
    done = run(MODEL)
    assert done.exit_code == 2 and "1050000.0 GB: free some space" in done.stderr
    assert hub.fetched() == set() and not any(Path().glob("tiny-llama*"))


def test_pickles_only(hub: HubStandIn) -> None:
    hub.add(MODEL, {"pytorch_model.bin": b"pickle", "config.json": b"{}", "run.py": b""})
    done = run(MODEL)
    assert done.exit_code == 2 and "only pickles (pytorch_model.bin" in done.stderr
    assert hub.fetched() == set()


def test_an_unknown_exception_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), hub_errors.told_plainly("org/x"):
        raise ZeroDivisionError
    with pytest.raises(UserError, match="disk filled up"), hub_errors.told_plainly("org/x"):
        raise OSError(28, "No space left on device")
