"""Simulated verdicts on quality: documents are drawn from a known truth and judged as records are.

Every document of a task is right or wrong under the base, and lost or found under the checkpoint
with given chances. At a true loss of the very margin each pass and each fail is an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from quality import planning
from quality.judging import concluded, judged_together
from quality.paired import Comparison, pooled
from quality.verdict import Quality

MARGIN = 0.01
MOST_LOOKS, MOST_DOCUMENTS = 4, 20_000


@dataclass(frozen=True)
class Task:
    """A task's truth: documents asked, share the base has right, shares lost and found."""

    n: int
    base: float
    lost: float
    found: float = 0.0


@dataclass(frozen=True)
class Rates:
    """Shares of repetitions: that passed, failed, and whose 95 % intervals held the truth."""

    passed: float
    failed: float
    difference: float
    recovery: float


Counts = tuple[int, int, int, int]  # documents lost, found, right under both, wrong under both


def draw(task: Task, rng: Any, n: int | None = None) -> Counts:
    """Outcomes of a task's documents, or of `n` of them."""
    shares = [task.lost, task.found, task.base - task.lost, 1 - task.base - task.found]
    return tuple(rng.multinomial(task.n if n is None else n, shares).tolist())


@lru_cache(maxsize=100_000)
def judge(tasks: tuple[Counts, ...], confidence: float = 0.95) -> Comparison:
    """The comparison of tasks with these outcomes."""
    return pooled([_scores(counts) for counts in tasks], MARGIN, confidence=confidence)


def _scores(counts: Counts) -> tuple[list[float], list[float]]:
    lost, found, right, wrong = counts
    base = [1.0] * lost + [0.0] * found + [1.0] * right + [0.0] * wrong
    return base, [0.0] * lost + [1.0] * found + [1.0] * right + [0.0] * wrong


def rates(tasks: Sequence[Task], repetitions: int, seed: int = 0) -> Rates:
    """How often single looks at these tasks pass and fail, and intervals cover."""
    import numpy as np

    rng = np.random.default_rng(seed)
    base = sum(task.base for task in tasks) / len(tasks)
    truth = sum(task.found - task.lost for task in tasks) / len(tasks)
    told = [judge(tuple(draw(task, rng) for task in tasks)) for _ in range(repetitions)]
    ratio = 100 * (base + truth) / base

    def share(of: Any) -> float:
        return float(sum(map(of, told)) / repetitions)

    return Rates(
        passed=share(lambda c: c.verdict == "pass"),
        failed=share(lambda c: c.verdict == "fail"),
        difference=share(lambda c: c.low <= truth <= c.high),
        recovery=share(
            lambda c: c.recovery is not None and c.recovery_low <= ratio <= c.recovery_high
        ),
    )


def over_looks(task: Task, repetitions: int, seed: int = 0) -> tuple[float, float, float]:
    """Shares that end in a pass and in a fail where every advice to ask more is followed; looks."""
    import numpy as np

    rng = np.random.default_rng(seed)
    ends, looks = {"pass": 0, "fail": 0, "undecided": 0}, 0
    for _ in range(repetitions):
        verdict, taken = _follow(task, rng)
        ends[verdict] += 1
        looks += taken
    return ends["pass"] / repetitions, ends["fail"] / repetitions, looks / repetitions


def _follow(task: Task, rng: Any) -> tuple[str, int]:
    counts = draw(task, rng)
    for look in range(1, MOST_LOOKS + 1):
        told = judge((counts,), planning.confidence(look))
        made = made_of(told, look)
        needed = made.documents_needed
        if told.verdict != "undecided" or needed is None or needed > MOST_DOCUMENTS:
            return told.verdict, look
        more = draw(task, rng, needed - told.n)
        counts = tuple(a + b for a, b in zip(counts, more, strict=True))  # type: ignore[assignment]
    return "undecided", MOST_LOOKS


def made_of(told: Comparison, look: int = 1) -> Quality:
    """The verdict on one task, as a record's comparison has it."""
    return concluded(
        Quality(
            tasks={"task": told},
            p_values={"task": told.p_value},
            aggregate=told,
            verdict=told.verdict,
            reason="",
            judged=("task",),
            looks=look,
            documents_each=told.n,
        )
    )


def of_schemes(
    task: Task, schemes: int, repetitions: int, together: bool = True, seed: int = 0
) -> tuple[float, float]:
    """Shares of repetitions in which any of as many equal schemes passed, and any failed."""
    import numpy as np

    rng = np.random.default_rng(seed)
    passed = failed = 0
    for _ in range(repetitions):
        made = [_single(judge((draw(task, rng),))) for _ in range(schemes)]
        verdicts = {each.verdict for each in (judged_together(made) if together else made)}
        passed += "pass" in verdicts
        failed += "fail" in verdicts
    return passed / repetitions, failed / repetitions


def _single(told: Comparison) -> Quality:
    """As `made_of`, without a task's own failure, which is not corrected for schemes."""
    made = made_of(told)
    return replace(made, tasks={"task": replace(told, verdict="undecided")})


def power(task: Task, repetitions: int, seed: int = 0) -> tuple[int, float]:
    """Documents advised at a first look that saw the truth, and how often they decide."""
    import numpy as np

    rng = np.random.default_rng(seed)
    seen = judge(
        (
            (
                round(task.lost * task.n),
                round(task.found * task.n),
                round((task.base - task.lost) * task.n),
                round((1 - task.base - task.found) * task.n),
            ),
        )
    )
    factor = planning.growth([seen], [None], MARGIN, planning.level(2))
    n = round(task.n * factor)
    told = [
        judge((draw(task, rng, n),), planning.confidence(2)).verdict for _ in range(repetitions)
    ]
    return n, sum(verdict != "undecided" for verdict in told) / repetitions
