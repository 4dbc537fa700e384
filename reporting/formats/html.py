"""The report as one HTML file that works from disk: no network, charts and styles inside.

Texts are escaped by `markup`; data for the charts is JSON in which `<` cannot occur; the content
security policy lets only our own scripts run and nothing be fetched.
"""

import base64
import hashlib
import json
import re
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reporting.contents import charts, checkpoints
from reporting.contents.document import Report
from reporting.contents.tables import Cell, Table
from reporting.deciding.decision import Outcome
from reporting.deciding.reasons import GOALS
from reporting.formats import _details as details
from reporting.formats._markup import Markup, element, raw, together

HERE = Path(__file__).parent
SECTIONS = {  # heading -> its charts, and the tables whose keys start so
    "Speed": (("speed", "latency"), ("sequential", "batch")),
    "Memory": (("memory",), ("memory",)),
    "Quality": (("quality",), ("quality", "tasks")),
    "Checkpoints": (("dtypes", "sqnr"), ("checkpoints",)),
    "Loading": ((), ("loading",)),
    "What is missing": ((), ("missing",)),
}
MOST_POINTS = 400  # dots of one scheme in the latency chart


def html(report: Report) -> str:
    """The whole page of a report."""
    told = dict(report.environment)
    engine = f"{told.get('engine', '')} {told.get('vllm', '')}".strip()
    where = " · ".join(filter(None, [told.get("hardware"), engine, told.get("measured")]))
    data = chart_data(report)
    return whole(report.title, where, _sections(report, data), data)


