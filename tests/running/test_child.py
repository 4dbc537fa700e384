"""Clean children: what they emit arrives, and every way to end has its sentence."""

import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from core.errors import UserError
from running import child, server


@pytest.fixture(autouse=True)
def started(tmp_path: Path) -> None:
    server.start((), {}, tmp_path / "server.log")


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


def exits_with_a_word(emit: child.Emit) -> None:
    print("the library's own reason\n", flush=True)
    os._exit(4)


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
        (
            exits_with_a_word,
            "the process ended with exit code 4, its last line: the library's own reason",
        ),
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
    with server._environment({"THERE": "during", "ABSENT": "during"}):
        assert (os.environ["THERE"], os.environ["ABSENT"]) == ("during", "during")
    assert os.environ["THERE"] == "before" and "ABSENT" not in os.environ


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write logs to"):
        server.redirect(tmp_path / "file" / "log")


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (UserError("do this"), "do this"),
        (RuntimeError("one\ntwo"), "RuntimeError: one"),
        (KeyError(), "KeyError: no message"),
        (
            RuntimeError("what follows matters:\n  this\nnot that"),
            "RuntimeError: what follows matters: this",
        ),
    ],
)
def test_an_exception_in_one_line(problem: Exception, sentence: str) -> None:
    assert child.sentence(problem) == sentence


def test_what_pydantic_refuses_is_named() -> None:
    class Model(BaseModel):
        length: int

    with pytest.raises(ValidationError) as refused:
        Model(length="long")  # type: ignore[arg-type]
    reason = child.sentence(refused.value)
    assert reason.startswith("ValidationError: Model.length: Input should be a valid integer")


def test_a_log_that_cannot_be_made_is_the_reason(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    assert run(raises, tmp_path)[0] == f"cannot write logs to {tmp_path / 'logs'}: File exists"


def test_a_temporary_folder_with_too_long_a_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("long" * 25)))
    with pytest.raises(UserError, match="set TMPDIR to a shorter one"):
        server.start((), {}, tmp_path / "log")


def test_a_child_goes_on_when_what_it_emitted_was_taken_in(tmp_path: Path) -> None:
    """So that a record is not saved while something is timed."""
    taken = tmp_path / "taken"

    def take(event: str) -> None:
        time.sleep(0.2)
        taken.write_text(event)

    assert child.run(emits_and_looks, (taken,), tmp_path / "log", 60, take) is None
    assert (tmp_path / "log").read_text() == "one\n"


def emits_and_looks(emit: child.Emit, taken: Path) -> None:
    emit("one")
    print(taken.read_text())


def hurries(emit: child.Emit, seconds: float) -> None:
    child.limit("the chat template", seconds)
    time.sleep(1)
    child.limit()
    emit("rendered")


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(30, None), (0.5, "the chat template took more than 0 s: killed")],
)
def test_what_may_hang_has_a_limit_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, reason: str | None
) -> None:
    monkeypatch.setattr(child, "GRACE_S", 0.1)
    assert run(hurries, tmp_path, seconds)[0] == reason


def test_what_an_earlier_run_printed_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "log").write_text("said before\n")
    assert run(exits, tmp_path)[0] == "the process ended with exit code 3"


def test_of_a_long_line_the_beginning_is_quoted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\n\n" + "x" * 99_999 + "\n \n")
    assert server.last_line(log) == "x" * 500 + "..."
    assert len(child.sentence(RuntimeError("x" * 99_999))) < 600


class Unreadable:
    """What cannot be made again in another process."""

    def __reduce__(self) -> Any:
        return int, ("nine",)


def kills_the_server(emit: child.Emit) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(0.5)


def test_a_child_that_cannot_begin_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log is empty then: what it said is in that of the server, here a new one."""
    run(kills_the_server, tmp_path / "before")
    monkeypatch.setattr(server, "started", 0.0)
    server.start((), {}, tmp_path / "server.log")
    reason = run(emits_and_prints, tmp_path, Unreadable())[0]
    assert reason is not None and "exit code 1, its last line: ValueErr" in reason


def test_a_server_that_died_is_a_reason_and_the_next_child_has_another(tmp_path: Path) -> None:
    run(kills_the_server, tmp_path)
    server.prepare(("fake",), [], tmp_path)  # as every command does, here for the tests to come
    assert run(emits_and_prints, tmp_path, 1) == (None, [1])
