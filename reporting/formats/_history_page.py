"""`--history` as one HTML file: how each figure went from run to run, drawn and in tables."""

from typing import Any

from core.measure import Quantity
from core.records import Figure, Record
from core.words import UNNAMED, full_text, scale
from reporting.contents.changes import RunComparison, headlined
from reporting.deciding.runs import RecordedRun
from reporting.formats import _page as page
from reporting.reading import measures


def html(history: RunComparison) -> str:
    """The whole page of a model's runs, oldest first, with the tables of the other formats."""
    runs = history.runs
    data = {"history": charts(runs)}
    parts = [page.section("figures", "From run to run", page.chart("history", data["history"]))]
    parts += [page.section(table.key, table.title, page.table(table)) for table in history.tables]
    where = f"{len(runs)} runs, {runs[0].ended[:10]} to {runs[-1].ended[:10]}"
    return page.whole(f"How {history.model} went", where, [part for part in parts if part], data)


def charts(known: list[RecordedRun]) -> list[dict[str, Any]]:
    """One chart a headline figure, a line a scheme; points have run, end, value and interval."""
    keys = headlined(key for run in known for _, key in run.stored)
    return [chart for key in keys if (chart := _chart(known, key))["lines"]]


def _chart(known: list[RecordedRun], key: str) -> dict[str, Any]:
    name = measures.headline(key)
    quantity = measures.declared(key)[name]
    points = [
        (run, scheme, stored.record, stored.record.figures[name])
        for run in known
        for (scheme, of), stored in run.stored.items()
        if of == key and name in stored.record.figures
    ]
    largest = max((figure.value for *_, figure in points), default=0.0)
    factor, unit = scale(largest, quantity.unit, quantity.shown_in)
    lines: dict[str, list[dict[str, Any]]] = {}
    for run, scheme, record, figure in points:
        lines.setdefault(scheme, []).append(_point(run, record, figure, quantity, factor))
    return {
        "title": measures.headline_title(key),
        "unit": "" if unit in UNNAMED else unit,
        "better": quantity.better,
        "lines": lines,
    }


def _point(
    run: RecordedRun, record: Record, figure: Figure, quantity: Quantity, factor: float
) -> dict[str, Any]:
    low, high = (None if end is None else end * factor for end in (figure.low, figure.high))
    return {
        "run": run.name,
        "at": record.ended[:19],
        "value": figure.value * factor,
        "low": low,
        "high": high,
        "full": full_text(figure, quantity.shown_in),
    }
