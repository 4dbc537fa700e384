"""Which schemes further rounds may still rank: what `--rounds auto` goes on with."""

from typing import TYPE_CHECKING

from core.records import Record
from reporting.deciding import study
from reporting.deciding.candidate import BASE
from reporting.deciding.decision import rate
from reporting.deciding.ranking import USE_CASES, Ranking

if TYPE_CHECKING:
    from quality.comparison import Margin


def contenders(records: list[Record], margins: "dict[str, Margin] | None" = None) -> set[str]:
    """Of the records of a run so far: leaders with a rival, their rivals, and the base with them.

    Empty where every use case is decided, as far as rounds can decide it.
    """
    run = study.of_records(records, margins)
    schemes: set[str] = set()
    for use_case in USE_CASES:
        rated, _ = rate(run, use_case)
        ranking = Ranking(run, use_case, rated)
        if rated and ranking.rivals:
            open_ = [ranking.lead, *ranking.rivals]
            schemes |= {BASE, *(rating.candidate.scheme for rating in open_)}
    return schemes
