"""A study file is a command line: every option by its name, and lists that make several of it."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from core.errors import UserError
from grid import study_file
from tests import models
from tests.conftest import ROOT

QUIET = {"engine": "fake", "max_new_tokens": 8, "prompt_tokens": 8, "tasks": "none", "text": "none"}


@pytest.fixture
def context() -> typer.Context:
    command = typer.main.get_command(importlib.import_module("pipeline").app)
    return typer.Context(command)  # type: ignore[arg-type]


def written(folder: Path, **values: object) -> Path:
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({**QUIET, **values}, sort_keys=False))
    return path


def read(context: typer.Context, folder: Path, text: str) -> list[dict]:
    path = folder / "study.yaml"
    path.write_text(text)
    return study_file.read(context, path)


def test_every_option_has_its_key(context: typer.Context, tmp_path: Path) -> None:
    known = study_file._options(context)
    spelled = {p.opts[0].lstrip("-") for p in context.command.params}
    assert known.keys() | {"config", "write_config", "plan"} == spelled
    assert set(study_file.JOINED) < known.keys()
    for name, option in known.items():
        value = option.default if option.default is not None else "9"
        study_file._check(context, tmp_path, name, value if option.is_flag else str(value))


def test_lists_make_the_product_and_names_with_commas_stay_together(
    context: typer.Context, tmp_path: Path
) -> None:
    text = "model_id: [a, b]\nschemes: [FP8-W8A8, INT4-W4A16]\nseed: [0, 1]\nbatch_sizes: [1, 8]\n"
    studies = read(context, tmp_path, text)
    same = {"schemes": "FP8-W8A8,INT4-W4A16", "batch_sizes": "1,8"}
    assert studies == [
        {"model_id": model, "seed": seed, **same} for model in ("a", "b") for seed in (0, 1)
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("schemas: all", "there is no option 'schemas'. Did you mean schemes?"),
        ("max-new-token: 3", "Did you mean max_new_tokens?"),
        ("xyzzy: 3", "`pipeline.py --help` lists them"),
        ("plan: true", "there is no option 'plan'"),
        ("limit: many", "limit: 'many': Input should be a valid integer"),
        ("limit: 0.5", "limit: 0.5: Input should be a valid integer"),
        ("limit: true", "limit: True is not what it takes"),
        ("limit: -1", "limit: -1: Input should be greater than or equal to 0"),
        ("tasks: no", "tasks: False is not what it takes; words like yes and no are text"),
        ("enforce_eager: 1", "enforce_eager: true or false, not 1"),
        ("engine:", "engine: has no value"),
        ("engine: {a: b}", "engine: {'a': 'b'} is neither text nor a number"),
        ("seed: []", "seed is an empty list"),
        ("seed: [1, two]", "seed: 'two': Input should be a valid integer"),
        ("seed: 1\nseed: 2", "seed is there twice"),
        ("seed: [1", "not YAML"),
        ("- seed", "a study has options"),
        ("", "a study has options"),
    ],
)
def test_what_is_wrong_is_said(
    context: typer.Context, tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(UserError) as problem:
        read(context, tmp_path, text)
    assert sentence in str(problem.value) and "study.yaml" in str(problem.value)


def test_the_file_stands_where_the_line_says_nothing(command, base: Path, tmp_path: Path) -> None:
    models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    path = written(tmp_path, model_id="tiny", schemes=["FP8-W8A8"], batch_sizes=[2], rounds=2)
    done = command("pipeline.py", "--config", path.name, "--rounds", 1, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])["records"]
    assert {r["settings"]["batch_size"] for r in told if r["measure"] == "batch"} == {2}
    assert {r["round"] for r in told} == {1, 2}  # 2 is the base once more


def test_bad_files_end_before_any_work(command, tmp_path: Path) -> None:
    done = command("pipeline.py", "--config", written(tmp_path, schemas="all").name)
    assert done.returncode == 2 and "Did you mean schemes?" in done.stderr
    assert command("pipeline.py", "--config", "none.yaml").returncode == 2
    assert not (tmp_path / "perf_results").exists()


def test_several_commands_run_one_after_the_other(process, base: Path, tmp_path: Path) -> None:
    models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    path = written(tmp_path, model_id="tiny", schemes="FP8-W8A8", batch_sizes="2", seed=[0, 1])
    done = process("pipeline.py", "--config", path, "--rounds", "1")
    assert done.returncode == 0, done.stderr
    assert "2 commands, one after the other" in done.stderr
    saved = [json.loads(f.read_text()) for f in (tmp_path / "perf_results").glob("*/*.json")]
    assert {r["options"]["seed"] for r in saved} == {0, 1}
    assert len({r["run_id"] for r in saved}) == 2
    assert {"--seed", "--rounds"} < set(saved[0]["command"])


def test_a_command_line_becomes_a_file(command, base: Path, tmp_path: Path) -> None:
    words = ("--model_id", "tiny", "--schemes", "FP8-W8A8", "--no_add_bos_token", "--limit", 7)
    done = command("pipeline.py", *words, "--write_config", "kept.yaml")
    assert done.returncode == 0, done.stderr
    held = yaml.safe_load((tmp_path / "kept.yaml").read_text())
    assert held == {
        "model_id": "tiny", "schemes": "FP8-W8A8", "add_bos_token": False, "limit": 7,
    }  # fmt: skip
    again = command("pipeline.py", "--config", "kept.yaml", "--write_config", "again.yaml")
    assert again.returncode == 0
    assert (tmp_path / "again.yaml").read_text() == (tmp_path / "kept.yaml").read_text()
    assert command("pipeline.py", *words, "--write_config", "kept.yaml").returncode == 2


def test_a_known_study_in_a_file(command, tmp_path: Path) -> None:
    path = written(tmp_path, model_id="demo", study="dtypes")
    done = command("pipeline.py", "--config", path, "--write_config", "all.yaml")
    assert done.returncode == 0, done.stderr
    held = yaml.safe_load((tmp_path / "all.yaml").read_text())
    assert held["study"] == "dtypes" and held["engine"] == "fake" and "FP16" in held["schemes"]


def test_reading_a_file_imports_nothing_heavy(tmp_path: Path) -> None:
    path = written(tmp_path, schemas="all")
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['pipeline.py', '--config', {str(path)!r}]\n"
        f"try: runpy.run_path({str(ROOT / 'pipeline.py')!r}, run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 2\n"
        "print([m for m in ('torch', 'numpy', 'vllm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
