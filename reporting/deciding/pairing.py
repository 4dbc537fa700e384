"""Quality records of two checkpoints, paired, from files that may be anybody's."""

from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import UserError
from core.records import Record
from reporting.reading import measures
from reporting.reading.results import ANALYSIS, Stored

if TYPE_CHECKING:
    from quality.comparison import Margin, Quality

UNREADABLE = (ArithmeticError, ValueError, LookupError, TypeError, AttributeError)
AVERAGES = "lm-eval's averages cannot be paired by document: run it with --log_samples"


def compare(
    base: list[Stored], checkpoint: list[Stored], margin: "Margin | None" = None
) -> "Quality":
    """What `quality.comparison.quality` says of finished records, read with their raw values.

    Records it cannot compute with become a comparison without a verdict that says why.
    """
    from quality import comparison

    try:
        both = _whole(base), _whole(checkpoint)
        compared = comparison.quality(*both, margin)
    except (UserError, *UNREADABLE) as problem:
        why = f"its records cannot be compared ({problem})"
        return comparison.Quality(tasks={}, p_values={}, aggregate=None, verdict=None, reason=why)
    averages = any(not r.raw for records in both for r in records if measures.judges(r.measure))
    open_ = compared.verdict is None and not compared.unpaired
    return replace(compared, reason=AVERAGES) if averages and open_ else compared


def _whole(stored: list[Stored]) -> list[Record]:
    return [
        record.whole()
        for record in stored
        if record.record.status == "ok" and record.record.measure != ANALYSIS
    ]
