"""Code of task files that ends the process is a failure of theirs, wherever it runs."""

from pathlib import Path

import pytest

from core import records
from tests.commands.test_score import write_own_tasks

ASKED = ("--engine", "fake", "--text", "none", "--tasks", "own", "--include_path", "own")
LEAVE = "import sys\n\ndef leave(*documents):\n    sys.exit(3)\n"


@pytest.mark.real
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("process_docs: !function code.leave", "import sys\n\nsys.exit(3)\n"),
        ("process_docs: !function code.leave", LEAVE),
    ],
    ids=["imported", "called"],
)
def test_code_that_ends_the_plan_is_refused(command, world: Path, line: str, code: str) -> None:
    write_own_tasks(world / "own", {"own": line})
    (world / "own" / "code.py").write_text(code)
    done = command("score.py", "--model", "tiny", *ASKED)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "own: the task cannot be built (SystemExit: 3)" in " ".join(done.stderr.split())


@pytest.mark.real
def test_code_that_ends_the_session_fails_its_measure(command, world: Path) -> None:
    write_own_tasks(world / "own", {"own": "process_results: !function code.leave"})
    (world / "own" / "code.py").write_text(LEAVE)
    asked = [word if word != "none" else "text.txt" for word in ASKED]
    done = command("score.py", "--model", "tiny", *asked, "--window", 64)
    assert done.returncode == 1, done.stdout + done.stderr
    found = {r.measure: r.reason for r in records.load_all(world / "eval_results")}
    assert found["harness"] == "SystemExit: 3" and found["perplexity"] is None
