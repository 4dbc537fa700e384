"""What records say of a checkpoint's quality against its base's: pairs, corrections, one verdict.

Pure functions of records, so that a comparison can be made anew from what was saved, anywhere.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from core.errors import UserError
from core.measure import Paired, TaskScores
from core.records import Record
from quality import evidence, informative, planning
from quality.documents import asked_tasks, chance, coverage, documents_each
from quality.evidence import Evidence, Shared
from quality.judging import concluded, verdict_of
from quality.judging import judged_together as judged_together
from quality.margins import Margin as Margin
from quality.margins import parse_margins as parse_margins
from quality.paired import compare, pooled
from quality.significance import holm
from quality.verdict import Quality as Quality
from quality.verdict import Scored as Scored

Reasons = dict[str, informative.Uninformative]


def quality(base: list[Record], checkpoint: list[Record], margin: Margin | None = None) -> Quality:
    """Compare what finished records say of a checkpoint with what they say of its base.

    Of each measure records of one context count, taken together (see `quality.evidence`).
    """
    margin = margin or Margin()
    found = evidence.gather(base, checkpoint)
    blank = Quality(
        tasks={}, p_values={}, aggregate=None, verdict=None, reason="", paired=_paired(found),
        margin=str(margin),
    )  # fmt: skip
    judging = [name for name, measure in found.measures.items() if measure.scores is not None]
    shared = {name: both for name in judging if (both := found.shared(name))}
    if not shared:
        apart = next(filter(None, map(found.apart, judging)), "") or (
            found.problem if judging else ""
        )
        reason = apart or _missing(base, checkpoint)
        return replace(blank, reason=reason, unpaired=bool(apart))
    try:
        scores = _scores(found, shared)
    except UserError as problem:
        return replace(blank, reason=str(problem), unpaired=True)
    if not scores:
        reason = "no task gives right or wrong per document: see their figures"
        return replace(blank, reason=reason)
    return _judged(blank, found, shared, scores, margin)


def _paired(found: Evidence) -> dict[str, Paired]:
    """What measures say of both, where they were asked alike."""
    paired: dict[str, Paired] = {}
    for name, measure in found.measures.items():
        shared = found.shared(name)
        if shared:
            with suppress(UserError):  # what cannot be paired has no figure
                paired |= measure.compare(shared.base, shared.checkpoint)
    return paired


def _scores(found: Evidence, shared: dict[str, Shared]) -> TaskScores:
    """Scores of the documents that both answered, task by task."""
    scores: TaskScores = {}
    for name, both in shared.items():
        measure = found.measures[name]
        scores |= measure.scores(both.base, both.checkpoint) if measure.scores else {}
    return scores


def _judged(
    blank: Quality, found: Evidence, shared: dict[str, Shared], scores: TaskScores, margin: Margin
) -> Quality:
    """The comparison of every task, their mean, and the verdict."""
    looks = max(both.looks for both in shared.values())
    sure = planning.confidence(looks)
    floor, ceiling = _uninformative(shared, scores, margin)
    able = [name for name in scores if name not in floor]  # to show a loss
    tasks = {
        name: compare(
            *pair, margin.of(_mean(pair[0])), confidence=1 - (1 - sure) / max(1, len(able))
        )
        for name, pair in scores.items()
    }
    tasks |= {name: replace(tasks[name], verdict="undecided") for name in floor}
    judged = tuple(name for name in able if name not in ceiling)
    aggregate = None
    if judged:
        mean = sum(tasks[name].base for name in judged) / len(judged)
        aggregate = pooled([scores[name] for name in judged], margin.of(mean), confidence=sure)
    others = [found.served_alike(informative.DIVERGENCE, both.record) for both in shared.values()]
    values = {n: f.value for record in others if record for n, f in record.figures.items()}
    made = replace(
        blank,
        tasks=tasks,
        p_values=dict(zip(tasks, holm([t.p_value for t in tasks.values()]), strict=True)),
        aggregate=aggregate,
        judged=judged,
        uninformative={name: str(why) for name, why in (floor | ceiling).items()},
        contradiction=informative.contradiction(values),
        looks=looks,
        **_extent(found, shared),
    )
    return concluded(replace(made, verdict=verdict_of(made)))


def _mean(scores: list[float]) -> float:
    return sum(scores) / len(scores)


def _uninformative(
    shared: dict[str, Shared], scores: TaskScores, margin: Margin
) -> tuple[Reasons, Reasons]:
    """Tasks whose base is at chance, and those whose base is at its ceiling, with the reason."""
    floor: Reasons = {}
    ceiling: Reasons = {}
    for both in shared.values():
        asked = asked_tasks(both.checkpoint)
        for name in [name for name in scores if name in asked]:
            mean, n = _mean(scores[name][0]), len(scores[name][0])
            cut = sum(both.checkpoint["tasks"][leaf].get("prompts_cut", 0) for leaf in asked[name])
            low = informative.at_chance(
                mean, n, chance(both.checkpoint, name), margin.of(mean), cut
            )
            high = informative.at_ceiling(mean)
            floor |= {name: low} if low else {}
            ceiling |= {name: high} if high and not low else {}
    return floor, ceiling


def _extent(found: Evidence, shared: dict[str, Shared]) -> dict[str, Any]:
    """How many documents count, were asked and are there."""
    available: dict[str, int] = {}
    incomplete: list[str] = []
    for name, both in shared.items():
        available |= found.measures[name].shown.available(both.checkpoint)
        incomplete += [
            f"{count:,} of the {asked:,} documents asked of {task}"
            for task, (count, asked) in coverage(both.base, both.checkpoint).items()
            if count < asked
        ]
    each = max(documents_each(both.base, both.checkpoint) for both in shared.values())
    return {"available": available, "incomplete": tuple(incomplete), "documents_each": each}


def _missing(base: list[Record], checkpoint: list[Record]) -> str:
    """Why tasks could not be compared."""
    for records, whose in ((checkpoint, "the checkpoint"), (base, "the base")):
        judging = [record for record in records if evidence.judges(record)]
        if not any(record.status == "ok" for record in judging):
            failed = [record.reason for record in judging if record.status != "ok"]
            return failed[-1] or "it failed" if failed else f"no task was scored on {whose}"
    return "no task was scored"
