"""How long the rest takes, by what the same steps took before; and what is said of it."""

import time

import pytest

from reporting.console import progress as drawing
from running.progress import Progress, Turn

STEPS = ("loading", "timing 8 users")
FIRST, SECOND = (Turn(subject=name, steps=STEPS) for name in ("BASE", "FP8-W8A8"))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told(clock: Clock) -> Progress:
    return Progress(clock=clock)


def do(told: Progress, clock: Clock, turn: Turn, *seconds: float) -> None:
    told.begin(turn)
    for step, took in zip(turn.steps, seconds, strict=False):
        told.step(step)
        clock.now += took


def test_nothing_is_said_before_every_step_was_seen(told: Progress, clock: Clock) -> None:
    told.expect([FIRST, SECOND])
    do(told, clock, FIRST, 10)
    assert told.left_s() is None
    told.step("timing 8 users")
    assert told.left_s() is None
    clock.now += 30
    told.begin(SECOND)
    told.step("loading")
    assert told.left_s() == pytest.approx(40)
    clock.now += 4
    assert told.left_s() == pytest.approx(36)
    clock.now += 20  # longer than last time: it is not over yet, but nothing says how long
    assert told.left_s() == pytest.approx(30)


def test_a_share_says_more_than_what_others_took(told: Progress, clock: Clock) -> None:
    do(told, clock, FIRST, 10, 30)
    do(told, clock, SECOND, 10)
    told.step("timing 8 users", 1, 4)
    clock.now += 50
    assert told.left_s() == pytest.approx(150)
    told.step("timing 8 users")  # a sign of life without numbers
    assert told.now.share == 0.25 and told.left_s() == pytest.approx(150)


def test_rounds_go_by_the_same_scheme_and_new_ones_by_the_mean(
    told: Progress, clock: Clock
) -> None:
    do(told, clock, FIRST, 10, 30)
    do(told, clock, SECOND, 20, 300)
    told.expect([SECOND])
    do(told, clock, FIRST, 10)
    told.step("timing 8 users")
    assert told.left_s() == pytest.approx(30 + 20 + 300)
    told.expect([Turn(subject="INT8-W8A8", steps=STEPS)])
    assert told.left_s() == pytest.approx(30 + 15 + 165)


def test_a_turn_that_begins_is_not_expected_any_more(told: Progress, clock: Clock) -> None:
    do(told, clock, FIRST, 10, 30)
    told.expect([FIRST, FIRST])
    do(told, clock, FIRST, 10)
    told.step("timing 8 users")
    assert told.left_s() == pytest.approx(30 + 40)


def test_what_no_turn_has_says_nothing_of_the_rest(told: Progress, clock: Clock) -> None:
    do(told, clock, FIRST, 10, 30)
    told.expect([SECOND])
    told.step("importing vllm")
    assert told.left_s() is None


def test_a_log_has_a_line_a_step_and_more_in_a_long_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "QUIET_S", 0.3)
    with drawing.progress("tiny") as told:
        told.begin(Turn(subject="BASE", steps=STEPS, place=("scheme 1 of 2", "round 1 of 3")))
        told.step("loading")
        time.sleep(0.5)
        told.step("timing 8 users", 1, 4, "warm")
        told.step("timing 8 users", 2, 4)
    lines = [line.split(" ", 1) for line in capsys.readouterr().err.splitlines()]
    assert [said for _, said in lines] == [
        "tiny: starting",
        "BASE: loading (scheme 1 of 2, round 1 of 3)",
        "BASE: loading, 0 s (scheme 1 of 2, round 1 of 3)",
        "BASE: timing 8 users, warm, 25 % (scheme 1 of 2, round 1 of 3)",
    ]
    assert all(time.strptime(at, "%H:%M:%S") for at, _ in lines)


def test_a_terminal_has_one_line(told: Progress, clock: Clock) -> None:
    line = drawing._Line()
    line.told = told
    do(told, clock, FIRST, 10, 400)
    told.begin(Turn(subject="FP8-W8A8", steps=STEPS, place=("scheme 2 of 2", "round 1 of 3")))
    told.step("loading", 2, 5)
    assert line.__rich__().plain == (
        "scheme 2 of 2 (FP8-W8A8), round 1 of 3: loading, 40 %, about 7 min left"
    )


LEFT = {0: "less than a minute left", 90: "about 2 min left", 3700: "about 1 h 2 min left"}


@pytest.mark.parametrize("seconds", LEFT)
def test_time_left_in_words(told: Progress, clock: Clock, seconds: int) -> None:
    do(told, clock, FIRST, 10, seconds)
    told.begin(FIRST)
    told.step("timing 8 users")
    assert drawing._left(told) == [LEFT[seconds]]
