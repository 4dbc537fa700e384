"""What records say of a checkpoint's quality beside its base's: pairs, corrections, one verdict.

Pure functions of records, so that a comparison can be made anew from what was saved, anywhere.
"""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

from core import plugins
from core.errors import UserError
from core.records import Record
from quality.paired import (
    CONFIDENCE,
    Comparison,
    Interval,
    Verdict,
    compare,
    holm,
    pooled,
    ratio_of_sums,
)


@dataclass(frozen=True, kw_only=True)
class Margin:
    """How much loss is accepted: `points` of a hundred, or a `recovery` of at least so many %."""

    points: float | None = 1.0
    recovery: float | None = None

    def of(self, base: float) -> float:
        """The accepted difference, for a base's mean score between 0 and 1."""
        if self.recovery is not None:
            return abs(base) * (1 - self.recovery / 100)
        return (self.points or 0.0) / 100

    def __str__(self) -> str:
        if self.recovery is not None:
            return f"{self.recovery:g} % recovery"
        return f"{self.points:g} point{'' if self.points == 1 else 's'}"


def parse_margins(text: str) -> dict[str, Margin]:
    """`1`, `99%` or `1,INT4-W4A16=2.5`: margins by scheme, the default under the empty name.

    Raises `UserError` for anything else.
    """
    margins = {"": Margin()}
    for part in text.split(","):
        scheme, _, value = part.strip().rpartition("=")
        number, percent = value.removesuffix("%"), value.endswith("%")
        try:
            size = float(number)
        except ValueError:
            size = -1.0
        if not 0 < size <= 100 or (percent and size < 50):
            raise UserError(f"--margin wants points like 1 or a recovery like 99%, not {part!r}")
        if scheme:
            scheme = plugins.shown("schemes", plugins.find("schemes", scheme))
        margins[scheme] = Margin(points=None, recovery=size) if percent else Margin(points=size)
    return margins


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Quality records of one checkpoint and of its base (the same ones for the base itself)."""

    base: list[Record]
    mine: list[Record]


@dataclass(frozen=True, kw_only=True)
class Quality:
    """A checkpoint beside its base.

    `tasks` compares each task's primary metric and `p_values` corrects for their number (Holm);
    `aggregate` is their mean. `verdict` fails when a task fails, at a confidence corrected for the
    number of tasks, else it is the aggregate's; None where nothing could be paired, and `reason`
    says why. `perplexity_ratio` is paired by windows; `same_answers` is the share of generated
    answers that are the base's, word for word. `unpaired`: both were asked tasks, but not the same
    documents, so that something has to be scored anew.
    """

    tasks: dict[str, Comparison]
    p_values: dict[str, float]
    aggregate: Comparison | None
    verdict: Verdict | None
    reason: str
    perplexity_ratio: Interval | None = None
    same_answers: float | None = None
    unpaired: bool = False


def quality(base: list[Record], mine: list[Record], margin: Margin | None = None) -> Quality:
    """Compare the latest finished records of one checkpoint with those of its base."""
    margin = margin or Margin()
    others: dict[str, Any] = {
        "perplexity_ratio": _perplexity_ratio(base, mine),
        "same_answers": _same_answers(base, mine),
    }
    theirs, ours = latest(base, "harness"), latest(mine, "harness")
    if theirs is None or ours is None:
        return _nothing(_missing(base, mine), others)
    try:
        pairs = paired_scores(theirs, ours)
    except UserError as problem:
        return replace(_nothing(str(problem), others), unpaired=True)
    if not pairs:
        return _nothing("no task gives right or wrong per document: see their figures", others)
    strict = 1 - (1 - CONFIDENCE) / len(pairs)
    tasks = {
        name: compare(a, b, margin.of(sum(a) / len(a)), confidence=strict)
        for name, (a, b) in pairs.items()
    }
    mean = sum(task.base for task in tasks.values()) / len(tasks)
    aggregate = pooled(list(pairs.values()), margin.of(mean))
    failed = [name for name, task in tasks.items() if task.verdict == "fail"]
    verdict: Verdict = "fail" if failed else aggregate.verdict
    return Quality(
        tasks=tasks,
        p_values=dict(zip(tasks, holm([t.p_value for t in tasks.values()]), strict=True)),
        aggregate=aggregate,
        verdict=verdict,
        reason=_reason(aggregate, len(tasks), failed, margin),
        **others,
    )


def _nothing(reason: str, others: dict[str, Any]) -> Quality:
    return Quality(tasks={}, p_values={}, aggregate=None, verdict=None, reason=reason, **others)


def _reason(aggregate: Comparison, tasks: int, failed: list[str], margin: Margin) -> str:
    low, high = 100 * aggregate.low, 100 * aggregate.high
    points = f"{100 * aggregate.difference:+.2f} points [{low:+.2f}, {high:+.2f}]"
    if failed:
        return f"{', '.join(failed)} lost more than the margin of {margin}; mean of tasks {points}"
    each = math.ceil((aggregate.documents_needed or 0) / tasks)
    said = {
        "pass": f"mean of tasks {points}: within the margin of {margin}",
        "fail": f"mean of tasks {points}: a larger loss than the margin of {margin}",
        "undecided": f"mean of tasks {points}: does not decide a margin of {margin}; about "
        f"{each:,} documents of each task would",
    }
    return said[aggregate.verdict]


def _missing(base: list[Record], mine: list[Record]) -> str:
    """Why tasks could not be compared."""
    for records, whose in ((mine, "the checkpoint"), (base, "the base")):
        if latest(records, "harness") is None:
            failed = [r.reason for r in records if r.measure == "harness" and r.status != "ok"]
            return failed[-1] or "it failed" if failed else f"no task was scored on {whose}"
    return "no task was scored"


def latest(records: list[Record], measure: str) -> Record | None:
    """The newest finished record of a measure."""
    fitting = [r for r in records if r.measure == measure and r.status == "ok"]
    return max(fitting, key=lambda r: r.ended, default=None)


def paired_scores(base: Record, mine: Record) -> dict[str, tuple[list[float], list[float]]]:
    """Scores per document of each task both were asked, in one order; a group is one task.

    Only scores between 0 and 1 of which more is better: a margin in points means nothing to others.
    Raises `UserError` when the documents are not the same ones: hashes over question, prompt and
    answer tell.
    """
    theirs, ours = (record.raw["tasks"] for record in (base, mine) if record.raw)
    if not theirs.keys() & ours.keys():
        raise UserError("the checkpoint and its base were asked different tasks")
    pairs = {}
    for name, leaves in asked(mine).items():
        found = [_pair(leaf, theirs[leaf], ours[leaf]) for leaf in leaves if leaf in theirs]
        both = [each for each in found if each is not None]
        if both:
            pairs[name] = [s for a, _ in both for s in a], [s for _, b in both for s in b]
    return pairs


def asked(record: Record) -> dict[str, list[str]]:
    """What tasks a record is of, as they were asked for: a group's name stands for its tasks."""
    raw = record.raw or {"tasks": {}}
    groups: dict[str, list[str]] = raw.get("groups", {})
    grouped = {leaf for leaves in groups.values() for leaf in leaves}
    return groups | {name: [name] for name in raw["tasks"] if name not in grouped}


