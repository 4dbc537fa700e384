"""Which files of a repository are fetched, and which data sets."""

from pathlib import Path

import pytest

from core.errors import UserError
from hub import selection


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
    assert selection.folder_name(model) == folder


@pytest.mark.parametrize(
    ("published", "chosen"),
    [
        (["model.safetensors", "model.bin", "run.py"], ["model.safetensors"]),
        (["model.safetensors", "tokenizer.pkl", "vocab.txt"], ["model.safetensors", "vocab.txt"]),
        (["model.safetensors", "original/model.safetensors"], ["model.safetensors"]),
        (["model.safetensors", "consolidated.safetensors"], ["model.safetensors"]),
        (["consolidated.safetensors", "tokenizer.json"], None),
        (["a.safetensors", "additional_chat_templates/rag.jinja"], None),
        (["a.safetensors", "additional_chat_templates/run.py"], ["a.safetensors"]),
        (["consolidated.00.safetensors", "consolidated.01.safetensors"], None),
    ],
)
def test_model_files(published: list[str], chosen: list[str] | None) -> None:
    assert selection.choose_model_files(published) == (chosen or published)


@pytest.mark.parametrize(
    ("published", "says"),
    [
        ([], "has no safetensors weights, and this command never"),
        (
            ["a.bin", "b.pt", "c.h5", "d.pkl"],
            r"only pickles \(a.bin, b.pt, c.h5, and 1 more\), and",
        ),
        (["original/model.safetensors"], "has no safetensors weights, and"),
    ],
)
def test_a_repository_without_safetensors_is_refused(published: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        selection.choose_model_files(published)


@pytest.mark.parametrize(
    ("published", "chosen"),
    [
        (["main/a.parquet", "other/a.parquet"], ["main/a.parquet"]),
        (
            ["README.md", "main/b/a.parquet", "LICENSE"],
            ["main/b/a.parquet", "README.md", "LICENSE"],
        ),
        (
            ["main/a.parquet", "load.py", "dataset_infos.json"],
            ["main/a.parquet", "dataset_infos.json"],
        ),
    ],
)
def test_data_files(published: list[str], chosen: list[str]) -> None:
    assert selection.choose_data_files(("main/*.parquet", "*.py"), published) == chosen


def test_the_table_of_data_sets_is_the_one_that_lm_eval_reads() -> None:
    tasks = Path(pytest.importorskip("lm_eval").__file__).parent / "tasks"
    names = ["gsm8k/gsm8k", "hellaswag/hellaswag", "piqa/piqa", "arc/arc_easy", "wikitext/wikitext"]
    read_by_lm_eval = {
        line.split(": ")[1].strip()
        for name in names
        for line in (tasks / f"{name}.yaml").read_text().splitlines()
        if line.startswith("dataset_path")
    }
    assert read_by_lm_eval == {d.repo_id for d in selection.DATA_SETS if d.purpose != "calibration"}
