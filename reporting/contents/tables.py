"""The report's tables as data: one a measure, in the order and the words measures declare.

A table whose column nobody can fill leaves that column out; a cell that one scheme cannot fill is
`-`, with the reason under "what is missing".
"""

from core.words import join
from reporting.contents.cells import (
    Cell,
    Column,
    Table,
    columns_of,
    filled,
    measure_notes,
    ratio_cell,
    rows_of,
)
from reporting.deciding.study import Study
from reporting.reading import measures


def one_per_scheme(study: Study, key: str, title: str, columns: list[Column]) -> Table:
    """One row a candidate that can fill any column; empty columns are dropped."""
    names, rows = filled(columns, rows_of(study, columns))
    return Table(key, title, names, rows, section=title)


def of_measures(study: Study) -> list[Table]:
    """A table a measure, of those that do not share the one of quality."""
    keys = [key for key in study.finished if measures.title(key) != measures.QUALITY]
    return [of_measure(study, key) for key in keys]


def of_measure(study: Study, key: str) -> Table:
    """A measure's figures, a row a scheme; of speed at a load also the speed-up."""
    title, load = measures.title(key), measures.load(key)
    columns = columns_of(study, key)
    if load:
        columns.append(("speed-up", lambda candidate: ratio_cell(study.speed_up(candidate, key))))
    names, rows = filled(columns, rows_of(study, columns))
    notes = [_over(study, key), *measure_notes(study, key)]
    whole = f"{title}, {load}" if load else title
    important = ("speed-up",)
    key = key.replace(" ", "-")
    return Table(key, whole, names, rows, notes, title, measured=True, important=important)


def _over(study: Study, key: str) -> str:
    """What the intervals of a measure are over, and what its speed-up is of."""
    measure = measures.of_key(key)
    if measure is not None and measure.counted:
        return "counted, not timed: no interval"
    if max(study.rounds, default=1) == 1:
        return "one load each: no interval, and no scheme is called faster"
    several = f"{join([str(number) for number in study.rounds], 'or')} fresh loads each"
    interval = f"in brackets the ends of the 95 % interval; {several}"
    if len(study.rounds) > 1:
        interval += " (those of fewer were not in every round: compare speed-ups, not figures)"
    if not measures.load(key):
        return interval
    compared = measures.quantity(key, measures.headline(key))
    return (
        f"{interval}; speed-up: of the {compared.title if compared else 'first column'}, round by "
        f"round, at 95 % over all schemes together; ~: indistinguishable from BASE"
    )


def missing(study: Study) -> Table:
    """What was not measured, with the reason: failed records, absent measures."""
    rows: list[list[Cell]] = []
    wanted = [k for k in study.finished if any(k in c.performance for c in study.candidates)]
    for candidate in study.candidates:
        reasons: dict[str, list[str]] = {}
        for key in candidate.stored:
            problem = candidate.problem(key)
            if problem:
                reasons.setdefault(problem, []).append(key)
        absent = [key for key in wanted if key not in candidate.performance]
        if absent:
            reasons.setdefault("no record", []).extend(absent)
        for reason, keys in reasons.items():
            rows.append([Cell(candidate.scheme), Cell(", ".join(keys)), Cell(reason)])
    title = "What is missing"
    return Table("missing", title, ["scheme", "measures", "reason"], rows, section=title, names=2)
