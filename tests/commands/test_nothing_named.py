"""Where no checkpoint is named, commands take what is there and say what they take."""

import json
import os
from pathlib import Path

import pytest

from inspection import several
from tests import models as tiny
from tests.conftest import Run

FAKE = ("--engine", "fake", "--max_new_tokens", 4)


def aged(folder: Path, seconds: int) -> Path:
    """A folder whose checkpoint was made so long ago."""
    config = folder / "config.json"
    now = config.stat().st_mtime
    os.utime(config, (now - seconds, now - seconds))
    return folder


def asked(command: Run) -> tuple[str, str]:
    done = command("vllm_test.py", *FAKE, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["model"], done.stderr


def test_the_newest_compressed_checkpoint_is_asked(command: Run, tmp_path: Path) -> None:
    base = tiny.write_model(tmp_path / "tiny")
    made = {s: tiny.write_compressed(tmp_path / f"tiny-{s}", base, s) for s in ("A8", "B8")}
    aged(made["A8"], 60)
    name, said = asked(command)
    assert name == "tiny-B8" and "tiny-B8, the newest of 2 compressed checkpoints here" in said
    aged(made["B8"], 120)
    assert asked(command)[0] == "tiny-A8"


def test_the_newest_that_this_machine_serves_is_taken(tmp_path: Path) -> None:
    base = tiny.write_model(tmp_path / "tiny")
    made = {s: tiny.write_compressed(tmp_path / f"tiny-{s}", base, s) for s in ("A8", "B8")}
    aged(made["A8"], 60)
    name, which = several.newest(tmp_path, lambda identity: identity.scheme == "B8")
    assert Path(name).name == "tiny-A8"
    assert which == "the compressed checkpoint here; 1 more cannot be served on this machine"
    name, which = several.newest(tmp_path, lambda identity: True)  # its refusal is told
    assert Path(name).name == "tiny-B8" and which == "the newest of 2 compressed checkpoints here"


@pytest.mark.parametrize(
    ("there", "taken", "which"),
    [
        (("tiny",), "tiny", "the model here"),
        (("llama3_8b", "newer"), "llama3_8b", "the model here"),
        (("older", "newer"), "newer", "the newest of 2 models here"),
    ],
)
def test_a_model_is_asked_where_nothing_is_compressed(
    command: Run, tmp_path: Path, there: tuple[str, ...], taken: str, which: str
) -> None:
    for age, name in enumerate(reversed(there)):
        aged(tiny.write_model(tmp_path / name), 60 * age)
    name, said = asked(command)
    assert name == taken and f"{taken}, {which}" in said


def test_where_there_is_nothing_it_is_said_what_to_name(command: Run) -> None:
    done = command("vllm_test.py", *FAKE)
    assert done.returncode == 2 and "vllm_test.py demo`" in " ".join(done.stderr.split())


def test_of_a_single_checkpoint_analyze_shows_everything(command: Run, tmp_path: Path) -> None:
    tiny.write_model(tmp_path / "tiny")
    done = command("analyze.py")
    assert done.returncode == 0 and "bytes by dtype" in done.stdout
    assert "tiny --engine vllm` loads it and says what really runs" in done.stderr
    assert "--engine vllm" not in command("analyze.py", "--json").stderr


def test_of_nothing_analyze_shows_the_built_in_model(command: Run) -> None:
    assert command("analyze.py").stdout.startswith("demo  as declared")
