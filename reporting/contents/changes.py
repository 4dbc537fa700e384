"""Comparisons of runs as tables: what changed between two, and figures over all."""

from dataclasses import asdict
from typing import Any

from core.records import Figure
from core.words import ratio_text, users, with_unit
from reporting.contents.tables import EMPTY, Cell, Table, Tone
from reporting.deciding.context import measure_order
from reporting.deciding.history import Change
from reporting.deciding.runs import Run

TONES: dict[str, Tone] = {"regression": "bad", "improvement": "good"}
HEADLINES = {
    "load": ("load_s", "load"),
    "memory": ("weights_bytes", "weights"),
    "sequential": ("e2e_latency_s", "latency, one user"),
    "batch": ("output_tokens_per_s", "throughput, {}"),
    "perplexity": ("perplexity", "perplexity"),
    "divergence": ("kl_mean", "KL mean"),
    "references": ("rouge_l", "ROUGE-L"),
}


def change_table(changes: list[Change], before: str, after: str) -> Table:
    """One row a figure: before, after, how much better (above 1) with its interval, the call."""
    columns = ["scheme", "measure", "figure", before, after, "better by", "called"]
    rows = [
        [
            Cell(c.scheme),
            Cell(c.measure),
            Cell(c.figure or "-"),
            interval(c.before),
            interval(c.after),
            Cell(ratio_text(c.ratio), c.ratio.value) if c.ratio else EMPTY,
            Cell(
                f"{c.called} ({c.reason})" if c.reason else c.called, None, TONES.get(c.called, "")
            ),
        ]
        for c in changes
    ]
    notes = [
        "better by: above 1 is better, whatever the unit; intervals are at 95 % over all tested "
        "figures, the differences between runs included; not tested: too few runs to know the noise"
    ]
    return Table("changes", "Changes", columns, rows, notes)


def interval(figure: Figure | None) -> Cell:
    """A figure with its unit, and half of its interval where it has one."""
    if figure is None:
        return EMPTY
    text = with_unit(figure.value, figure.unit)
    if figure.low is not None and figure.high is not None and figure.high > figure.low:
        text += f" ±{100 * (figure.high - figure.low) / 2 / abs(figure.value or 1):.1f} %"
    return Cell(text, figure.value)


def history_tables(known: list[Run]) -> list[Table]:
    """One table a scheme: a row a run, oldest first, a column a headline figure."""
    schemes = dict.fromkeys(scheme for run in known for scheme, _ in run.stored)
    ordered = sorted(schemes, key=lambda s: (s != "BASE", s))
    return [table for scheme in ordered if (table := _of_scheme(known, scheme)).rows]


def _of_scheme(known: list[Run], scheme: str) -> Table:
    measures = sorted(
        {measure for run in known for owner, measure in run.stored if owner == scheme},
        key=measure_order,
    )
    shown = [(m, *HEADLINES[kind]) for m in measures if (kind := m.partition(" ")[0]) in HEADLINES]
    rows = []
    for run in known:
        mine = {m: run.stored[scheme, m].record for m, *_ in shown if (scheme, m) in run.stored}
        if any(name in mine[m].figures for m, name, _ in shown if m in mine):
            newest = max(mine.values(), key=lambda r: r.ended)
            commit = str(newest.machine.get("git_commit") or "-")
            cells = [interval(mine[m].figures.get(n)) if m in mine else EMPTY for m, n, _ in shown]
            rows.append(
                [Cell(run.name), Cell(newest.ended[:16].replace("T", " ")), Cell(commit), *cells]
            )
    columns = ["run", "ended (UTC)", "commit", *(title.format(users(m)) for m, _, title in shown)]
    return Table(f"history-{scheme}", scheme, columns, rows)


def change_json(change: Change) -> dict[str, Any]:
    """A change as plain data."""
    plain = asdict(change)
    for side in ("before", "after"):
        figure = getattr(change, side)
        plain[side] = figure.model_dump() if figure else None
    return plain
