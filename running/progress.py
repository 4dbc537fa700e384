"""Where a command is and how long the rest may take: told by what works, drawn by the console.

progress.expect([Turn(subject="BASE", steps=("loading", "timing 8 users"))])
progress.begin(turn)
progress.step("loading")
progress.left_s()  # seconds, None before there is something to go on
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import fmean

TELLING_S = 5.0  # that a step has to go on before its pace says how long it takes


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A checkpoint's turn: whose it is, its steps in order, and which of how many it is.

    `place` is in words: ("scheme 3 of 7", "round 1 of 3").
    """

    subject: str
    steps: tuple[str, ...] = ()
    place: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is done now, since when (monotonic seconds), and how much of it is done (0 to 1)."""

    name: str = ""
    detail: str = ""
    share: float | None = None
    began: float = 0.0


class Progress:
    """What is done now and what is still to come; `changed` is called when a step begins.

    The time left is that of the same steps earlier in this run: of the same subject where that had
    them, else of the others on average.
    """

    def __init__(
        self,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._changed, self._clock = changed, clock
        self._expected: tuple[Turn, ...] = ()
        self._took: defaultdict[str, dict[str, float]] = defaultdict(dict)  # by step and subject
        self.turn, self.now = Turn(subject=""), Step()

    def expect(self, turns: Iterable[Turn]) -> None:
        """What is to come after the turn that is on."""
        self._expected = tuple(turns)

    def begin(self, turn: Turn) -> None:
        """A turn begins; it is not expected any more."""
        self._end()
        alike = [t for t in self._expected if (t.subject, t.steps) == (turn.subject, turn.steps)]
        if alike:
            at = self._expected.index(alike[0])
            self._expected = (*self._expected[:at], *self._expected[at + 1 :])
        self.turn, self.now = turn, Step(began=self._clock())

    def step(self, name: str, done: float = 0, total: float = 0, detail: str = "") -> None:
        """A step begins, or the one that is on went on: `done` of `total`, if that is known."""
        share = min(1.0, done / total) if total else None
        if name == self.now.name:
            known = self.now.share if share is None else share
            self.now = replace(self.now, share=known, detail=detail or self.now.detail)
            return
        self._end()
        self.now = Step(name=name, detail=detail, share=share, began=self._clock())
        self._changed()

    def elapsed_s(self) -> float:
        """Seconds since the step began."""
        return self._clock() - self.now.began

    def left_s(self) -> float | None:
        """Seconds that the rest takes; None where a step of it has never been seen."""
        steps, name = self.turn.steps, self.now.name
        after = steps[steps.index(name) + 1 :] if name in steps else steps
        to_come = [(self.turn.subject, step) for step in after]
        to_come += [(turn.subject, step) for turn in self._expected for step in turn.steps]
        parts = [self._rest(), *(self._usual(*each) for each in to_come)]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    def _rest(self) -> float | None:
        """Seconds that the step which is on still takes."""
        elapsed, share = self.elapsed_s(), self.now.share
        if share and share < 1 and elapsed >= TELLING_S:
            return elapsed * (1 - share) / share
        usual = self._usual(self.turn.subject, self.now.name)
        return None if usual is None else max(0.0, usual - elapsed)

    def _usual(self, subject: str, step: str) -> float | None:
        """Seconds that a step took."""
        took = self._took.get(step)
        if not took:
            return None
        return took[subject] if subject in took else fmean(list(took.values()))

    def _end(self) -> None:
        if self.now.name:
            self._took[self.now.name][self.turn.subject] = self.elapsed_s()
