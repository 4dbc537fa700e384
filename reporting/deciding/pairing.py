"""Quality records of two checkpoints, paired, from files that may be anybody's."""

from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import UserError
from core.records import Record
from reporting.reading.results import ANALYSIS, Stored

if TYPE_CHECKING:
    from quality.comparison import Margin, Quality

AVERAGES = "lm-eval's averages cannot be paired by document: run it with --log_samples"


def compare(base: list[Stored], mine: list[Stored], margin: "Margin | None" = None) -> "Quality":
    """What `quality.comparison.quality` says of finished records, read with their raw values.

    Records it cannot reckon with become a comparison without a verdict that says why.
    """
    from quality import comparison

    try:
        theirs, ours = _whole(base), _whole(mine)
        found = comparison.quality(_scored(theirs), _scored(ours), margin)
    except (UserError, ArithmeticError, ValueError, KeyError, TypeError) as problem:
        why = f"its records cannot be compared ({problem})"
        return comparison.Quality(tasks={}, p_values={}, aggregate=None, verdict=None, reason=why)
    averages = len(_scored(theirs)) + len(_scored(ours)) < len(theirs) + len(ours)
    return replace(found, reason=AVERAGES) if averages and found.verdict is None else found


def _whole(stored: list[Stored]) -> list[Record]:
    return [
        one.whole()
        for one in stored
        if one.record.status == "ok" and one.record.measure != ANALYSIS
    ]


def _scored(records: list[Record]) -> list[Record]:
    """Without task scores that have no documents."""
    return [r for r in records if r.measure != "harness" or (r.raw or {}).get("tasks")]
