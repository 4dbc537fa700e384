"""A bounded task answers, says why it cannot, or is ended by the kernel."""

import time
from typing import Any

import pytest

from core.errors import UserError
from guarding.bounded import OutOfBounds, within


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
    with pytest.raises(OutOfBounds, match="the template did not end within 1 s"):
        within(1, 1 << 28, "the template", task)


def test_what_wants_too_much_memory_does_not_get_it() -> None:
    with pytest.raises(OutOfBounds, match="the template wants more than 256 MiB"):
        within(5, 1 << 28, "the template", one_huge_text)


def test_what_it_raises_is_said() -> None:
    with pytest.raises(UserError, match=r"^the template: ValueError: not this$"):
        within(5, 1 << 28, "the template", refuses)
