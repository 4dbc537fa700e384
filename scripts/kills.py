"""Kills a real pipeline at random moments and counts what is lost and what is left behind.

    python scripts/kills.py --repetitions 20

The pipeline compresses the built-in model with one scheme, loads and measures both. One run is
left to its end, which tells how long it takes; every other one is killed (SIGKILL) at a moment
drawn from that. Then it is counted: measures that had ended at least 0.1 s before, as the log of
their process says, without a record; processes alive after five seconds; records that cannot be
read; what is left in the folder for temporary files and in shared memory. All must be nothing.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil
import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PIPELINE = (
    "--model_id", "demo", "--schemes", "BASE,FP8-W8A8", "--enforce_eager", "--max_model_len", "512",
    "--num_prompts", "2", "--max_new_tokens", "16", "--repeats", "2", "--batch_sizes", "4",
    "--rounds", "2", "--tasks", "demo_piqa", "--limit", "20", "--text", "none",
)  # fmt: skip
GRACE_S = 5.0
SAVED_WITHIN_S = 0.1
SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True, kw_only=True)
class Killed:
    """What was found after a kill `at_s` seconds after the start; all but the first two are bad."""

    at_s: float
    ended: int
    lost: int
    alive: tuple[str, ...]
    unreadable: int
    left: tuple[str, ...]


def kill(folder: Path, at_s: float | None) -> Killed:
    """Run the pipeline in a folder and kill it after so many seconds (None: let it end)."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    shared = set(SHARED_MEMORY.iterdir())
    environment = {**os.environ, "TMPDIR": str(temporary)}
    line = [sys.executable, str(ROOT / "pipeline.py"), *PIPELINE]
    started = time.time()
    with subprocess.Popen(
        line, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        numbers = _numbers_until(running, None if at_s is None else started + at_s)
        ended_itself = running.poll() is not None
        if at_s is None and running.returncode:
            raise SystemExit(f"the pipeline ended with exit code {running.returncode}")
        family = [] if ended_itself else psutil.Process(running.pid).children(recursive=True)
        running.send_signal(signal.SIGKILL)
        killed = time.time()
    left_running = psutil.wait_procs(family, timeout=GRACE_S)[1]
    alive = tuple(_told(process) for process in left_running if _works(process))
    time.sleep(GRACE_S if ended_itself else 0)
    ended, lost, unreadable = _records(folder, killed)
    new = sorted(set(SHARED_MEMORY.iterdir()) - shared)
    left = (*temporary.iterdir(), *(entry for entry in new if not _of_others(entry.name, numbers)))
    return Killed(
        at_s=killed - started,
        ended=ended,
        lost=lost,
        alive=alive,
        unreadable=unreadable,
        left=tuple(path.name for path in left),
    )


def _works(process: psutil.Process) -> bool:
    """Whether a process is one still: of one that has ended, init may not have taken notice yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _told(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {process.status()} {' '.join(process.cmdline())[-60:]}"
    except psutil.NoSuchProcess:
        return str(process.pid)


def _numbers_until(running: subprocess.Popen[bytes], moment: float | None) -> set[int]:
    """The numbers of all processes of a family, until it has ended or a moment (Unix time)."""
    numbers = {running.pid}
    while running.poll() is None and (moment is None or time.time() < moment):
        with contextlib.suppress(psutil.NoSuchProcess):
            numbers |= {p.pid for p in psutil.Process(running.pid).children(recursive=True)}
        time.sleep(0.2)
    return numbers


def _of_others(name: str, numbers: set[int]) -> bool:
    """Whether shared memory was made by a process that is none of `numbers`."""
    from running.leftovers import MADE_BY

    made_by = MADE_BY.match(name)
    return made_by is not None and int(made_by[1]) not in numbers


def _records(folder: Path, killed: float) -> tuple[int, int, int]:
    """Measures that had ended, those of them without a record, records that cannot be read."""
    from core import records
    from core.errors import UserError
    from running.session import ENDED

    ended: Counter[tuple[str, str]] = Counter()
    for log in folder.glob("build/logs/demo-*.log"):
        scheme = re.fullmatch(r"demo-(.+)-\d{8}T\d{6}Z-\w{6}", log.stem)
        for line in log.read_text(errors="replace").splitlines():
            if scheme and line.startswith(ENDED):
                _, measure, at = line.split()
                ended[scheme[1], measure] += float(at) < killed - SAVED_WITHIN_S
    saved: Counter[tuple[str, str]] = Counter()
    unreadable = 0
    for path in folder.glob(f"*_results/*/{records.NAMES}"):
        try:
            record = records.load(path)
            saved[record.subject.scheme, record.measure] += 1
        except UserError:
            unreadable += 1
    return sum(ended.values()), sum((ended - saved).values()), unreadable


def main(
    repetitions: Annotated[int, typer.Option("--repetitions", help="how often")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="of the moments")] = 0,
) -> None:
    """Kill a pipeline again and again, and print what each kill lost and left."""
    with tempfile.TemporaryDirectory(prefix="k") as top:
        whole = kill(Path(top) / "whole", None)
        print(f"left to its end: {whole.at_s:.0f} s, {whole}", flush=True)
        draw = random.Random(seed)
        results = []
        for number in range(repetitions):
            results.append(kill(Path(top) / str(number), draw.uniform(1, whole.at_s)))
            print(f"{number + 1}: {results[-1]}", flush=True)
    everything = (whole, *results)
    bad = [sum(_count(getattr(r, name)) for r in everything) for name in BAD]
    print(f"{repetitions} kills, {sum(r.ended for r in results)} measures had ended")
    print(", ".join(f"{name} {count}" for name, count in zip(BAD, bad, strict=True)))
    raise typer.Exit(any(bad))


def _count(found: int | tuple[str, ...]) -> int:
    return found if isinstance(found, int) else len(found)


BAD = ("lost", "alive", "unreadable", "left")

if __name__ == "__main__":
    typer.run(main)
