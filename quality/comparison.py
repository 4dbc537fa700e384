"""What records say of a checkpoint's quality beside its base's: pairs, corrections, one verdict.

Pure functions of records, so that a comparison can be made anew from what was saved, anywhere.
"""

import json
import math
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core import plugins
from core.errors import UserError
from core.measure import Measure, Paired, TaskScores
from core.records import Record
from core.stats import CONFIDENCE
from quality.paired import (
    Comparison,
    Verdict,
    compare,
    holm,
    pooled,
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
    checkpoint: list[Record]

    @property
    def is_base(self) -> bool:
        """Whether this is the base itself."""
        return self.base is self.checkpoint


@dataclass(frozen=True, kw_only=True)
class Quality:
    """A checkpoint beside its base.

    `tasks` compares each task's primary metric and `p_values` corrects for their number (Holm);
    `aggregate` is their mean. `verdict` fails when a task fails, at a confidence corrected for the
    number of tasks, else it is the aggregate's; None where nothing could be paired, and `reason`
    says why. `paired` holds what measures say of both, such as `perplexity_ratio`. `unpaired`: both
    were asked tasks, but not the same documents, so that something has to be scored anew.
    """

    tasks: dict[str, Comparison]
    p_values: dict[str, float]
    aggregate: Comparison | None
    verdict: Verdict | None
    reason: str
    paired: dict[str, Paired] = field(default_factory=dict)
    unpaired: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain data, each paired figure under its own name; None for those not measured."""
        measures = [plugins.load("measures", name) for name in plugins.names("measures")]
        absent = {name: None for measure in measures for name in measure.paired}
        plain = asdict(self)
        return {**absent, **plain.pop("paired"), **plain}


def quality(base: list[Record], checkpoint: list[Record], margin: Margin | None = None) -> Quality:
    """Compare the latest finished records of one checkpoint with those of its base."""
    margin = margin or Margin()
    paired = _paired(base, checkpoint)
    try:
        scores = _scores(base, checkpoint)
    except UserError as problem:
        return replace(_nothing(str(problem), paired), unpaired=True)
    if scores is None:
        return _nothing(_missing(base, checkpoint), paired)
    if not scores:
        return _nothing("no task gives right or wrong per document: see their figures", paired)
    strict = 1 - (1 - CONFIDENCE) / len(scores)
    tasks = {
        name: compare(first, second, margin.of(sum(first) / len(first)), confidence=strict)
        for name, (first, second) in scores.items()
    }
    mean = sum(task.base for task in tasks.values()) / len(tasks)
    aggregate = pooled(list(scores.values()), margin.of(mean))
    failed = [name for name, task in tasks.items() if task.verdict == "fail"]
    verdict: Verdict = "fail" if failed else aggregate.verdict
    return Quality(
        tasks=tasks,
        p_values=dict(zip(tasks, holm([t.p_value for t in tasks.values()]), strict=True)),
        aggregate=aggregate,
        verdict=verdict,
        reason=_reason(aggregate, len(tasks), failed, margin),
        paired=paired,
    )


def _nothing(reason: str, paired: dict[str, Paired]) -> Quality:
    return Quality(
        tasks={}, p_values={}, aggregate=None, verdict=None, reason=reason, paired=paired
    )


def _measures(records: list[Record]) -> dict[str, Measure]:
    """The quality measures that there are records of, each once; unknown ones are left out."""
    known = set(plugins.names("measures"))
    names = dict.fromkeys(record.measure for record in records if record.measure in known)
    return {name: plugins.load("measures", name) for name in names}


def _both(
    base: list[Record], checkpoint: list[Record], measure: str
) -> tuple[Record, Record] | None:
    """The latest finished records of a measure, None where one of them has no raw values."""
    first, second = latest(base, measure), latest(checkpoint, measure)
    return (first, second) if first and second and first.raw and second.raw else None


def _paired(base: list[Record], checkpoint: list[Record]) -> dict[str, Paired]:
    """What measures say of both, where they were made with the same settings."""
    paired: dict[str, Paired] = {}
    for name, measure in _measures(checkpoint).items():
        both = _both(base, checkpoint, name)
        if both and same_settings(*both):
            with suppress(UserError):  # what cannot be paired has no figure
                paired |= measure.compare(both[0].raw or {}, both[1].raw or {})
    return paired


def _scores(base: list[Record], checkpoint: list[Record]) -> TaskScores | None:
    """Scores of the same documents, task by task; None where one of both was asked no tasks."""
    scores: TaskScores = {}
    judged = False
    for name, measure in _measures(checkpoint).items():
        both = _both(base, checkpoint, name)
        if both and measure.scores is not None:
            judged = True
            scores |= measure.scores(both[0].raw or {}, both[1].raw or {})
    return scores if judged else None


def _reason(aggregate: Comparison, tasks: int, failed: list[str], margin: Margin) -> str:
    low, high = 100 * aggregate.low, 100 * aggregate.high
    points = f"{100 * aggregate.difference:+.2f} points [{low:+.2f}, {high:+.2f}]"
    if failed:
        return f"{', '.join(failed)} lost more than the margin of {margin}; mean of tasks {points}"
    each = math.ceil((aggregate.documents_needed or 0) / tasks)
    sentences = {
        "pass": f"mean of tasks {points}: within the margin of {margin}",
        "fail": f"mean of tasks {points}: a larger loss than the margin of {margin}",
        "undecided": f"mean of tasks {points}: does not decide a margin of {margin}; about "
        f"{each:,} documents of each task would",
    }
    return sentences[aggregate.verdict]


def _missing(base: list[Record], checkpoint: list[Record]) -> str:
    """Why tasks could not be compared."""
    for records, whose in ((checkpoint, "the checkpoint"), (base, "the base")):
        judging = {n for n, measure in _measures(records).items() if measure.scores is not None}
        if not any(latest(records, name) for name in judging):
            failed = [r.reason for r in records if r.measure in judging and r.status != "ok"]
            return failed[-1] or "it failed" if failed else f"no task was scored on {whose}"
    return "no task was scored"


def latest(records: list[Record], measure: str) -> Record | None:
    """The newest finished record of a measure."""
    fitting = [r for r in records if r.measure == measure and r.status == "ok"]
    return max(fitting, key=lambda r: r.ended, default=None)


def same_settings(first: Record, second: Record) -> bool:
    """Whether two records of a measure were made with the same settings.

    Where the data lay is none: `digest` says which text it was.
    """
    settings, others = (
        json.dumps({**record.settings, "data_dir": None}, sort_keys=True)
        for record in (first, second)
    )
    return settings == others
