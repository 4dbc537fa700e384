"""Why a verdict is what it is, in one sentence with the tasks and documents it rests on."""

from core.words import join, signed
from quality.paired import Comparison
from quality.planning import POWER, hardly
from quality.verdict import Quality


def reason(made: Quality) -> str:
    """The verdict in words, what it rests on, and what is not judged."""
    parts = [_verdict(made), *(f"rests on {part}" for part in made.incomplete)]
    idle = [f"{name}: {why}" for name, why in made.uninformative.items()]
    return "; ".join([*parts, *(["not judged: " + ", ".join(idle)] if idle else [])])


def _verdict(made: Quality) -> str:
    rests = _mean(made.aggregate, len(made.judged)) if made.aggregate else ""
    if made.failed:
        lost = f"{join(made.failed)} lost more than the margin of {made.margin}"
        return f"{lost}; {rests}" if rests else lost
    if made.aggregate is None:
        return "no task can show a loss"
    if made.verdict == "pass":
        return f"{rests}: within the margin of {made.margin}"
    if made.verdict == "fail":
        return f"{rests}: a larger loss than the margin of {made.margin}"
    if made.aggregate.verdict == "pass" and made.contradiction:
        return f"passed on its tasks ({rests}), but {made.contradiction}: a contradiction"
    if made.aggregate.verdict != "undecided":
        alone = "within" if made.aggregate.verdict == "pass" else "beyond"
        rests += f", {alone} the margin by itself but not as one of {made.schemes} schemes"
    return f"{rests}: does not decide a margin of {made.margin}; {_outlook(made, made.aggregate)}"


def _mean(aggregate: Comparison, tasks: int) -> str:
    low, high = 100 * aggregate.low, 100 * aggregate.high
    points = f"{signed(100 * aggregate.difference)} points [{signed(low)}, {signed(high)}]"
    of_tasks = "1 task" if tasks == 1 else f"mean of {tasks} tasks"
    return f"{of_tasks}, {aggregate.n:,} documents, {points}"


def _outlook(made: Quality, aggregate: Comparison) -> str:
    """Whether more documents would decide."""
    if made.documents_needed is not None:
        return (
            f"about {made.documents_needed:,} documents of each task would, with "
            f"{100 * POWER:.0f} % probability if all goes on as seen"
        )
    if hardly(aggregate.difference, aggregate.margin):
        return "more documents will hardly decide it: the loss seen is about the margin"
    return "all documents that these tasks have would hardly decide it"
