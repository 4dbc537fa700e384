"""Clean child processes that are quick to start.

Every checkpoint is loaded in a process of its own: a crash, an out-of-memory kill or a hang ends
that process alone and becomes a failure with its reason. The processes are forked from a server
that has imported the heavy libraries, so that they start in milliseconds. The server itself never
computes, hence holds no threads and no CUDA context when it forks.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.plugins import ROOT
from running import preload

Emit = Callable[[Any], None]
GRACE_S = 3.0

start_s = 0.0  # in a child: seconds from being asked for to running


def start_server(modules: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
    """Start the fork server with these modules imported and this environment, once per process.

    What the libraries print while they are imported goes to `log`.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    changed = {
        **environment,
        preload.VARIABLE: ",".join(modules),
        "PYTHONPATH": path,
        # children end by os._exit, so the tracker finds their semaphores and says so
        "PYTHONWARNINGS": "ignore:resource_tracker:UserWarning",
    }
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["running.preload"])
    with _environment(changed), _output_to(log):
        forkserver.ensure_running()
        first = context.Process(target=_nothing)  # waits until everything is imported
        first.start()
        first.join()


def _nothing() -> None:
    """The first child, which only shows that the server forks."""


@contextlib.contextmanager
def _environment(changed: dict[str, str]) -> Iterator[None]:
    """Environment variables for the processes started in the block, not for this one after it."""
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _output_to(log: Path) -> Iterator[None]:
    """Standard output and error of the processes started in the block go to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    originals = [os.dup(1), os.dup(2)]
    _redirect(log)
    try:
        yield
    finally:
        for number, descriptor in enumerate(originals, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)


def run(
    task: Callable[..., None],
    arguments: tuple[Any, ...],
    log: Path,
    timeout_s: float,
    on_event: Emit,
) -> str | None:
    """Run `task(emit, *arguments)` in a child; whatever it emits reaches `on_event` at once.

    Returns None when the task finished, else one sentence why it did not.
    All it prints goes to `log`. It is killed, with every process it started, after `timeout_s`
    seconds without an event, and when this process is interrupted.
    """
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    spawned = time.monotonic()
    child = context.Process(target=_enter, args=(sender, log, task, arguments, spawned))
    child.start()
    sender.close()
    try:
        reason = _listen(child, receiver, timeout_s, on_event)
    except BaseException:
        _interrupt(child)
        raise
    finally:
        _end(child)
    return reason


def _listen(
    child: BaseProcess, receiver: Connection, timeout_s: float, on_event: Emit
) -> str | None:
    deadline = time.monotonic() + timeout_s
    while True:
        if receiver.poll(max(0.0, deadline - time.monotonic())):
            try:
                kind, payload = receiver.recv()
            except EOFError:
                return _died(child)
            if kind == "done":
                return None
            if kind == "failed":
                return str(payload)
            on_event(payload)
            deadline = time.monotonic() + timeout_s
        else:
            return f"no progress for {timeout_s:.0f} s: killed"


def _died(child: BaseProcess) -> str:
    child.join(10)
    code = child.exitcode
    reason = f"the process ended with exit code {code}"
    if code is not None and code < 0:
        reason = f"the process was killed by {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            reason += " (most likely the system ran out of memory)"
    return reason


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


def _interrupt(child: BaseProcess) -> None:
    """What Ctrl-C does: the child unwinds and removes what it had half written."""
    assert child.pid is not None  # it was started
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGINT)


def _enter(
    sender: Connection,
    log: Path,
    task: Callable[..., None],
    arguments: tuple[Any, ...],
    spawned: float,
) -> None:
    """First thing in the child: a process group and a log of its own, then the task."""
    global start_s
    start_s = time.monotonic() - spawned
    os.setpgid(0, 0)
    _redirect(log)

    def emit(event: Any) -> None:
        sender.send(("event", event))

    try:
        task(emit, *arguments)
        sender.send(("done", None))
    except BaseException as problem:
        traceback.print_exc()
        sender.send(("failed", sentence(problem)))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sender.close()
        os._exit(0)  # an engine's own exit handlers can hang; everything worth keeping was sent


def _redirect(log: Path) -> None:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"cannot write logs to {log.parent}: {problem.strerror}") from problem
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def sentence(problem: BaseException) -> str:
    """An exception in one line: its type and the first line of what it says."""
    lines = str(problem).strip().splitlines() or ["no message"]
    return lines[0] if isinstance(problem, UserError) else f"{type(problem).__name__}: {lines[0]}"
