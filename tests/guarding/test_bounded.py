"""A bounded task answers, says why it cannot, or is ended by the kernel."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.plugins import ROOT
from guarding import bounded
from guarding.bounded import within


def loops() -> None:
    while True:
        pass


def sleeps() -> None:
    time.sleep(60)


def one_huge_number() -> int:
    return len(str(9**9**9))  # one call in C


def one_huge_text() -> int:
    return len("a" * (4 << 30))


def refuses() -> None:
    raise ValueError("not this\nnor that")


def test_an_answer_comes_back() -> None:
    assert within(5, 1 << 28, "adding", lambda a, b: {"sum": a + b}, 1, 2) == {"sum": 3}


@pytest.mark.parametrize("task", [loops, one_huge_number, sleeps])
def test_what_does_not_end_is_ended(task: Any) -> None:
    with pytest.raises(UserError, match="the template did not end within 1 s"):
        within(1, 1 << 28, "the template", task)


def test_what_wants_too_much_memory_does_not_get_it() -> None:
    with pytest.raises(UserError, match="the template wants more than 256 MiB"):
        within(5, 1 << 28, "the template", one_huge_text)


def test_what_it_raises_is_said() -> None:
    with pytest.raises(UserError, match=r"^the template: ValueError: not this$"):
        within(5, 1 << 28, "the template", refuses)


def test_a_crash_is_no_lack_of_time() -> None:
    with pytest.raises(UserError, match=r"^the template: it ended the process \(SIGUSR1\)$"):
        within(5, 1 << 28, "the template", lambda: os.kill(os.getpid(), signal.SIGUSR1))


LOOPING = """
import os
from pathlib import Path
from compressing import staging
from guarding.bounded import within

def loops():
    print(os.getpid(), flush=True)
    while True:
        pass

with staging.whole(Path("made"), replace=False):
    within(60, 1 << 28, "the template", loops)
"""


def test_it_ends_with_its_parent_and_holds_no_lock_on(tmp_path: Path) -> None:
    from compressing import staging

    with subprocess.Popen(
        [sys.executable, "-c", LOOPING],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        looping = int(parent.stdout.readline())
        parent.kill()
    for _ in range(50):
        if not Path(f"/proc/{looping}").exists():
            break
        time.sleep(0.1)
    else:
        os.kill(looping, signal.SIGKILL)
        pytest.fail("the task outlived its parent by five seconds")
    with staging.whole(tmp_path / "made", replace=False):
        pass


def killed_by_others() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_kill_by_others_is_no_lack_of_time() -> None:
    with pytest.raises(UserError, match=r"it ended the process \(SIGKILL\)"):
        within(5, 1 << 28, "the template", killed_by_others)


def test_memory_is_bounded_in_this_process_for_a_while() -> None:
    with (
        pytest.raises(UserError, match="the template wants more than 256 MiB"),
        bounded.memory(1 << 28, "the template"),
    ):
        one_huge_text()
    assert len("a" * (1 << 29)) == 1 << 29
