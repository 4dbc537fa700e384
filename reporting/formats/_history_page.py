"""`--history` as one HTML file: how each figure went from run to run, drawn and in tables."""

from typing import Any

from core.records import Figure, Record
from core.words import users
from reporting.contents.changes import HEADLINES
from reporting.contents.charts import MIB
from reporting.contents.tables import Table
from reporting.deciding.context import measure_order
from reporting.deciding.runs import Run
from reporting.formats import html as page


def html(model: str, known: list[Run], tables: list[Table]) -> str:
    """The whole page of a model's runs, oldest first, with the tables of the other formats."""
    data = {"history": charts(known)}
    parts = [page.section("figures", "From run to run", page.chart("history", data))]
    parts += [page.section(one.key, one.title, page.table(one)) for one in tables if one.rows]
    where = f"{len(known)} runs, {known[0].ended[:10]} to {known[-1].ended[:10]}"
    return page.whole(f"How {model} went", where, parts, data)


def charts(known: list[Run]) -> list[dict[str, Any]]:
    """One chart a headline figure, a line a scheme; points have run, end, value and interval."""
    measures = sorted({measure for run in known for _, measure in run.stored}, key=measure_order)
    shown = [m for m in measures if m.partition(" ")[0] in HEADLINES]
    return [made for measure in shown if (made := _chart(known, measure))["lines"]]


def _chart(known: list[Run], measure: str) -> dict[str, Any]:
    name, title = HEADLINES[measure.partition(" ")[0]]
    lines: dict[str, list[dict[str, Any]]] = {}
    unit, better = "", "none"
    for run in known:
        for (scheme, of), stored in run.stored.items():
            figure = stored.record.figures.get(name)
            if of == measure and figure is not None:
                unit, better = figure.unit, figure.better
                lines.setdefault(scheme, []).append(_point(run, stored.record, figure))
    return {
        "title": title.format(users(measure)),
        "unit": "MiB" if unit == "bytes" else unit,
        "better": better,
        "lines": lines,
    }


def _point(run: Run, record: Record, figure: Figure) -> dict[str, Any]:
    factor = 1 / MIB if figure.unit == "bytes" else 1
    low, high = (None if end is None else end * factor for end in (figure.low, figure.high))
    return {
        "run": run.name,
        "at": record.ended[:19],
        "value": figure.value * factor,
        "low": low,
        "high": high,
    }
