"""Comparisons of runs as tables: what changed between two, and figures over all."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from core.records import Figure
from core.words import full_text, join, ratio_text
from reporting.contents.cells import EMPTY, Cell, Table, Tone
from reporting.deciding.candidate import BASE
from reporting.deciding.history import Called, Change
from reporting.deciding.runs import RecordedRun
from reporting.reading import measures

SAME: Called = "no difference"
TONES: dict[str, Tone] = {"regression": "bad", "improvement": "good"}


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """Runs against each other before they have a form: tables, and what changed.

    `runs` are those of a history, oldest first; of a comparison of two there are none.
    """

    model: str
    tables: list[Table]
    changes: list[Change]
    runs: list[RecordedRun] = field(default_factory=list)

    @property
    def regressions(self) -> list[Change]:
        """What got worse."""
        return [change for change in self.changes if change.called == "regression"]


def change_table(changes: list[Change], before: str, after: str) -> Table:
    """One row a figure that differs: before, after, how much better (above 1), the call.

    Figures without a difference are counted in one line below.
    """
    same = [c for c in changes if c.called == SAME]
    columns = ["scheme", "measure", "figure", before, after, "better by", "called"]
    rows = [
        [
            Cell(c.scheme),
            Cell(c.measure),
            Cell(c.figure or "-"),
            _cell(c.measure, c.figure, c.before),
            _cell(c.measure, c.figure, c.after),
            Cell(ratio_text(c.ratio), c.ratio.value) if c.ratio else EMPTY,
            Cell(
                f"{c.called} ({c.reason})" if c.reason else c.called, None, TONES.get(c.called, "")
            ),
        ]
        for c in changes
        if c.called != SAME
    ]
    notes = [
        "better by: above 1 is better, whatever the unit; intervals are at 95 % over all tested "
        "figures, the differences between runs included; not tested: too few runs to know how much "
        "they differ"
    ]
    notes = [*_without_difference(same), *notes] if rows else _without_difference(same)
    important = ("better by", "called")
    return Table("changes", "Changes", columns, rows, notes, names=3, important=important)


def _without_difference(changes: list[Change]) -> list[str]:
    """How many figures are the same, by measure, in one line."""
    if not changes:
        return []
    counts = Counter(change.measure for change in changes)
    schemes = join(list(dict.fromkeys(change.scheme for change in changes)))
    listed = ", ".join(f"{count} of {measure}" for measure, count in counts.items())
    figures = "1 figure" if len(changes) == 1 else f"{len(changes)} figures"
    return [f"{figures} without a difference: {listed} ({schemes})"]


def _cell(measure: str, name: str, figure: Figure | None) -> Cell:
    """A figure with its unit, and half of its interval where it has one."""
    if figure is None:
        return EMPTY
    return Cell(full_text(figure, measures.shown_in(measure, name)), figure.value)


def history_tables(known: list[RecordedRun]) -> list[Table]:
    """One table a scheme: a row a run, oldest first, a column a headline figure."""
    schemes = dict.fromkeys(scheme for run in known for scheme, _ in run.stored)
    ordered = sorted(schemes, key=lambda scheme: (scheme != BASE, scheme))
    return [table for scheme in ordered if (table := _of_scheme(known, scheme)).rows]


def _of_scheme(known: list[RecordedRun], scheme: str) -> Table:
    keys = headlined({key for run in known for owner, key in run.stored if owner == scheme})
    rows = []
    for run in known:
        records = {k: run.stored[scheme, k].record for k in keys if (scheme, k) in run.stored}
        figures = {k: r.figures.get(measures.headline(k)) for k, r in records.items()}
        if any(figures.values()):
            newest = max(records.values(), key=lambda r: r.ended)
            commit = str(newest.machine.get("git_commit") or "-")
            ended = newest.ended[:16].replace("T", " ")
            cells = [_cell(key, measures.headline(key), figures.get(key)) for key in keys]
            rows.append([Cell(run.name), Cell(ended), Cell(commit), *cells])
    columns = ["run", "ended (UTC)", "commit", *map(measures.headline_title, keys)]
    return Table(f"history-{scheme}", scheme, columns, rows)


def headlined(keys: Iterable[str]) -> list[str]:
    """The measures that have a headline figure, as reports order them."""
    return [key for key in measures.ordered(keys) if measures.headline(key)]


def as_json(comparison: RunComparison) -> dict[str, Any]:
    """What changed, and how much of it for the worse, as plain data."""
    return {
        "changes": [change_json(change) for change in comparison.changes],
        "regressions": len(comparison.regressions),
    }


def change_json(change: Change) -> dict[str, Any]:
    """A change as plain data."""
    plain = asdict(change)
    for side in ("before", "after"):
        figure = getattr(change, side)
        plain[side] = figure.model_dump() if figure else None
    return plain
