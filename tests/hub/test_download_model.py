"""What `download_model.py` fetches from the hub stand-in, and what it says and leaves."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import huggingface_hub
import pytest

from hub.download import download as download_from_python
from hub.selection import DEFAULT_MODEL
from tests.conftest import Run
from tests.hub.conftest import Download
from tests.hub.hub_case import MODEL, SMALL, UNWANTED, WANTED, contents, record, safetensors
from tests.hub.hub_stand_in import HubStandIn
from tests.hub.published import git_sha1, sha256
from tests.models import kept_from_others


def test_takes_safetensors_and_tokenizer_and_nothing_that_runs(
    hub: HubStandIn, process: Run
) -> None:
    done = process("download_model.py", MODEL, "--json")
    assert done.returncode == 0, done.stderr
    folder, commit = Path("tiny-llama"), hub.repos[MODEL].commit
    assert contents(folder) == WANTED
    assert not hub.fetched() & set(UNWANTED)
    assert not Path("tiny-llama.partial").exists() and not (folder / ".cache").exists()
    total = sum(map(len, WANTED.values()))
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "model": {
            "repo_id": MODEL,
            "revision": "main",
            "commit": commit,
            "folder": "tiny-llama",
            "files": len(WANTED),
            "bytes": total,
            "already_there": False,
        },
        "datasets": [],
        "failed": [],
    }
    assert f"{MODEL}: 9 files, 0.00 GB" in done.stderr
    assert f"at commit {commit[:8]} (9 files, 0.00 GB) was written to tiny-llama" in done.stderr


def test_the_record_says_what_the_folder_holds(hub: HubStandIn, download: Download) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert download().returncode == 0
    saved = record(Path("tiny-llama"))
    assert before <= datetime.fromisoformat(saved.pop("fetched_utc")) <= datetime.now(UTC)
    files = [
        {
            "path": path,
            "size": len(content),
            "sha256": sha256(content) if path.endswith(".safetensors") else None,
            "blob_id": None if path.endswith(".safetensors") else git_sha1(content),
        }
        for path, content in WANTED.items()
    ]
    assert saved == {
        "repo_id": MODEL,
        "repo_type": "model",
        "revision": "main",
        "commit": hub.repos[MODEL].commit,
        "files": files,
        "endpoint": hub.url,
        "huggingface_hub": huggingface_hub.__version__,
    }


def test_whoever_serves_it_can_read_it(hub: HubStandIn, download: Download) -> None:
    assert download().returncode == 0
    assert kept_from_others(Path("tiny-llama")) == []


def test_the_default_model_has_its_own_folder(hub: HubStandIn, command: Run) -> None:
    hub.add(DEFAULT_MODEL, WANTED)
    assert command("download_model.py").returncode == 0
    assert contents(Path("llama3_8b")) == WANTED


def test_python_downloads_as_the_command_does(hub: HubStandIn) -> None:
    outcome = download_from_python(MODEL, folder=Path("there"))
    assert outcome.model.folder == "there" and not outcome.model.already_there
    assert outcome.datasets == [] and outcome.failed == []
    assert contents(Path("there")) == WANTED
    assert download_from_python(MODEL, folder=Path("there")).model.already_there


def test_a_thread_of_a_program_may_download(hub: HubStandIn) -> None:
    with ThreadPoolExecutor() as pool:
        assert pool.submit(download_from_python, MODEL).result().model.folder == "tiny-llama"
    assert contents(Path("tiny-llama")) == WANTED


def test_a_branch_that_moves_meanwhile_is_fetched_as_it_was_listed(
    hub: HubStandIn, download: Download
) -> None:
    commit = hub.repos[MODEL].commit
    hub.next_files[MODEL] = WANTED | {"config.json": b"{}", SMALL: safetensors(401)}
    assert download().returncode == 0
    assert hub.repos[MODEL].commit != commit
    assert contents(Path("tiny-llama")) == WANTED
    assert record(Path("tiny-llama"))["commit"] == commit


def test_pickles_only(hub: HubStandIn, download: Download) -> None:
    hub.add(MODEL, {"pytorch_model.bin": b"pickle", "config.json": b"{}", "run.py": b""})
    done = download()
    assert done.returncode == 2 and "only pickles (pytorch_model.bin" in done.stderr
    assert hub.fetched() == set()


# By data set: files that are fetched, and files that are not.
DATA = {
    "HuggingFaceH4/ultrachat_200k": (
        ["data/train_sft-00000-of-00002.parquet", "data/train_sft-00001-of-00002.parquet"],
        ["data/train_gen-00000-of-00001.parquet"],
    ),
    "openai/gsm8k": (["main/test-00000-of-00001.parquet"], ["socratic/test.parquet"]),
    "Rowan/hellaswag": (["data/validation-00000-of-00001.parquet"], ["hellaswag.py"]),
    "baber/piqa": (["data/validation.parquet"], ["piqa.py"]),
    "allenai/ai2_arc": (["ARC-Easy/test.parquet", "ARC-Challenge/test.parquet"], []),
    "EleutherAI/wikitext_document_level": (
        ["wikitext-2-raw-v1/wikitext-2-raw-v1-test.parquet"],
        ["wikitext-103-raw-v1/wikitext-103-raw-v1-test.parquet"],
    ),
}


@pytest.fixture
def data_sets(hub: HubStandIn) -> None:
    """The hub also publishes `DATA`."""
    for repo_id, (wanted, unwanted) in DATA.items():
        files = {path: f"{repo_id}/{path}".encode() for path in [*wanted, *unwanted, "README.md"]}
        hub.add(repo_id, files, type="dataset")


def test_datasets_come_as_published_beside_the_model(data_sets: None, download: Download) -> None:
    done = download("--datasets", "--output_dir", "models/tiny", "--json")
    assert done.returncode == 0, done.stderr
    for repo_id, (wanted, _) in DATA.items():
        folder = Path("models/datasets_cache", repo_id.replace("/", "--"))
        assert set(contents(folder)) == {*wanted, "README.md"}
        assert record(folder)["repo_type"] == "dataset"
    document = json.loads(done.stdout.splitlines()[-1])
    assert [entry["repo_id"] for entry in document["datasets"]] == list(DATA)
    assert len(re.findall("was written to", done.stderr)) == 1 + len(DATA)


def test_a_data_set_that_fails_does_not_stop_the_rest(
    hub: HubStandIn, data_sets: None, download: Download
) -> None:
    del hub.repos["baber/piqa"]
    hub.add("openai/gsm8k", {"new/layout.arrow": b""}, type="dataset")
    hub.break_off("ARC-Easy/test.parquet", after=1, times=9, kind="short")
    done = download("--datasets", "--datasets_dir", "data", "--json")
    assert done.returncode == 1
    failed = json.loads(done.stdout.splitlines()[-1])["failed"]
    assert [sentence.partition(":")[0] for sentence in failed] == [
        f"{repo_id} was not fetched"
        for repo_id in ("openai/gsm8k", "baber/piqa", "allenai/ai2_arc")
    ]
    assert "No file matches main/*.parquet among new/layout.arrow: " in failed[0]
    assert "baber/piqa is missing or private" in failed[1]
    assert "arrives damaged: ARC-Easy/test.parquet (1 of" in failed[2]
    assert all(sentence in done.stderr for sentence in failed)
    assert contents(Path("tiny-llama")) == WANTED
    assert sorted(path.name for path in Path("data").iterdir()) == [
        "EleutherAI--wikitext_document_level",
        "HuggingFaceH4--ultrachat_200k",
        "Rowan--hellaswag",
        "allenai--ai2_arc.partial",
    ]
