"""A copy of what report.py needs, for tests that drop a file into it."""

import shutil
import subprocess
import sys
from pathlib import Path

from core.plugins import ROOT

ROOMS = (
    "core", "comparing", "checkpoints", "engines", "quality", "measures", "schemes", "studies",
    "corpora", "reporting",
)  # fmt: skip


def copy(folder: Path) -> Path:
    """The copy's folder, next to which commands run."""
    house = folder / "house"
    for room in ROOMS:
        shutil.copytree(ROOT / room, house / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "report.py", house)
    return house


def run(house: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`report.py` of the copy, or with `-c` Python that finds its modules."""
    program = [] if arguments[:1] == ("-c",) else [str(house / "report.py")]
    line = [sys.executable, *program, *arguments]
    return subprocess.run(
        line, cwd=house.parent, capture_output=True, text=True, env={"PYTHONPATH": str(house)}
    )
