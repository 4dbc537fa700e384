"""The end of a comparison: what would decide it, and several schemes judged together."""

import math
from collections.abc import Sequence
from dataclasses import replace

from quality import planning, sentences
from quality.paired import FEWEST, Comparison, Verdict
from quality.significance import holm
from quality.verdict import Quality


def judged_together(qualities: Sequence[Quality]) -> list[Quality]:
    """Schemes of one comparison: among many one passes by luck, so all must pass as one.

    Passes and fails stand where Holm's correction of the one-sided p-values of all that were
    judged, each times what its look costs, keeps them below the error of a first look; the others
    are undecided. A task fails by itself where it would were its error shared by all schemes, too.
    """
    judged = [made for made in qualities if made.aggregate is not None]
    schemes = max(1, len(judged))
    together = [_tasks_among(replace(made, schemes=schemes)) for made in qualities]
    for side in ("pass", "fail"):
        corrected = iter(holm([_p_value(made, side) for made in judged]))
        for number, made in enumerate(together):
            p_value = next(corrected) if made.aggregate is not None else 1.0
            if made.verdict == side and not made.failed and p_value >= planning.level(1):
                together[number] = replace(made, verdict="undecided")
    return [concluded(made) if made.tasks else made for made in together]


def verdict_of(made: Quality) -> Verdict:
    """A task that fails decides, then the mean of those that can show a loss; else it is open."""
    if made.failed:
        return "fail"
    if made.aggregate is None or (made.aggregate.verdict == "pass" and made.contradiction):
        return "undecided"
    return made.aggregate.verdict


def _tasks_among(made: Quality) -> Quality:
    """With the failures of tasks that stand among so many tasks and schemes."""
    if not made.failed:
        return made
    error = planning.level(made.looks) / (len(made.tasks) * made.schemes)
    tasks = {
        name: replace(task, verdict="undecided")
        if task.verdict == "fail" and task.p_fail >= error
        else task
        for name, task in made.tasks.items()
    }
    judged = replace(made, tasks=tasks)
    return replace(judged, verdict=verdict_of(judged))


def _p_value(made: Quality, side: str) -> float:
    """The p-value of a verdict, as it would count at a first look."""
    assert made.aggregate is not None
    p_value = made.aggregate.p_pass if side == "pass" else made.aggregate.p_fail
    return p_value * planning.level(1) / planning.level(made.looks)


def concluded(made: Quality) -> Quality:
    """With how many documents would decide an open verdict, and the reason in words."""
    made = replace(made, documents_needed=_needed(made, made.aggregate))
    return replace(made, reason=sentences.reason(made))


def _needed(made: Quality, aggregate: Comparison | None) -> int | None:
    """Documents of each task that would decide at the next look, None where more would hardly."""
    if aggregate is None or made.verdict != "undecided":
        return None
    withheld = aggregate.verdict == "pass" and made.contradiction
    if withheld or planning.hardly(aggregate.difference, aggregate.margin):
        return None
    tasks = [made.tasks[name] for name in made.judged]
    available = [made.available.get(name) for name in made.judged]
    error = planning.level(made.looks + 1) / made.schemes
    factor = planning.growth(tasks, available, aggregate.margin, error)
    factor = max(factor, FEWEST / min(task.n for task in tasks))
    if math.isinf(factor):
        return None
    return max(made.documents_each + 1, math.ceil(factor * made.documents_each))