def whole(title: str, where: str, sections: list[Markup], data: dict[str, Any]) -> str:
    """A page: title, a line below it, sections, and the data of its charts (see page.js)."""
    plotly = _plotly()
    script = (HERE / "page.js").read_text(encoding="utf-8")
    style = (HERE / "page.css").read_text(encoding="utf-8")
    head = together(
        raw('<meta charset="utf-8">'),
        raw('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        raw(f'<meta http-equiv="Content-Security-Policy" content="{_policy(plotly, script)}">'),
        element("title", title),
        element("style", raw(style)),
    )
    body = together(
        element("a", "Skip to the report", href="#main", class_="skip"),
        _header(title, where),
        element("main", *sections, id="main"),
        element("footer", "Made by report.py from the records named in each scheme's details."),
        raw(f'<script type="application/json" id="charts">{embedded(data)}</script>'),
        raw(f"<script>{plotly}</script><script>{script}</script>"),
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def file_name(model: str) -> str:
    """A model's name as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", model)


def _plotly() -> str:
    """plotly.js from the Python package, read without importing it; cannot close its script."""
    found = find_spec("plotly")
    assert found is not None and found.origin is not None
    path = Path(found.origin).parent / "package_data" / "plotly.min.js"
    return path.read_text(encoding="utf-8").replace("</script", "<\\/script")


def _policy(*scripts: str) -> str:
    digests = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def embedded(data: Any) -> str:
    """JSON that is safe inside a script element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def chart_data(report: Report) -> dict[str, Any]:
    """What page.js draws: panels of bars, the scatter, the distributions; absent ones left out."""
    study = report.study
    data: dict[str, Any] = {}
    scatter = charts.tradeoff(study)
    if scatter is not None:
        data["tradeoff"] = asdict(scatter)
    for metric in ("speed", "memory", "quality"):
        panels = charts.panels(study, metric)
        if panels:
            data[metric] = [asdict(panel) for panel in panels]
    latency = charts.latency(study)
    if latency is not None:
        data["latency"] = asdict(latency)
        data["latency"]["values"] = {name: v[:MOST_POINTS] for name, v in latency.values.items()}
    return {**data, **checkpoints.chart_data(study)}


def _header(title: str, where: str) -> Markup:
    button = element("button", "Dark", type="button", id="theme", aria_pressed="false", hidden=True)
    return element("header", element("div", element("h1", title), element("p", where)), button)


def _sections(report: Report, data: dict[str, Any]) -> list[Markup]:
    parts = [_decision(report), _notes(report)]
    if "tradeoff" in data:
        parts.append(section("tradeoff", data["tradeoff"]["title"], chart("tradeoff", data)))
    parts.append(section("observations", "Observations", _list(report.observations)))
    parts += [_topic(report, data, title) for title in SECTIONS]
    parts.append(section("schemes", "Each scheme", *details.schemes(report.study)))
    parts.append(section("environment", "Test environment", pairs(report.environment)))
    return [part for part in parts if part]


def _topic(report: Report, data: dict[str, Any], title: str) -> Markup:
    """One heading with its charts and tables."""
    wanted, keys = SECTIONS[title]
    drawn = [chart(metric, data) for metric in wanted if metric in data]
    chosen = [one for one in report.tables if one.key.startswith(keys)]
    tables = [
        together(element("h3", one.title) if one.title != title else "", table(one))
        for one in chosen
    ]
    return section(title.lower().replace(" ", "-"), title, *drawn, *tables)


def section(key: str, title: str, *children: str) -> Markup:
    """A part of the page under a heading; nothing where it would be empty."""
    if not any(children):
        return Markup("")
    heading = element("h2", title, id=f"h-{key}")
    return element("section", heading, *children, id=key, aria_labelledby=f"h-{key}")


def _decision(report: Report) -> Markup:
    cards = [_card(outcome) for outcome in report.outcomes]
    return section("decision", "Decision", element("div", *cards, class_="cards"))


def _card(outcome: Outcome) -> Markup:
    badge = element(
        "span",
        "decided" if outcome.decided else "undecided",
        class_=f"badge {'good' if outcome.decided else 'open'}",
    )
    parts = [
        element("p", f"For {GOALS[outcome.use_case]} ", badge, class_="goal"),
        element("h3", outcome.winner or "no scheme"),
        element("p", outcome.sentence),
    ]
    if outcome.command:
        parts.append(
            _command("Deploy it:" if outcome.decided else "Deploy meanwhile:", outcome.command)
        )
    if outcome.to_decide:
        commands = [_command("Run:", command) for command in outcome.to_decide]
        parts.append(element("details", element("summary", "How to decide it"), *commands))
    if outcome.losers:
        lost = [together(element("strong", names), f": {why}") for names, why in outcome.lost]
        parts.append(element("details", element("summary", "Why not the others"), _list(lost)))
    return element("article", *parts, class_="card")


def _command(label: str, command: str) -> Markup:
    """A command below its label, broken between options: each stays with its value."""
    copy = element(
        "button", "Copy", type="button", class_="copy", hidden=True, aria_label=f"Copy: {command}"
    )
    options = [element("span", option) for option in re.split(" (?=--)", command)]
    spaced = [part for option in options for part in (option, " ")][:-1]
    code = element("pre", element("code", *spaced), tabindex="0")
    return element("div", element("p", label, class_="label"), copy, code, class_="command")


def _notes(report: Report) -> Markup:
    return section("notes", "Before you compare", _list(report.notes))


def _list(lines: list[str] | list[Markup]) -> Markup:
    return element("ul", *(element("li", line) for line in lines)) if lines else Markup("")


def chart(metric: str, data: dict[str, Any]) -> Markup:
    """Places for a metric's charts; the tables carry the same numbers for who cannot see them."""
    drawn = data[metric] if isinstance(data[metric], list) else [data[metric]]
    places = [
        element(
            "div",
            class_="chart",
            id=f"chart-{metric}-{n}",
            role="img",
            aria_label=f"Chart of {metric}: {one['title']}. The tables have its numbers.",
        )
        for n, one in enumerate(drawn)
    ]
    shape = {1: " one", 2: " two", 4: " two"}.get(len(drawn), "")
    return element("div", *places, class_=f"panels{shape}")


def table(one: Table) -> Markup:
    """A sortable table; the first cell of a row is its header."""
    numbers = [any(row[n].value is not None for row in one.rows) for n in range(len(one.columns))]
    heads = [
        element(
            "th",
            element("button", name, type="button", class_="sort"),
            scope="col",
            class_="number" if number else None,
        )
        for name, number in zip(one.columns, numbers, strict=True)
    ]
    rows = [_row(row, numbers) for row in one.rows]
    drawn = element(
        "table",
        element("caption", one.title),
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
    )
    notes = [element("p", note, class_="note") for note in one.notes]
    frame = element(
        "div", drawn, class_="frame", tabindex="0", role="region", aria_label=f"Table: {one.title}"
    )
    return together(frame, *notes)


def _row(row: list[Cell], numbers: list[bool]) -> Markup:
    first, *rest = row
    cells = [element("th", first.text, scope="row")]
    for cell, number in zip(rest, numbers[1:], strict=True):
        classes = " ".join(filter(None, ["number" if number else "", cell.tone]))
        value = None if cell.value is None else repr(float(cell.value))
        cells.append(element("td", cell.text, class_=classes or None, data_value=value))
    return element("tr", *cells)


def pairs(rows: list[tuple[str, str]]) -> Markup:
    """Names and texts as a definition list."""
    items = [element("div", element("dt", name), element("dd", text)) for name, text in rows]
    return element("dl", *items) if items else Markup("")
