"""Work on what strangers wrote, in a process that may take only so long and so much memory.

The kernel ends it at the bound, and when this process ends, whatever it is doing: a loop, or one
sum of a billion digits.
"""

import multiprocessing
import os
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from core.errors import UserError, first_line
from guarding.parent_death import signal_when_parent_ends

STATM = Path("/proc/self/statm")


def within(
    seconds: int, extra_bytes: int, what: str, task: Callable[..., Any], *arguments: Any
) -> Any:
    """`task(*arguments)`, computed by a fork of this process.

    It may take `seconds` of processor time (and twice that on the clock) and `extra_bytes` of
    address space beyond what this process has. Raises `UserError`, which says that `what` did not
    keep to that, or why the task failed.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    bounds = (seconds, extra_bytes)
    child = context.Process(target=_enter, args=(os.getpid(), sender, *bounds, task, arguments))
    with warnings.catch_warnings():  # of forking with threads: none of them runs in the fork
        warnings.simplefilter("ignore", DeprecationWarning)
        child.start()
    sender.close()
    try:
        kind, answer = receiver.recv() if receiver.poll(2 * seconds) else ("late", None)
    except EOFError:
        child.join()
        code = -(child.exitcode or 0)
        kind, answer = "late", None
        if code != signal.SIGXCPU:
            kind, answer = "failed", f"it ended the process ({_signal(code)})"
    finally:
        child.kill()
        child.join()
    if kind == "done":
        return answer
    if kind == "memory":
        raise UserError(_too_much(what, extra_bytes))
    if kind == "late":
        raise UserError(f"{what} did not end within {seconds} s: it is not used")
    raise UserError(f"{what}: {answer}")


@contextmanager
def memory(extra_bytes: int, what: str) -> Iterator[None]:
    """Let this process have only so many bytes of address space more while the block runs.

    Raises `UserError` that says `what` wants more.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    _limit_memory(extra_bytes, before[1])
    try:
        yield
    except MemoryError as problem:
        raise UserError(_too_much(what, extra_bytes)) from problem
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _limit_memory(extra_bytes: int, hard: int) -> None:
    if not STATM.exists():  # macOS, which holds no process to a limit of address space
        return
    pages = int(STATM.read_text().split()[0])
    most = pages * resource.getpagesize() + extra_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _too_much(what: str, extra_bytes: int) -> str:
    return f"{what} wants more than {extra_bytes >> 20} MiB: it is not used"


def _signal(code: int) -> str:
    return signal.Signals(code).name if code > 0 else f"exit code {-code}"


def _end_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends: it holds what that one has locked."""
    signal_when_parent_ends(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _enter(
    parent: int,
    sender: Connection,
    seconds: int,
    extra_bytes: int,
    task: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    _end_with(parent)
    _limit_memory(extra_bytes, resource.getrlimit(resource.RLIMIT_AS)[1])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))  # SIGXCPU, then SIGKILL
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sender.send(("done", task(*arguments)))
    except MemoryError:
        sender.send(("memory", None))
    except UserError as problem:
        sender.send(("failed", str(problem)))
    except Exception as problem:
        sender.send(("failed", f"{type(problem).__name__}: {first_line(problem)}"))
    finally:
        os._exit(0)
