"""Where `download_model.py` puts a model and its data, and what it does with what is there."""

import json
from pathlib import Path

import pytest

import download_model
from tests.hub.hub_case import BIG, MODEL, SMALL, WANTED, contents, record, run, safetensors
from tests.hub.hub_case import hub as hub
from tests.hub.hub_stand_in import HubStandIn


def test_the_default_model_has_its_own_folder(hub: HubStandIn) -> None:
    hub.add(download_model.DEFAULT_MODEL, WANTED)
    assert run().exit_code == 0
    assert contents(Path("llama3_8b")) == WANTED


@pytest.mark.parametrize(
    ("model", "folder"),
    [
        ("meta-llama/Meta-Llama-3-8B-Instruct", "llama3_8b"),
        ("Qwen/Qwen3-0.6B", "qwen3-0.6b"),
        ("org/A_b c", "a_b-c"),
        ("gpt2", "gpt2"),
    ],
)
def test_folder_names(model: str, folder: str) -> None:
    assert download_model.folder_name(model) == folder


def test_a_complete_folder_is_left_as_it_is(hub: HubStandIn) -> None:
    assert run(MODEL).exit_code == 0
    hub.asked.clear()
    again = run(MODEL, "--json", "--revision", hub.repos[MODEL].commit)
    assert again.exit_code == 0 and "is already complete in tiny-llama" in again.stderr
    assert json.loads(again.stdout.splitlines()[-1])["model"]["already_there"] is True
    assert hub.asked == []


def test_an_update_shares_unchanged_weights_and_keeps_the_old_folder(hub: HubStandIn) -> None:
    assert run(MODEL).exit_code == 0
    old = hub.repos[MODEL].commit
    Path("tiny-llama/notes.txt").write_text("mine")
    newer = WANTED | {SMALL: safetensors(401), "config.json": b'{"model_type": "llama", "v": 2}'}
    hub.add(MODEL, newer)
    hub.asked.clear()
    assert run(MODEL).exit_code == 0
    assert contents(Path("tiny-llama")) == newer
    kept = Path(f"tiny-llama.{old[:8]}")
    assert contents(kept) == WANTED | {"notes.txt": b"mine"} and record(kept)["commit"] == old
    assert BIG not in hub.fetched() and SMALL in hub.fetched()


def test_a_damaged_folder_is_mended_beside_itself(hub: HubStandIn) -> None:
    assert run(MODEL).exit_code == 0
    Path("tiny-llama", SMALL).write_bytes(b"cut")
    assert run(MODEL).exit_code == 0
    assert contents(Path("tiny-llama")) == WANTED


@pytest.mark.parametrize(
    ("place", "held", "says"),
    [
        ("there/file.txt", "mine", "was not written by this command"),
        ("there", "mine", "was not written by this command"),
        (
            "there/download.json",
            '{"repo_id": "org/other", "commit": "0", "files": []}',
            "org/other",
        ),
        ("there.partial/unfinished.json", '{"repo_id": "org/other"}', "holds org/other"),
    ],
)
def test_a_folder_with_something_else_is_refused(
    hub: HubStandIn, place: str, held: str, says: str
) -> None:
    Path(place).parent.mkdir(exist_ok=True)
    Path(place).write_text(held)
    done = run(MODEL, "--output-dir", "there")
    assert done.exit_code == 2 and says in done.stderr
    assert Path(place).read_text() == held and hub.fetched() == set()


def test_a_place_that_cannot_be_written(hub: HubStandIn) -> None:
    Path("file").write_text("mine")
    done = run(MODEL, "--output_dir", "file/model")
    assert done.exit_code == 2 and "choose another place with --output_dir" in done.stderr


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


def publish_data(hub: HubStandIn) -> None:
    for repo_id, (taken, left) in DATA.items():
        files = {path: f"{repo_id}/{path}".encode() for path in [*taken, *left, "README.md"]}
        hub.add(repo_id, files, type="dataset")


def test_datasets_come_as_published_beside_the_model(hub: HubStandIn) -> None:
    publish_data(hub)
    done = run(MODEL, "--datasets", "--output_dir", "models/tiny", "--json")
    assert done.exit_code == 0, done.stderr
    for repo_id, (taken, _) in DATA.items():
        folder = Path("models/datasets_cache", repo_id.replace("/", "--"))
        assert set(contents(folder)) == {*taken, "README.md"}
        assert record(folder)["repo_type"] == "dataset"
    document = json.loads(done.stdout.splitlines()[-1])
    assert [entry["repo_id"] for entry in document["datasets"]] == list(DATA)


def test_a_data_set_that_fails_does_not_stop_the_rest(hub: HubStandIn) -> None:
    publish_data(hub)
    del hub.repos["baber/piqa"]
    hub.add("openai/gsm8k", {"new/layout.arrow": b""}, type="dataset")
    done = run(MODEL, "--datasets", "--datasets_dir", "data", "--json")
    assert done.exit_code == 1
    assert "openai/gsm8k was not fetched: No file matches main/*.parquet" in done.stderr
    assert "baber/piqa was not fetched: baber/piqa is missing or private" in done.stderr
    assert contents(Path("tiny-llama")) == WANTED and len(list(Path("data").iterdir())) == 4
    assert len(json.loads(done.stdout.splitlines()[-1])["failed"]) == 2


def test_the_table_of_data_sets_is_the_one_that_lm_eval_reads() -> None:
    tasks = Path(pytest.importorskip("lm_eval").__file__).parent / "tasks"
    names = ["gsm8k/gsm8k", "hellaswag/hellaswag", "piqa/piqa", "arc/arc_easy", "wikitext/wikitext"]
    asked = {
        line.split(": ")[1].strip()
        for name in names
        for line in (tasks / f"{name}.yaml").read_text().splitlines()
        if line.startswith("dataset_path")
    }
    assert asked == {
        each.repo_id for each in download_model.DATA_SETS if each.purpose != "calibration"
    }
