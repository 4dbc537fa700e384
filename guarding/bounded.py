"""Work on what strangers wrote, in a process that may take only so long and so much memory.

The kernel ends it at the bound, whatever it is doing: a loop, or one sum of a billion digits.
"""

import multiprocessing
import os
import resource
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from core.errors import UserError


class OutOfBounds(UserError):
    """The work took longer, or more memory, than it may."""


def within(
    seconds: int, extra_bytes: int, what: str, task: Callable[..., Any], *arguments: Any
) -> Any:
    """`task(*arguments)`, computed by a fork of this process.

    It may take `seconds` of processor time (and twice that on the clock) and `extra_bytes` of
    address space beyond what this process has. Raises `OutOfBounds`, which says `what` did not keep
    to that, and `UserError` with the reason when the task raises.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_enter, args=(sender, seconds, extra_bytes, task, arguments))
    with warnings.catch_warnings():  # of forking beside threads: none of them runs in the fork
        warnings.simplefilter("ignore", DeprecationWarning)
        child.start()
    sender.close()
    try:
        kind, answer = receiver.recv() if receiver.poll(2 * seconds) else ("late", None)
    except EOFError:
        kind, answer = "late", None
    finally:
        child.kill()
        child.join()
    if kind == "done":
        return answer
    if kind == "memory":
        raise OutOfBounds(f"{what} wants more than {extra_bytes >> 20} MiB: it is not used")
    if kind == "late":
        raise OutOfBounds(f"{what} did not end within {seconds} s: it is not used")
    raise UserError(f"{what}: {answer}")


def _enter(
    sender: Connection,
    seconds: int,
    extra_bytes: int,
    task: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + extra_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sender.send(("done", task(*arguments)))
    except MemoryError:
        sender.send(("memory", None))
    except UserError as problem:
        sender.send(("failed", str(problem)))
    except Exception as problem:
        first_line = (str(problem).splitlines() or ["no message"])[0]
        sender.send(("failed", f"{type(problem).__name__}: {first_line}"))
    finally:
        os._exit(0)
