"""`compression.json` and configs of others: their names and parts are data for every command."""

import json
from pathlib import Path
from typing import Any

import pytest

from checkpoints import bases, manifest, models
from core import records
from core.errors import UserError
from running.run import subject_of
from tests import models as tiny

LOAD = ("--engine", "fake", "--max_new_tokens", 8, "--prompt_tokens", 8, "--batch_sizes", 2)
COMMANDS: dict[str, tuple[object, ...]] = {
    "benchmark.py": ("--model", "c", *LOAD),
    "score.py": ("--model", "c", "--engine", "fake", "--tasks", "none", "--text", "text.txt"),
    "analyze.py": ("c", "--save"),
    "vllm_test.py": ("c", "--engine", "fake"),
}
HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "up": ({"model": "../../up"}, "its model is '../../up', which is no name"),
    "NUL": ({"model": "a\0b"}, "its model is"),
    "surrogate": ({"model": "\ud800"}, "its model is"),
    "escape": ({"model": "\x1b[31mred"}, "its model is"),
    "dictionary": ({"model": {"a": 1}}, "its model is"),
    "long": ({"model": "m" * 5000}, "its model is"),
    "nothing": ({"model": None}, "its model is"),
    "scheme": ({"scheme": "../up"}, "its scheme is '../up'"),
    "no scheme": ({"scheme": ["INT8"]}, "its scheme is"),
    "base": ({"base": []}, "base: Input should be"),
    "fingerprint": ({"base": {"fingerprint": {}}}, "base.fingerprint: Input should be"),
    "settings": ({"settings": ["a"]}, "settings: Input should be"),
    "peak": ({"peak_memory_bytes": {"main": "x"}}, "peak_memory_bytes.main: Input should be"),
    "number": ({"wall_s": 1e-320}, "wall_s: 1e-320 is no finite number"),
    "text": ({"recipe": ["\ud800"]}, "recipe.0: text that UTF-8 cannot hold"),
    "deep": ({"recipe": json.loads("[" * 300 + "]" * 300)}, "in each other"),
}


@pytest.fixture
def world(tmp_path: Path, base: Path) -> Path:
    """A folder two folders deep in another, with a model and a checkpoint `c`."""
    tiny.write_compressed(tmp_path / "c", base)
    (tmp_path / "text.txt").write_text("a b c " * 100)
    return tmp_path


def change(folder: Path, changes: dict[str, Any]) -> None:
    path = folder / manifest.NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def entries(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "build" not in path.parts}


@pytest.mark.parametrize("program", COMMANDS)
def test_commands_take_no_name_that_is_none(command, world: Path, program: str) -> None:
    for name, (changes, sentence) in HOSTILE.items():
        change(world / "c", {"model": "tiny", "scheme": "FP8-W8A8", "base": {}, **changes})
        before, around = entries(world), set(world.parent.iterdir())
        done = command(program, *COMMANDS[program])
        assert sentence in " ".join(done.stderr.split()), (name, done.stderr)
        assert done.returncode == (0 if program == "analyze.py" else 2), name
        assert entries(world) == before and set(world.parent.iterdir()) == around
        tiny.write_compressed(world / "c", world / "tiny")


@pytest.mark.parametrize("name", HOSTILE)
def test_identify_refuses(world: Path, name: str) -> None:
    changes, sentence = HOSTILE[name]
    change(world / "c", changes)
    with pytest.raises(UserError) as raised:
        models.identify(str(world / "c"))
    assert sentence in str(raised.value) and len(str(raised.value)) < 500


def test_a_base_need_not_be_named(world: Path) -> None:
    change(world / "c", {"base": None, "settings": None})
    assert bases.pair(str(world / "c"), str(world / "tiny")).base.scheme == "BASE"


@pytest.mark.parametrize("declared", ["../../up", "\x1b[31m", "x" * 5000, "a\nb"])
def test_the_format_that_others_declare_is_a_name(tmp_path: Path, declared: str) -> None:
    odd = {"quant_method": declared, "format": declared}
    folder = tiny.write_model(tmp_path / "theirs", quantization_config=odd)
    with pytest.raises(UserError, match="the format it declares is"):
        models.identify(str(folder))


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "m" * 150, " a", "-a"])
def test_a_folder_of_ones_own_has_a_name_too(command, tmp_path: Path, name: str) -> None:
    tiny.write_model(tmp_path / name)
    for program, words in (
        ("benchmark.py", ("--model", f"./{name}", *LOAD)),
        ("compress.py", ("--model_id", f"./{name}", "--compression_type", "FP8-W8A8")),
        ("pipeline.py", ("--model_id", f"./{name}", "--schemes", "FP8-W8A8", "--engine", "fake")),
    ):
        done = command(program, *words)
        assert done.returncode == 2 and "the folder's name is" in done.stderr, done.stderr
    assert entries(tmp_path) == entries(tmp_path / name) | {tmp_path / name}


def test_the_current_folder_is_called_by_its_name(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(base)
    assert subject_of(models.identify(".")).path == "tiny"
    (base / "inner").mkdir()
    monkeypatch.chdir(base / "inner")
    assert subject_of(models.identify("..")).path == "tiny"


def test_a_link_is_called_by_its_own_name(base: Path, tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to(base)
    assert models.folder_name(tmp_path / "here") == "here"


@pytest.mark.parametrize(
    ("held", "kept"),
    [
        ({"repo_id": "org/name", "commit": "abc"}, True),
        ({"repo_id": "../name", "commit": "abc"}, False),
        ({"repo_id": "a/b/c"}, False),
        ({"repo_id": "org/\x1b[31m"}, False),
        ({"commit": "a/b"}, False),
        ({"commit": "\ud800"}, False),
    ],
)
def test_where_it_came_from_is_told_by_names(base: Path, held: dict, kept: bool) -> None:
    (base / models.DOWNLOAD).write_text(json.dumps(held))
    assert models.hub(base) == (held if kept else {})


def test_a_mark_that_no_record_could_hold_is_refused(base: Path) -> None:
    (base / models.RANDOM_WEIGHTS).write_text('{"note": "\\ud800"}')
    with pytest.raises(UserError, match="note: text that UTF-8 cannot hold"):
        models.identify(str(base))


def test_what_a_manifest_says_can_be_saved(world: Path, tmp_path: Path) -> None:
    change(world / "c", {"note": "é \x1b[31m\n", "recipe": [{"a": 1.5}]})
    subject = subject_of(models.identify(str(world / "c")))
    assert records.Subject.model_validate_json(subject.model_dump_json()) == subject
