"""A page that works from disk: no network, charts and styles inside; its parts are built here.

Texts are escaped by `_markup`; data for the charts is JSON in which `<` cannot occur; the content
security policy lets only our own scripts run and nothing be fetched.
"""

import base64
import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core import cli
from reporting.contents import glossary
from reporting.contents.cells import Cell, Table
from reporting.formats._markup import Markup, element, raw, together

HERE = Path(__file__).parent
SHORT = 24  # characters of a cell that is not broken


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


def slug(title: str) -> str:
    """A heading as an id."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _plotly() -> str:
    """plotly.js from the Python package, read without importing it; cannot close its script."""
    package = find_spec("plotly")
    assert package is not None and package.origin is not None
    path = Path(package.origin).parent / "package_data" / "plotly.min.js"
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
    return cli.json_text(data, allow_nan=False).replace("<", "\\u003c")


def _header(title: str, where: str) -> Markup:
    button = element("button", type="button", id="theme", hidden=True)  # page.js says what it does
    return element("header", element("div", element("h1", title), element("p", where)), button)


def section(key: str, title: str, *children: str) -> Markup:
    """A part of the page under a heading; nothing where it would be empty."""
    if not any(children):
        return Markup("")
    heading = element("h2", title, id=f"h-{key}")
    return element("section", heading, *children, id=key, aria_labelledby=f"h-{key}")


def chart(metric: str, drawn: list[dict[str, Any]]) -> Markup:
    """Places for a metric's charts; the tables carry the same numbers for who cannot see them."""
    places = [
        element(
            "div",
            class_="chart",
            id=f"chart-{metric}-{n}",
            role="img",
            aria_label=f"Chart of {metric}: {panel['title']}. The tables have its numbers.",
        )
        for n, panel in enumerate(drawn)
    ]
    shape = {1: " one", 2: " two", 4: " two"}.get(len(drawn), "")
    return element("div", *places, class_=f"panels{shape}")


def table(contents: Table) -> Markup:
    """A sortable table; the first cell of a row is its header."""
    numbers = [
        any(row[n].value is not None for row in contents.rows) for n in range(len(contents.columns))
    ]
    heads = [
        element(
            "th",
            element("button", _explained(name), type="button", class_="sort"),
            scope="col",
            class_="number" if number else None,
        )
        for name, number in zip(contents.columns, numbers, strict=True)
    ]
    rows = [_row(row, numbers) for row in contents.rows]
    drawn = element(
        "table",
        element("caption", contents.title),
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
    )
    notes = [element("p", note, class_="note") for note in contents.notes]
    frame = element(
        "div",
        drawn,
        class_="frame",
        tabindex="0",
        role="region",
        aria_label=f"Table: {contents.title}",
    )
    return together(frame, *notes)


def _explained(heading: str) -> str:
    """A heading with what its words mean as a tooltip."""
    meaning, parts = glossary.explain(heading), heading.split(", ")  # broken behind commas only
    spans = [element("span", f"{part},") for part in parts[:-1]]
    broken = together(*(f for span in spans for f in (span, " ")), element("span", parts[-1]))
    shown = broken if spans else heading
    return element("abbr", shown, title=meaning) if meaning else shown


def _row(row: list[Cell], numbers: list[bool]) -> Markup:
    first, *rest = row
    cells = [element("th", first.text, scope="row")]
    for cell, number in zip(rest, numbers[1:], strict=True):
        whole = "whole" if len(cell.text) <= SHORT else ""  # on one line
        classes = " ".join(filter(None, ["number" if number else whole, cell.tone]))
        value = None if cell.value is None else repr(float(cell.value))
        cells.append(element("td", cell.text, class_=classes or None, data_value=value))
    return element("tr", *cells)


def bullets(lines: list[str] | list[Markup]) -> Markup:
    return element("ul", *(element("li", line) for line in lines)) if lines else Markup("")


def pairs(rows: list[tuple[str, str]]) -> Markup:
    """Names and texts as a definition list."""
    items = [element("div", element("dt", name), element("dd", text)) for name, text in rows]
    return element("dl", *items) if items else Markup("")
