"""Clean child processes that are quick to start.

Every checkpoint is loaded in a process of its own: a crash, an out-of-memory kill or a hang ends
that process alone and becomes a failure with its reason. The processes are forked from a server
that has imported the heavy libraries (`running/server.py`), so that they start in milliseconds.
"""

import contextlib
import multiprocessing
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.cli import ENDED_BY
from core.errors import UserError, first_fault, first_line
from running import leftovers, server

Emit = Callable[[Any], None]
GRACE_S = 3.0
F_SETSIG = 10  # fcntl(2); Python has no name for it before 3.13

DIED = "died without a word"


class Died(str):
    """Why a process ended that gave no reason itself: another one may end well."""

    __slots__ = ()


start_s = 0.0  # in a child: seconds from being asked for to running
_command: Connection | None = None  # in a child: the way to the command


def run(
    task: Callable[..., None],
    arguments: tuple[Any, ...],
    log: Path,
    timeout_s: float,
    on_event: Emit,
) -> str | None:
    """Run `task(emit, *arguments)` in a child, which goes on once `on_event` took what it emitted.

    So what is done with a result is never done while the child times something. Returns None when
    the task finished, else one sentence why it did not, a `Died` where it gave none itself.
    All it prints goes to `log`. It is killed, with every process it started, after `timeout_s`
    seconds without an event, and when this process is interrupted.
    """
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    before, spawned = server.size(log), time.monotonic()
    ignored = [n for n in ENDED_BY if signal.getsignal(n) is signal.SIG_IGN]
    child = context.Process(target=_enter, args=(theirs, log, task, arguments, spawned, ignored))
    try:
        child.start()
    except (EOFError, OSError):
        return Died(server.ended())
    theirs.close()
    try:
        reason = _listen(child, ours, timeout_s, on_event)
    except BaseException:
        _interrupt(child)
        raise
    finally:
        _end(child)
    return Died(_died(child, log, before)) if reason == DIED else reason


def _listen(
    child: BaseProcess, connection: Connection, timeout_s: float, on_event: Emit
) -> str | None:
    """Take in what the child sends until it finished; returns why it did not, or `DIED`."""
    allowed_s, doing = timeout_s, ""
    deadline = time.monotonic() + allowed_s
    while connection.poll(max(0.0, deadline - time.monotonic())):
        try:
            kind, payload = connection.recv()
        except (EOFError, OSError):
            return DIED
        if kind == "done":
            return None
        if kind == "failed":
            return str(payload)
        if kind == "limit":
            allowed_s, doing = payload or (timeout_s, "")
        else:
            on_event(payload)
        with contextlib.suppress(OSError):  # it may have died meanwhile
            connection.send(None)
        deadline = time.monotonic() + allowed_s
    if doing:
        return f"{doing} took more than {allowed_s:.0f} s: killed"
    return f"no progress for {timeout_s:.0f} s: killed"


def _died(child: BaseProcess, log: Path, before: int) -> str:
    """Why a child ended that gave no reason: its exit code or signal, and what it said last.

    What was in its log `before` is another's.
    """
    code = child.exitcode
    reason = f"the process ended with exit code {code}"
    if code is not None and code < 0:
        reason = f"the process was killed by {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            return f"{reason} (most likely the system ran out of memory)"
    said = server.last_line(log, before) if log.exists() else server.last_line(server.log_file)
    return f"{reason}, its last line: {said}" if said else reason


def _end(child: BaseProcess) -> None:
    """Let the child end, ask it to, then kill its whole group: engines start workers of their own.

    Asked by an interrupt it removes what it had half written; a hanging one gets a few seconds.
    """
    child.join(GRACE_S)
    if child.is_alive():
        _interrupt(child)
        child.join(GRACE_S)
    assert child.pid is not None  # it was started
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.join()
    leftovers.sweep(server.started)


def _interrupt(child: BaseProcess) -> None:
    """What Ctrl-C does: the child unwinds and removes what it had half written."""
    assert child.pid is not None  # it was started
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGINT)


def limit(doing: str = "", seconds: float = 0.0) -> None:
    """In a child: it is killed when this takes longer; without words what was allowed before is.

    For what may hang where not even Python's own signal handlers run.
    """
    if _command is not None:
        _tell(_command, "limit", (seconds, doing) if doing else None)


def _tell(command: Connection, kind: str, payload: Any) -> None:
    """Send something to the command and wait until it took it in."""
    command.send((kind, payload))
    command.recv()


def _enter(
    command: Connection,
    log: Path,
    task: Callable[..., None],
    arguments: tuple[Any, ...],
    spawned: float,
    ignored: list[signal.Signals],
) -> None:
    """First thing in the child: a process group and a log of its own, then the task."""
    global start_s, _command
    start_s, _command = time.monotonic() - spawned, command

    def emit(event: Any) -> None:
        _tell(command, "event", event)

    try:
        os.setpgid(0, 0)
        _end_with_parent()
        for number in ENDED_BY:  # which the server ignores
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
        server.redirect(log)
        task(emit, *arguments)
        command.send(("done", None))
    except BaseException as problem:
        traceback.print_exc()
        command.send(("failed", sentence(problem)))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        command.close()
        os._exit(0)  # an engine's own exit handlers can hang; everything worth keeping was sent


def _end_with_parent() -> None:
    """Have the kernel kill this process group when the command ends, whatever it is doing then.

    The command alone holds the other end of this pipe; when it closes, the kernel sends the signal
    that fcntl(2) names to the whole group. A thread could not: code in C may never let it run.
    """
    parent = multiprocessing.parent_process()
    if parent is None or not sys.platform.startswith("linux"):
        return
    import fcntl

    pipe = parent.sentinel
    fcntl.fcntl(pipe, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(pipe, F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([pipe], [], [], 0)[0]:  # it has ended already
        os.killpg(0, signal.SIGKILL)


def sentence(problem: BaseException) -> str:
    """An exception in one line: its type and the first line of what it says.

    pydantic's first line only counts errors; what is wrong follows by name.
    """
    name = type(problem).__name__
    if isinstance(problem, ValidationError):
        return server.cut(f"{name}: {problem.title}.{first_fault(problem)}")
    said = first_line(problem)
    return server.cut(said if isinstance(problem, UserError) else f"{name}: {said}")
