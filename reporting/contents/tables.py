"""The report's tables as data: one a measure, in the order and the words measures declare.

A table whose column nobody can fill leaves that column out; a cell that one scheme cannot fill is
`-`, with the reason under "what is missing".
"""

from core.words import join
from reporting.contents.cells import (
    EMPTY,
    Cell,
    Column,
    Table,
    columns_of,
    filled,
    measure_notes,
    ratio_cell,
    rows_of,
    without_empty,
)
from reporting.deciding.study import Study
from reporting.reading import measures


def one_per_scheme(study: Study, key: str, title: str, columns: list[Column]) -> Table:
    """One row a candidate that can fill any column; empty columns are dropped."""
    names, rows = filled(columns, rows_of(study, columns))
    return Table(key, title, names, rows, section=title)


def of_measures(study: Study) -> list[Table]:
    """A table a measure, of those that do not share the one of quality; loads of a title in one."""
    groups: dict[str, list[str]] = {}
    for key in study.finished:
        if (title := measures.title(key)) != measures.QUALITY:
            groups.setdefault(title if measures.load(key) else key, []).append(key)
    return [of_keys(study, keys) for keys in groups.values()]


def of_keys(study: Study, keys: list[str]) -> Table:
    """Figures of a measure, a row a scheme, or speed at several loads, a row a load and scheme."""
    title = measures.title(keys[0])
    rows: list[list[Cell]] = []
    columns = {key: dict(columns_of(study, key)) for key in keys}
    figures = list(dict.fromkeys(name for of_key in columns.values() for name in of_key))
    loads = [measures.load(key) for key in keys]
    headings = ["scheme", *(["load", "speed-up"] if any(loads) else []), *figures]
    for key, load in zip(keys, loads, strict=True):
        made = [columns[key].get(name) for name in figures]
        for candidate in study.candidates:
            cells = [cell(candidate) if cell else EMPTY for cell in made]
            if any(cell != EMPTY for cell in cells):
                faster = [Cell(load), ratio_cell(study.speed_up(candidate, key))] if load else []
                rows.append([Cell(candidate.scheme), *faster, *cells])
    headings, rows = without_empty(headings, rows)
    noted = [note for key in keys for note in measure_notes(study, key)]
    notes = list(dict.fromkeys([_over(study, keys), *noted]))
    key = title.lower() if len(keys) > 1 else keys[0].replace(" ", "-")
    names, important = 2 if any(loads) else 1, ("speed-up",)
    return Table(
        key, title, headings, rows, notes, title, measured=True, names=names, important=important
    )


def _over(study: Study, keys: list[str]) -> str:
    """What the intervals are over, and what speed-ups are of."""
    measure = measures.of_key(keys[0])
    if measure is not None and measure.counted:
        return "counted, not timed: no interval"
    if max(study.rounds, default=1) == 1:
        return "one load each: no interval, and no scheme is called faster"
    several = f"{join([str(number) for number in study.rounds], 'or')} fresh loads each"
    interval = f"in brackets the ends of the 95 % interval; {several}"
    if len(study.rounds) > 1:
        interval += " (those of fewer were not in every round: compare speed-ups, not figures)"
    if not measures.load(keys[0]):
        return interval
    return (
        f"{interval}; speed-up: {_compared(keys)}, round by round, at 95 % over all schemes "
        "together; ~: indistinguishable from BASE"
    )


def _compared(keys: list[str]) -> str:
    """The figures that speed-ups are of: `latency of one user, tokens/s of 8 users`."""
    loads: dict[str, list[str]] = {}
    for key in keys:
        quantity = measures.quantity(key, measures.headline(key))
        loads.setdefault(quantity.title if quantity else "first figure", []).append(
            measures.load(key)
        )
    return ", ".join(f"{title} of {join(names)}" for title, names in loads.items())


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
