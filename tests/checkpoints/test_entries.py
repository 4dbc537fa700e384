"""What may lie in a checkpoint's folder: no command follows a link that leads out of it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from checkpoints import checkpoint, entries, models
from core.errors import UserError
from tests import models as tiny
from tests.report_case import report, typical, write

__all__ = ["report"]
OUT = "leads out of the checkpoint's folder"
SECRET = "what stands outside"
NAMES = (
    "chat_template.jinja",
    "generation_config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "compression.json",
    "download.json",
    "random_weights.json",
    "README.md",
    "modeling_own.py",
    ".hidden",
    "deeper/chat_template.jinja",
)
LOAD = ("--engine", "fake", "--max_new_tokens", 8, "--prompt_tokens", 8, "--batch_sizes", 2)
COMMANDS: dict[str, tuple[object, ...]] = {
    "compress.py": ("--model_id", "tiny", "--compression_type", "FP8-W8A8"),
    "benchmark.py": ("--model", "tiny", *LOAD),
    "score.py": ("--model", "tiny", "--engine", "fake", "--tasks", "none", "--text", "text.txt"),
    "pipeline.py": ("--model_id", "tiny", "--schemes", "FP8-W8A8", *LOAD, "--tasks", "none",
                    "--text", "text.txt"),
    "analyze.py": ("tiny", "--save", "--json"),
    "vllm_test.py": ("tiny", "--engine", "fake"),
}  # fmt: skip


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that is no checkpoint's business."""
    path = tmp_path / "secret.json"
    path.write_text(json.dumps({"repo_id": SECRET, "model": SECRET, "note": SECRET}))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_link_that_leads_out_is_refused(base: Path, outside: Path, name: str) -> None:
    (base / name).parent.mkdir(exist_ok=True)
    (base / name).symlink_to(outside)
    with pytest.raises(checkpoint.Damaged, match=OUT):
        checkpoint.read(base)
    with pytest.raises(UserError, match=OUT):
        models.identify(str(base))


@pytest.mark.parametrize("program", COMMANDS)
@pytest.mark.parametrize("name", ["chat_template.jinja", "compression.json", "README.md"])
def test_no_command_follows_one(
    command, base: Path, outside: Path, program: str, name: str, tmp_path: Path
) -> None:
    (base / name).symlink_to(outside)
    (tmp_path / "text.txt").write_text("a b c " * 100)
    before = set(tmp_path.rglob("*"))
    done = command(program, *COMMANDS[program])
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode in (1, 2) and OUT in said and SECRET not in said
    made = {path for path in tmp_path.rglob("*") if "build" not in path.parts} - before
    assert made == set()


def test_a_card_is_written_nowhere_else(report, base: Path, outside: Path, tmp_path: Path) -> None:
    folder = tiny.write_compressed(tmp_path / "tiny-INT8-W8A8", base, "INT8-W8A8")
    mark = checkpoint.read(folder).fingerprint
    for record in typical():
        subject = record.subject.model_copy(update={"fingerprint": mark})
        write(tmp_path / "perf_results", [record.model_copy(update={"subject": subject})])
    (folder / "README.md").symlink_to(outside)
    done = report("--write_card", folder.name)
    assert done.exit_code == 2 and OUT in done.stderr and SECRET in outside.read_text()
    (folder / "README.md").unlink()
    (folder / "README.tmp").symlink_to("config.json")
    config = (folder / "config.json").read_text()
    assert report("--write_card", folder.name).exit_code == 0
    assert (folder / "config.json").read_text() == config
    lines = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12)]
    laughs = "\n".join(["l0: &l0 [ha]", *lines])
    (folder / "README.md").write_text(f"---\n{laughs}\n---\n")
    done = report("--write_card", folder.name)
    assert done.exit_code == 2 and "YAML aliases" in done.stderr
    (folder / "README.md").write_text("x" * (2 << 20))
    assert "at most 1,048,576 are read" in report("--write_card", folder.name).stderr


def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "tokenizer.json")


def a_pipe_deeper(folder: Path) -> None:
    (folder / "deeper").mkdir()
    os.mkfifo(folder / "deeper" / "a")


def a_device(folder: Path) -> None:
    (folder / "tokenizer.json").symlink_to("/dev/zero")


def a_folder_elsewhere(folder: Path) -> None:
    (folder / "deeper").symlink_to("/etc")


def a_folder_in_itself(folder: Path) -> None:
    (folder / "deeper").symlink_to(".")


def a_chain(folder: Path) -> None:
    (folder.parent / "between").symlink_to("/etc/passwd")
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("../between")


def a_false_cache(folder: Path) -> None:
    """Blobs that are a link themselves; the folder's parent is called as the hub's cache is."""
    (folder.parent.parent / "blobs").symlink_to("/etc")
    (folder / "tokenizer.json").symlink_to("../../blobs/passwd")


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (a_pipe, "neither a file nor a folder"),
    "deeper": (a_pipe_deeper, "neither a file nor a folder"),
    "device": (a_device, OUT),
    "folder": (a_folder_elsewhere, OUT),
    "itself": (a_folder_in_itself, "a link to a folder"),
    "chain": (a_chain, OUT),
    "cache": (a_false_cache, OUT),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_checkpoint_holds(tmp_path: Path, name: str) -> None:
    folder = tiny.write_model(tmp_path / "snapshots" / "tiny")
    breaking, sentence = REFUSED[name]
    breaking(folder)
    with pytest.raises(checkpoint.Damaged, match=sentence):
        checkpoint.read(folder)


def test_links_inside_are_followed(base: Path, tmp_path: Path) -> None:
    (base / "model.safetensors").rename(base / "whole.bin2")
    (base / "model.safetensors").symlink_to("whole.bin2")
    (base / "nowhere").symlink_to("gone")
    (base / "loop").symlink_to("loop")
    (tmp_path / "elsewhere").symlink_to(base)
    assert checkpoint.read(tmp_path / "elsewhere").tensors


def test_entries_are_counted(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MOST_ENTRIES", 5)
    for n in range(4):
        (base / f"{n}.txt").touch()
    with pytest.raises(checkpoint.Damaged, match="more than 5 files and folders"):
        checkpoint.read(base)
