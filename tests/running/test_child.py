"""Clean children: what they emit arrives, and every way to end has its sentence."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from running import child


@pytest.fixture(autouse=True)
def server(tmp_path: Path) -> None:
    child.start_server((), {}, tmp_path / "server.log")


def emits_and_prints(emit: child.Emit, *values: Any) -> None:
    print("seen in the log")
    for value in values:
        emit(value)


def raises_user_error(emit: child.Emit) -> None:
    raise UserError("give another folder")


def raises(emit: child.Emit) -> None:
    emit("begun")
    raise ValueError("first line\nsecond line")


def exits(emit: child.Emit) -> None:
    os._exit(3)


def is_killed(emit: child.Emit) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def is_terminated(emit: child.Emit) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def hangs_with_a_process_of_its_own(emit: child.Emit) -> None:
    worker = os.fork()
    if worker == 0:
        signal.pause()
    emit(worker)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pause()


def run(task: Callable[..., None], folder: Path, *arguments: Any) -> tuple[str | None, list[Any]]:
    """Why the task did not finish, and what it emitted."""
    events: list[Any] = []
    return child.run(task, arguments, folder / "logs" / "log", 60, events.append), events


def test_what_is_emitted_arrives_and_what_is_printed_is_logged(tmp_path: Path, capfd) -> None:
    assert run(emits_and_prints, tmp_path, 1, {"a": [2]}) == (None, [1, {"a": [2]}])
    assert (tmp_path / "logs" / "log").read_text() == "seen in the log\n"
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (raises_user_error, "give another folder"),
        (raises, "ValueError: first line"),
        (exits, "the process ended with exit code 3"),
        (is_terminated, "the process was killed by SIGTERM"),
        (
            is_killed,
            "the process was killed by SIGKILL (most likely the system ran out of memory)",
        ),
    ],
)
def test_the_sentence_for_an_end(tmp_path: Path, task: Callable[..., None], reason: str) -> None:
    assert run(task, tmp_path)[0] == reason


def test_what_was_emitted_before_a_failure_is_kept(tmp_path: Path) -> None:
    assert run(raises, tmp_path)[1] == ["begun"]
    assert "second line" in (tmp_path / "logs" / "log").read_text()


def test_a_hanging_child_is_killed_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    monkeypatch.setattr(child, "GRACE_S", 0.1)
    workers: list[psutil.Process] = []
    reason = child.run(
        hangs_with_a_process_of_its_own,
        (),
        tmp_path / "log",
        2,
        lambda pid: workers.append(psutil.Process(pid)),
    )
    assert reason is not None and reason.endswith("killed")
    assert len(workers) == 1 and not psutil.wait_procs(workers, timeout=10)[1]


def test_an_interrupt_here_ends_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    monkeypatch.setattr(child, "GRACE_S", 0.1)
    workers: list[psutil.Process] = []

    def interrupt(pid: int) -> None:
        workers.append(psutil.Process(pid))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        child.run(hangs_with_a_process_of_its_own, (), tmp_path / "log", 60, interrupt)
    assert len(workers) == 1 and not psutil.wait_procs(workers, timeout=10)[1]


def test_the_servers_environment_is_not_this_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THERE", "before")
    with child._environment({"THERE": "during", "ABSENT": "during"}):
        assert (os.environ["THERE"], os.environ["ABSENT"]) == ("during", "during")
    assert os.environ["THERE"] == "before" and "ABSENT" not in os.environ


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write logs to"):
        child._redirect(tmp_path / "file" / "log")


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (UserError("do this"), "do this"),
        (RuntimeError("one\ntwo"), "RuntimeError: one"),
        (KeyError(), "KeyError: no message"),
    ],
)
def test_an_exception_in_one_line(problem: Exception, sentence: str) -> None:
    assert child.sentence(problem) == sentence
