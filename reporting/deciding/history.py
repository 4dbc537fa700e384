"""One run against another, and figures over runs: is a change more than runs differ?

Two runs of one checkpoint differ by themselves, and by how much only runs can tell: a change is
tested where at least three earlier runs of the same hardware and settings were made, against what
these differ by, at 95 % over all figures that are tested (Bonferroni). Sizes are counted: they may
move by 1 %.
"""

import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from comparing.context import differences
from core.errors import UserError
from core.records import Figure, Record
from core.stats import CONFIDENCE, Ratio, exp
from reporting.deciding import pairing
from reporting.deciding.candidate import BASE
from reporting.deciding.runs import Key, RecordedRun
from reporting.reading import measures

if TYPE_CHECKING:
    from quality.paired import Comparison

EXACT = 0.01
ENOUGH_RUNS = 3

Called = Literal["regression", "improvement", "no difference", "not tested"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One figure before and after; `ratio` above 1 is better, whatever the unit."""

    scheme: str
    measure: str
    figure: str
    before: Figure | None
    after: Figure | None
    ratio: Ratio | None
    called: Called
    reason: str = ""


def compare(
    before: RecordedRun, after: RecordedRun, others: list[RecordedRun] | None = None
) -> list[Change]:
    """Every figure both runs have, and what failed that did not before.

    `others` tell how much runs differ by themselves. Raises `UserError` when hardware or
    settings differ.
    """
    apart = differences(before.conditions, after.conditions)
    models = {s.record.subject.model for run in (before, after) for s in run.stored.values()}
    if len(models) > 1:
        apart.insert(0, f"model {' and '.join(sorted(models))}")
    if apart:
        raise UserError(f"{before.name} and {after.name} cannot be compared: {'; '.join(apart)}")
    same = [run for run in others or [] if not differences(run.conditions, after.conditions)]
    pairs = [
        (key, before.stored[key], after.stored[key])
        for key in sorted(before.stored, key=_order)
        if key in after.stored
    ]
    ways = ("timed", "single")
    tested = sum(len(_names(key[1], way)) for key, _, _ in pairs for way in ways)
    changes: list[Change] = []
    for key, old, new in pairs:
        changes += _of_pair(key, old.record, new.record, same, max(1, tested))
    return changes + list(_quality(before, after))


def _order(key: Key) -> tuple[bool, str, tuple[int, str, int]]:
    return key[0] != BASE, key[0], measures.order(key[1])


def _names(measure: str, change: str) -> list[str]:
    """The figures of a measure that are compared in one of the ways `Quantity.change` names."""
    known = measures.of_key(measure)
    quantities = known.quantities if known else {}
    return [name for name, quantity in quantities.items() if quantity.change == change]


def _ways(measure: str, figures: Iterable[str]) -> dict[str, str]:
    """How each figure is compared; those of one's own metrics are shown."""
    known = measures.of_key(measure)
    if known is None:
        return {}
    ways: dict[str, str] = {name: q.change for name, q in known.quantities.items()}
    own = {name: "shown" for name in figures if name not in ways} if known.shown.own_columns else {}
    return {name: way for name, way in (ways | own).items() if way != "none"}


def _of_pair(
    key: Key, old: Record, new: Record, earlier: list[RecordedRun], tested: int
) -> Iterator[Change]:
    scheme, measure = key
    if old.status == "ok" and new.status != "ok":
        yield Change(
            scheme=scheme,
            measure=measure,
            figure="",
            before=None,
            after=None,
            ratio=None,
            called="regression",
            reason=f"failed: {new.reason}",
        )
    for name, way in _ways(measure, old.figures).items():
        before, after = old.figures.get(name), new.figures.get(name)
        if before is None or after is None or min(*before.values, *after.values) <= 0:
            continue
        called, ratio = _compared(way, before, after, _history(earlier, key, name), tested)
        yield Change(
            scheme=scheme,
            measure=measure,
            figure=name,
            before=before,
            after=after,
            ratio=ratio,
            called=called,
        )


def _history(earlier: list[RecordedRun], key: Key, name: str) -> list[Figure]:
    """A figure in earlier runs, as far as they have it."""
    records = [run.stored[key].record for run in earlier if key in run.stored]
    return [record.figures[name] for record in records if name in record.figures]


def _compared(
    way: str, before: Figure, after: Figure, history: list[Figure], tested: int
) -> tuple[Called, Ratio | None]:
    if way == "shown":
        return "not tested", None
    if way == "counted":
        return counted(before, after)
    return timed(before, after, history, tested)


def counted(old: Figure, new: Figure) -> tuple[Called, Ratio]:
    """A size or count: no noise, a hundredth may go."""
    value = old.value / new.value if new.better == "lower" else new.value / old.value
    return _called(value < 1 - EXACT, value > 1 + EXACT), Ratio(value=value, low=value, high=value)


def timed(
    old: Figure, new: Figure, history: list[Figure], tested: int
) -> tuple[Called, Ratio | None]:
    """A figure with noise from run to run, as far as earlier runs tell how much.

    Student's t of the difference of two runs, each of which varies as the earlier ones do.
    """
    means = [math.log(figure.value) for figure in history if figure.value > 0]
    if len(means) < ENOUGH_RUNS:
        return "not tested", None
    from scipy.special import stdtrit

    sign = -1 if new.better == "lower" else 1
    centre = sign * (math.log(new.value) - math.log(old.value))
    quantile = float(stdtrit(len(means) - 1, 1 - (1 - CONFIDENCE) / (2 * tested)))
    half = quantile * math.sqrt(2) * statistics.stdev(means)
    ratio = Ratio(value=exp(centre), low=exp(centre - half), high=exp(centre + half))
    return _called(centre + half < 0, centre - half > 0), ratio


def _called(worse: bool, better: bool) -> Called:
    return "regression" if worse else "improvement" if better else "no difference"


def _quality(before: RecordedRun, after: RecordedRun) -> Iterator[Change]:
    """Task scores of both runs, paired by document."""
    for scheme in dict.fromkeys(scheme for scheme, _ in after.stored):
        old, new = (
            [
                stored
                for (owner, _), stored in run.stored.items()
                if owner == scheme and stored.record.kind == "quality"
            ]
            for run in (before, after)
        )
        judging = dict.fromkeys(s.record.measure for s in new if measures.judges(s.record.measure))
        compared = pairing.compare(old, new)
        for task, paired in compared.tasks.items():
            name = ", ".join(judging)
            yield _task_change(scheme, name, task, paired, compared.p_values[task])


def _task_change(
    scheme: str, measure: str, task: str, paired: "Comparison", p_value: float
) -> Change:
    value = paired.compressed / paired.base if paired.base else None
    ratio = (
        None
        if value is None
        else Ratio(
            value=value,
            low=paired.recovery_low and paired.recovery_low / 100,
            high=paired.recovery_high and paired.recovery_high / 100,
        )
    )
    real = p_value < 1 - CONFIDENCE
    worse = paired.verdict == "fail" or (paired.high < 0 and real)
    return Change(
        scheme=scheme,
        measure=measure,
        figure=task,
        before=None,
        after=None,
        ratio=ratio,
        called=_called(worse, paired.low > 0 and real),
        reason=f"{100 * paired.base:.1f} to {100 * paired.compressed:.1f} of 100 on {paired.n} "
        "documents",
    )