def _pair(
    name: str, theirs: dict[str, Any], ours: dict[str, Any]
) -> tuple[list[float], list[float]] | None:
    """The primary scores of one task under both, None where they cannot be judged by a margin."""
    if theirs["documents"] != ours["documents"]:
        common = len(set(theirs["documents"]) & set(ours["documents"]))
        raise UserError(
            f"{name} was asked with other documents or prompts than the base ({common} of "
            f"{len(ours['documents'])} are the same): score the base anew, naming it as a --model"
        )
    metric = ours["primary"]
    a, b = theirs["scores"].get(metric), ours["scores"].get(metric)
    if not a or not b or not ours["higher_is_better"].get(metric, True):
        return None
    return (a, b) if min(*a, *b) >= 0 and max(*a, *b) <= 1 else None


def _perplexity_ratio(base: list[Record], mine: list[Record]) -> Interval | None:
    """Own over the base's perplexity on the same windows."""
    theirs, ours = latest(base, "perplexity"), latest(mine, "perplexity")
    if not (theirs and ours and theirs.raw and ours.raw):
        return None
    if theirs.raw["tokens"] != ours.raw["tokens"] or not same_settings(theirs, ours):
        return None
    excess = [a - b for a, b in zip(ours.raw["nll"], theirs.raw["nll"], strict=True)]
    return ratio_of_sums(excess, ours.raw["tokens"]).exp()


def same_settings(one: Record, other: Record) -> bool:
    """Whether two records of a measure were made with the same settings.

    Where the data lay is none: `digest` says which text it was.
    """
    mine, theirs = (
        json.dumps({**record.settings, "data_dir": None}, sort_keys=True) for record in (one, other)
    )
    return mine == theirs


def _same_answers(base: list[Record], mine: list[Record]) -> float | None:
    theirs, ours = latest(base, "references"), latest(mine, "references")
    if not (theirs and ours and theirs.raw and ours.raw):
        return None
    if theirs.raw["documents"] != ours.raw["documents"]:
        return None
    same = [a == b for a, b in zip(theirs.raw["generated"], ours.raw["generated"], strict=True)]
    return float(sum(same) / len(same))
