"""The server that clean children are forked from: it has imported the heavy libraries already.

It never computes, hence holds no threads and no CUDA context when it forks, and nothing is imported
from the current folder, neither by it nor by its children.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import forkserver, util
from pathlib import Path

from core import cli, plugins
from core.cli import ENDED_BY
from core.errors import UserError
from core.plugins import ROOT
from core.words import join
from running import preload

LONGEST_SOCKET = 107  # characters of a Unix socket's address (unix(7)), of which names take:
SOCKET_NAME = len("/pymp-12345678/listener-12345678")
LONGEST_LINE = 500  # as quoted
TAIL_BYTES = 65_536  # of a log, which may have gigabytes

# The fork server must not touch CUDA, which importing llmcompressor and Triton would do without the
# second; with the first a GPU has the same number here, in NVML and in the engine.
FORKED = {
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    "LLM_COMPRESSOR_LOG_LEVEL": "ERROR",
}
# Code that torch has compiled, which it runs again: a folder of the user's, like vLLM's own. Else
# torch makes one in the folder for temporary files when it is imported.
INDUCTOR = "TORCHINDUCTOR_CACHE_DIR"

CHILDS_CODE = "running.session"  # of ours, which every child would import anew

log_file = Path()  # where the server and children without a log of their own print
started = 0.0  # Unix time


def prepare(
    engines: tuple[str, ...],
    measures: list[str],
    logs: Path,
    libraries: tuple[str, ...] = (),
    tell: cli.Tell = lambda step, done, total: None,
) -> None:
    """Start the server for engines, measures and other `libraries`, once per process.

    Where two engines want a variable otherwise, the first one's value is taken.
    """
    chosen = [plugins.load("engines", engine) for engine in engines]
    environment = {k: v for each in reversed(chosen) for k, v in each.environment().items()}
    modules = [m for name in measures for m in plugins.load("measures", name).modules]
    own = [module for each in chosen for module in each.modules]
    wanted = tuple(dict.fromkeys((*own, *modules, *libraries)))
    if not started and wanted:
        tell(f"importing {join(_packages(wanted))}", 0, 0)
    start(
        (CHILDS_CODE, *wanted),
        {
            **FORKED,
            INDUCTOR: os.environ.get(INDUCTOR, str(_user_cache() / "torchinductor")),
            **environment,
        },
        logs / "fork_server.log",
    )


def _user_cache() -> Path:
    """The user's own folder for what programs may make anew (XDG base directories)."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    return home / "llm-quantization-benchmark"


def _packages(modules: tuple[str, ...]) -> list[str]:
    """The libraries that modules are of, ours left out."""
    packages = dict.fromkeys(module.partition(".")[0] for module in modules)
    return [name for name in packages if not (ROOT / name).is_dir()]


def start(modules: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
    """Start the fork server with these modules imported and this environment, once per process.

    What the libraries print while they are imported goes to `log`. Raises `UserError` when it does
    not start, with its reason.
    """
    global log_file, started
    _check_socket()
    if started == 0.0:
        log_file, started = log, time.time()
    changed = {
        **environment,
        preload.VARIABLE: ",".join(modules),
        preload.TEMPORARY: util.get_temp_dir(),
        "TMPDIR": util.get_temp_dir(),  # what children leave there goes with it
        preload.COMMAND: str(os.getpid()),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *_python_path()]),
        "PYTHONSAFEPATH": "1",  # nothing is imported from the current folder
        # children end by os._exit, so the tracker finds their semaphores and says so
        "PYTHONWARNINGS": "ignore:resource_tracker:UserWarning",
    }
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["running.preload"])
    with _environment(changed):
        try:
            # The command cleans up on these, with its children; server and tracker wait for its
            # end, and print to the log.
            with _ignoring(*ENDED_BY), output_to(log):
                forkserver.ensure_running()
            first = context.Process(target=_nothing)  # waits until everything is imported
            first.start()
            first.join()
        except (EOFError, OSError) as problem:
            raise UserError(ended()) from problem


def _check_socket() -> None:
    """Raise `UserError` where the fork server's socket would have too long a name."""
    folder = tempfile.gettempdir()
    most = LONGEST_SOCKET - SOCKET_NAME
    if len(os.fsencode(folder)) > most:
        raise UserError(
            f"the temporary folder's name is too long ({len(os.fsencode(folder))} characters, at "
            f"most {most} leave room for a socket): set TMPDIR to a shorter one"
        )


def _python_path() -> list[str]:
    """The user's PYTHONPATH without empty entries, which stand for the current folder."""
    return [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]


def ended() -> str:
    """Why no child can be started: what the server printed last."""
    said = last_line(log_file) or "it printed nothing"
    return f"the server of child processes ended: {said} (log: {log_file})"


def last_line(log: Path, before: int = 0) -> str:
    """The last line of a log that says something after so many bytes, or nothing."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(before, size(log) - TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
        return cut(next((line.strip() for line in reversed(lines) if line.strip()), ""))
    return ""


def cut(line: str) -> str:
    """A line as it is quoted: some exceptions quote whole files."""
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}..."


def size(path: Path) -> int:
    """Bytes of a file, none where it is not there."""
    return path.stat().st_size if path.exists() else 0


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
def _ignoring(*numbers: signal.Signals) -> Iterator[None]:
    """Processes started in the block ignore these signals."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def output_to(log: Path) -> Iterator[None]:
    """Standard output and error, also of processes that are started meanwhile, go to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    originals = [os.dup(1), os.dup(2)]
    redirect(log)
    try:
        yield
    finally:
        for number, descriptor in enumerate(originals, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)


def redirect(log: Path) -> None:
    """Standard output and error of this process go to a file from here on."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"cannot write logs to {log.parent}: {problem.strerror}") from problem
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
