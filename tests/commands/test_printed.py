"""Every command that is printed runs as it is printed, in the folder it is printed in."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from checkpoints import bases
from core import records
from tests import models as tiny
from tests.checkpoints.test_bases import change
from tests.conftest import ROOT, Run

BARE = {"PATH": "/usr/bin:/bin"}  # nobody has activated .venv
LOAD = ("--engine", "fake", "--max_new_tokens", 4, "--prompt_tokens", 4, "--batch_sizes", "2,4")
SCHEMES = ("FP8-W8A8", "INT8-W8A8")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder: models beside it, checkpoints in `out`, each measured on its own."""
    base = tiny.write_model(tmp_path / "models" / "tiny")
    home = tmp_path / "my work"
    for scheme in SCHEMES:
        made = tiny.write_compressed(home / "out" / f"tiny-{scheme}", base, scheme)
        change(made, places=bases.places(base, made))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("PATH", BARE["PATH"])
    return home


def measure(home: Path, command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    for model in ("../models/tiny", *(f"out/tiny-{scheme}" for scheme in SCHEMES)):
        done = command("benchmark.py", "--model", model, *LOAD)
        assert done.returncode == 0, done.stderr


def outcomes(command: Run, *words: object) -> list[dict[str, Any]]:
    done = command("report.py", "--json", *words)
    assert done.returncode == 0, done.stderr
    decision: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["decision"]
    return decision


def to_decide(command: Run, *words: object) -> list[str]:
    decision = outcomes(command, *words)
    return list(dict.fromkeys(line for outcome in decision for line in outcome["to_decide"]))


def shell(line: str, where: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", line], cwd=where, capture_output=True, text=True, env={**BARE, "HOME": "/"}
    )
    assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.parametrize("place", ["home", "elsewhere"])
def test_what_would_decide_is_measured(
    command: Run, home: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    measure(home, command, monkeypatch)
    where = home if place == "home" else home.parent / "elsewhere"
    monkeypatch.chdir(where)
    (line,) = {
        line
        for line in to_decide(command, "--results_dir", home / "perf_results")
        if "pipeline.py" in line
    }
    assert ("cd " in line) == (place == "elsewhere")
    shell(f"{line} --max_rounds 4 --tasks none --text none", where)
    made = records.load_all(home / "perf_results")
    repeated = [record for record in made if record.command[0] == "pipeline.py"]
    assert {r.subject.scheme for r in repeated} == {"BASE", *SCHEMES}
    assert {r.settings["batch_size"] for r in repeated if r.measure == "batch"} == {2, 4}
    assert {r.settings["max_new_tokens"] for r in repeated if r.measure == "batch"} == {4}
    assert {record.subject.path for record in made} == {"tiny", *(f"tiny-{s}" for s in SCHEMES)}


def test_the_pipelines_own_command_is_run_again_where_it_ran(
    command: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    words = ("--schemes", "BASE,FP8-W8A8", "--output_dir", "out", "--results_dir", "speed/a")
    texts = ("--tasks", "none", "--text", "none")
    asked = (*words, *LOAD, *texts, "--rounds", 1, "--json")
    assert command("pipeline.py", "--model_id", "../models/tiny", *asked).returncode == 0
    where = home.parent / "elsewhere"
    monkeypatch.chdir(where)
    lines = to_decide(command, "--results_dir", home / "speed" / "a")
    (line,) = (line for line in lines if "pipeline.py" in line)
    assert line.startswith(f"cd '{home}' && ") and "--json" not in line
    shell(line, where)
    assert len({record.run_id for record in records.load_all(home / "speed" / "a")}) == 2
    assert list(where.iterdir()) == []


@pytest.mark.real
def test_what_would_decide_is_scored(
    command: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(home, command, monkeypatch)
    asked = ("--engine", "fake", "--tasks", "demo_piqa", "--limit", 12, "--text", "none")
    assert command("score.py", "--model", "out/tiny-INT8-W8A8", *asked).returncode == 0
    where = home.parent / "elsewhere"
    monkeypatch.chdir(where)
    folders = [w for f in ("perf", "eval") for w in ("--results_dir", home / f"{f}_results")]
    lines = [line for line in to_decide(command, *folders) if "score.py" in line]
    assert lines
    for line in lines:
        shell(line, where)


def test_a_checkpoint_that_was_deployed_has_its_folder_in_the_command(
    command: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(home, command, monkeypatch)
    as_if_by_vllm(home)
    for where in (home, home.parent / "elsewhere"):
        monkeypatch.chdir(where)
        decision = outcomes(command, "--results_dir", home / "perf_results")
        commands = [shlex.split(outcome["command"]) for outcome in decision if outcome["command"]]
        assert commands
        for words in commands:
            assert words[1] == "serve" and (where / words[2] / "config.json").is_file(), words
            assert words[0] == "vllm" or Path(words[0]).is_file()


def as_if_by_vllm(home: Path) -> None:
    """Let the records be of the engine that is a server."""
    for path in (home / "perf_results").glob("*/*.json"):
        path.write_text(path.read_text().replace('"engine": "fake"', '"engine": "vllm"'))


def test_readers_elsewhere_are_told_no_place_of_this_machine(
    command: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    for model in (home.parent / "models" / "tiny", home / "out" / "tiny-FP8-W8A8"):
        assert command("benchmark.py", "--model", model, *LOAD).returncode == 0
    as_if_by_vllm(home)
    for form in ("md", "html"):
        page = command("report.py", "--format", form, "--output_file", f"page.{form}")
        assert page.returncode == 0, page.stderr
        text = (home / f"page.{form}").read_text()
        assert "python pipeline.py" in text
        assert str(home.parent) not in text and str(ROOT) not in text


def test_what_is_said_to_be_run_is_run(command: Run, home: Path) -> None:
    """Sentences of refusals name programs as they are started from here."""
    done = command("report.py", "--results_dir", home / "out")
    assert done.returncode == 2
    line = done.stderr.split("`")[1]
    shell(f"{line} --help", home)
