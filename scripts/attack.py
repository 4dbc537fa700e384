"""Attacks this project as a hostile folder, hub, record or kill would, and counts what held.

    python scripts/attack.py                      # every case, some minutes
    python scripts/attack.py --fuzz 10000

A row of the table it prints is one kind of attack: how many cases, how many held. The cases are
the tests named in `ATTACKS`; `--fuzz` is the number of mutated checkpoints and record sets. Ends
with exit code 1 when one did not hold. `scripts/crash_test.py` kills a pipeline.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parent.parent

ATTACKS = {
    "checkpoints that lie, link out or never end": (
        "tests/inspection/test_hostile.py", "tests/checkpoints/test_entries.py",
    ),
    "mutated checkpoints": ("tests/inspection/test_fuzz.py",),
    "names and texts in records, manifests and answers": (
        "tests/core/test_names.py", "tests/core/test_cli.py", "tests/checkpoints/test_names.py",
        "tests/reporting/test_hostile_text.py",
    ),
    "mutated records": ("tests/reporting/test_record_fuzz.py",),
    "chat templates and a model's own code": ("tests/guarding",),
    "an evil hub": ("tests/hub",),
    "modules in the current folder, bytes that are no text": (
        "tests/commands/test_hostile_folder.py",
    ),
    "tasks and metrics that end the program": ("tests/commands/test_task_code.py",),
    "signals, kills, lost terminals, orphans": (
        "tests/commands/test_ending.py", "tests/running/test_orphans.py",
        "tests/running/test_child.py",
    ),
    "lost folders, exchanged checkpoints, records that cannot be saved": (
        "tests/running/test_run.py", "tests/running/test_session.py",
    ),
    "two processes at once, cut off replacements, full disks": (
        "tests/compressing/test_staging.py", "tests/checkpoints/test_loading.py",
    ),
}  # fmt: skip


def attack(tests: tuple[str, ...], fuzz: int) -> tuple[int, int, list[str]]:
    """Cases, how many held, and the names of those that did not."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        environment = {**os.environ, "FUZZ_EXAMPLES": str(fuzz)}
        done = subprocess.run(
            [*line, f"--junitxml={report}"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        if not report.exists():
            raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
        cases = [c for c in ElementTree.parse(report).iter("testcase") if c.find("skipped") is None]
    broken = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
    return len(cases), len(cases) - len(broken), [str(c.get("name")) for c in broken]


def main(
    fuzz: Annotated[int, typer.Option("--fuzz", help="mutated checkpoints, record sets")] = 250,
) -> None:
    """Run every attack and print how many of its cases held."""
    print("| attack | cases | held |\n|---|--:|--:|", flush=True)
    failed: list[str] = []
    for title, tests in ATTACKS.items():
        cases, held, broken = attack(tests, fuzz)
        fuzzed = f" ({fuzz:,} mutations each)" if "mutated" in title else ""
        print(f"| {title}{fuzzed} | {cases} | {held} |", flush=True)
        failed += broken
    for name in failed:
        print(f"did not hold: {name}")
    raise typer.Exit(bool(failed))


if __name__ == "__main__":
    typer.run(main)
