"""Kills a pipeline at random moments, gives the same command again, and counts what is wrong then.

    python scripts/crash_test.py --kills 100
    python scripts/crash_test.py --kills 0 --real 20

SIGKILL goes to the command, to the process of a job, to the server that those are forked from and
to all of them at once, in turn, at a moment drawn (`--seed`) from the time that a whole run takes;
up to three times in one folder before the command may end. Each time, what ended without a record
and what is left of processes, temporary files and shared memory is counted. In the end every job
must have exactly one whole record in each round, those that were there as they were, nothing may be
half made, and checkpoints must be those of a run that nothing disturbed, byte by byte. The fake
engine runs on casts of the built-in model; `--real` compresses it with llmcompressor and serves it.
"""

import contextlib
import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import psutil
import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FAKE = (
    "--model_id", "demo", "--schemes", "BASE,BF16,FP16", "--engine", "fake", "--rounds", "2",
    "--num_prompts", "2", "--prompt_tokens", "8", "--max_new_tokens", "8", "--repeats", "2",
    "--tasks", "none", "--text", "demo", "--perplexity_tokens", "512",
    "--divergence_tokens", "512",
)  # fmt: skip
PIPELINE = (
    "--model_id", "demo", "--schemes", "BASE,FP8-W8A8", "--enforce_eager", "--max_model_len", "512",
    "--num_prompts", "2", "--max_new_tokens", "16", "--repeats", "2", "--batch_sizes", "4",
    "--rounds", "2", "--tasks", "demo_piqa", "--limit", "20", "--text", "none",
)  # fmt: skip
TARGETS = ("command", "job", "server", "everything")
MOST_KILLS = 3  # in one folder
GRACE_S = 5.0
SAVED_WITHIN_S = 0.1
SHARED_MEMORY = Path("/dev/shm")
BESIDE = ("compression.json",)  # in a checkpoint, but it tells times


@dataclass
class Faults:
    """What was found wrong, each by its name; all must be nothing."""

    lost: int = 0  # measures that had ended without a record
    alive: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    missing: int = 0  # jobs without a whole record
    redone: int = 0  # whole records of a job that has one already
    changed: int = 0  # records that are not any more what they were
    unreadable: int = 0
    partial: list[str] = field(default_factory=list)
    other_bytes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)  # commands that did not end with 0

    def add(self, other: "Faults") -> None:
        """Take in what was found elsewhere."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def any(self) -> bool:
        """Whether there is one."""
        return any(vars(self).values())


class Case:
    """A folder in which the same command is given until it may end."""

    def __init__(self, folder: Path, words: tuple[str, ...]) -> None:
        self.folder, self.temporary = folder, folder / "tmp"
        self.line = [sys.executable, str(ROOT / "pipeline.py"), *words]
        self.temporary.mkdir(parents=True)
        self.kills = 0

    def start(self) -> subprocess.Popen[bytes]:
        """Give the command."""
        log = (self.folder / "stderr.log").open("ab")
        environment = {**os.environ, "TMPDIR": str(self.temporary)}
        return subprocess.Popen(
            self.line, cwd=self.folder, env=environment, stdout=subprocess.DEVNULL, stderr=log
        )

    def kill(self, target: str, after_s: float) -> tuple[bool, Faults]:
        """Give the command and kill; whether it was alive still, and what is wrong then."""
        before, kept, faults = self._leaving(), self.records(), Faults()
        with self.start() as running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(after_s)
            numbers = _family(running.pid)
            victims = _victims(running, target)
            at = time.time()
            for process in victims:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            if victims and target in ("job", "server"):
                running.wait()
        if victims:
            self.kills += 1
        faults.alive = self.alive()
        if victims and target == "command":
            faults.left = self._left(before, numbers)
        if victims and self.kills == 1 and target in ("command", "everything"):
            faults.lost = self._lost(at)
        faults.changed = len(set(kept.items()) - set(self.records().items()))
        return bool(victims), faults

    def alive(self) -> list[str]:
        """Processes of the command that have not ended when it has, and some seconds passed."""
        deadline = time.monotonic() + GRACE_S
        while (there := list(_of(self.temporary))) and time.monotonic() < deadline:
            time.sleep(0.1)
        return there

    def _leaving(self) -> set[Path]:
        """Shared memory and temporary files; where all was killed, nobody removes them."""
        return {*SHARED_MEMORY.iterdir(), *self.temporary.iterdir()}

    def _left(self, before: set[Path], numbers: set[int]) -> list[str]:
        """Temporary files, and shared memory of the command's processes, that were not there."""
        from running.leftovers import MADE_BY

        made = [(path, MADE_BY.match(path.name)) for path in self._leaving() - before]
        others = [path for path, by in made if by and int(by[1]) not in numbers]
        ours = (path for path, by in made if by or path.parent == self.temporary)
        return [path.name for path in ours if path not in others]

    def _lost(self, killed: float) -> int:
        """Measures that a log says had ended, but of which there is no record."""
        from core import records
        from running.session import ENDED

        ended: Counter[tuple[str, str]] = Counter()
        for log in self.folder.glob("build/logs/demo-*.log"):
            scheme = re.fullmatch(r"demo-(.+)-\d{8}T\d{6}Z-\w{6}", log.stem)
            for line in log.read_text(errors="replace").splitlines():
                if scheme and line.startswith(ENDED):
                    _, measure, at = line.split()
                    ended[scheme[1], measure] += float(at) < killed - SAVED_WITHIN_S
        saved = [records.load(path) for path in self.folder.glob(f"*_results/*/{records.NAMES}")]
        return (ended - Counter((r.subject.scheme, r.measure) for r in saved)).total()

    def records(self) -> dict[str, str]:
        """Digests of all records."""
        files = self.folder.glob("*_results/*/*.json")
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    def weights(self) -> dict[str, str]:
        """Digests of all that checkpoints consist of."""
        files = [path for path in self.folder.glob("demo-*/**/*") if path.is_file()]
        return {
            str(file.relative_to(self.folder)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
            if file.name not in BESIDE
        }

    def jobs(self) -> tuple[Counter[str], int, int]:
        """Whole records of each job and round, how many files are none, and how many failed.

        Of one that something else on the machine spoiled, the second is the first.
        """
        from comparing.contention import contended
        from core import records
        from core.errors import UserError

        there: Counter[str] = Counter()
        unreadable = failed = 0
        for path in sorted(self.folder.glob(f"*_results/*/{records.NAMES}")):
            try:
                record = records.load(path)
            except UserError:
                unreadable += 1
                continue
            failed += record.status == "failed"
            key = f"{record.subject.scheme} {record.engine} {record.round} {record.measure} "
            key += str(record.settings)
            whole = record.status != "failed"
            there[key] += whole and not (there[key] == 0 and contended(record.contention))
        return there, unreadable, failed

    def end(self, whole: "Case | None") -> Faults:
        """Let the command end; what is wrong, compared with the `whole` run."""
        kept, faults = self.records(), Faults()
        with self.start() as running:
            running.wait()
        if running.returncode:
            faults.failed = [f"{self.folder.name}: exit code {running.returncode}"]
        there, faults.unreadable, _ = self.jobs()
        wanted = set(whole.jobs()[0]) if whole else set(there)
        faults.missing = len(wanted - set(+there))
        faults.redone = sum(n - 1 for n in there.values() if n > 1) + len(set(there) - wanted)
        faults.changed = len(set(kept.items()) - set(self.records().items()))
        faults.partial = [str(path) for path in self.folder.rglob("*.partial*")]
        faults.partial += [str(path) for path in self.folder.glob("*_results/*/*.tmp")]
        faults.alive = self.alive()
        if whole and self.weights() != whole.weights():
            differing = set(self.weights().items()) ^ set(whole.weights().items())
            faults.other_bytes = sorted({name for name, _ in differing})
        return faults


def _of(temporary: Path) -> list[str]:
    """Processes that have a folder for temporary files."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mine = process.environ().get("TMPDIR", "").startswith(str(temporary))
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())[-60:]}")
    return found


def _family(number: int) -> set[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return {number, *(p.pid for p in psutil.Process(number).children(recursive=True))}
    return {number}


def _victims(running: subprocess.Popen[bytes], target: str) -> list[psutil.Process]:
    """The processes to kill, once there are any; none where the command ends before."""
    while running.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            command = psutil.Process(running.pid)
            servers = [p for p in command.children() if "forkserver" in " ".join(p.cmdline())]
            found = {
                "command": [command],
                "server": servers,
                "job": [job for server in servers for job in server.children()],
                "everything": [command, *command.children(recursive=True)],
            }[target]
            if found:
                return found
        time.sleep(0.005)
    return []


def crash(words: tuple[str, ...], kills: int, draw: random.Random, top: Path) -> bool:
    """Kill so often; print each kill and the sum. Whether something was wrong."""
    whole = Case(top / "whole", words)
    started = time.monotonic()
    total = whole.end(None)
    took = time.monotonic() - started
    print(f"left to its end: {took:.0f} s, {len(whole.jobs()[0])} jobs and rounds", flush=True)
    done, folders, tried_again = 0, 0, 0
    counts: Counter[str] = Counter()
    while done < kills:
        folders += 1
        case = Case(top / str(folders), words)
        while done < kills and case.kills < MOST_KILLS:
            target, after = TARGETS[done % len(TARGETS)], draw.uniform(0.3, took)
            began = time.monotonic()
            hit, faults = case.kill(target, after)
            total.add(faults)
            if not hit:  # it had ended
                took = took if case.kills else min(took, time.monotonic() - began)
                break
            done += 1
            counts[target] += 1
            seen = {name: value for name, value in vars(faults).items() if value}
            print(f"{done}: {target} after {after:.1f} s in {folders}: {seen or 'ok'}", flush=True)
        faults = case.end(whole)
        tried_again += case.jobs()[2]
        total.add(faults)
        print(f"   {folders} ended: {vars(faults) if faults.any() else 'ok'}", flush=True)
    said = ", ".join(f"{counts[target]} of {target}" for target in TARGETS)
    print(f"{done} kills ({said}) in {folders} folders; {tried_again} failed records tried again")
    wrong = ", ".join(f"{name} {_count(value)}" for name, value in vars(total).items())
    print(wrong, flush=True)
    return total.any()


def _count(found: int | list[str]) -> int:
    return found if isinstance(found, int) else len(found)


def main(
    kills: Annotated[int, typer.Option("--kills", help="of a pipeline of the fake engine")] = 100,
    real: Annotated[int, typer.Option("--real", help="of one that compresses and serves")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="of the moments")] = 0,
) -> None:
    """Kill pipelines again and again, and count what is wrong when they have ended."""
    bad = False
    for words, wanted in ((FAKE, kills), (PIPELINE, real)):
        with tempfile.TemporaryDirectory(prefix="c") as top:
            if wanted:
                bad |= crash(words, wanted, random.Random(seed), Path(top))
    raise typer.Exit(bad)


if __name__ == "__main__":
    typer.run(main)
