"""The report as one HTML file that works from disk: no network, charts and styles inside."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reporting.contents import charts, checkpoints, glossary
from reporting.contents.cells import Tone
from reporting.contents.changes import RunComparison
from reporting.contents.document import Report, Request, on_engine
from reporting.contents.environment import engine_text
from reporting.contents.tradeoff import tradeoff
from reporting.deciding.decision import Outcome
from reporting.deciding.reasons import GOALS
from reporting.deciding.rule import LATENCY
from reporting.formats import _details as details
from reporting.formats import _history_page as history_page
from reporting.formats._format import Format, write_text
from reporting.formats._markup import Markup, element, together
from reporting.formats._page import bullets, chart, file_name, pairs, section, slug, table, whole
from reporting.reading import measures

SCHEMES = "Each scheme"
MOST_POINTS = 400  # dots of one scheme in the latency chart


def html(report: Report) -> str:
    """The whole page of a report."""
    facts = dict(report.environment)
    engine = engine_text(report.environment)
    where = " · ".join(filter(None, [facts.get("hardware"), engine, facts.get("measured")]))
    data = chart_data(report)
    return whole(report.title, where, _sections(report, data), data)


def chart_data(report: Report) -> dict[str, Any]:
    """What page.js draws: panels of bars, the scatter, the distributions; absent ones left out."""
    study = report.study
    panels = charts.panels(study)
    data: dict[str, Any] = {
        "panels": {name: [asdict(panel) for panel in group] for name, group in panels.items()}
    }
    scatter = tradeoff(study)
    if scatter is not None:
        data["tradeoff"] = asdict(scatter)
    latency = charts.latency(study)
    if latency is not None:
        data["latency"] = asdict(latency)
        data["latency"]["values"] = {name: v[:MOST_POINTS] for name, v in latency.values.items()}
    return {**data, **checkpoints.chart_data(study)}


def _sections(report: Report, data: dict[str, Any]) -> list[Markup]:
    first, *rest = dict.fromkeys(table.section for table in report.tables)
    parts = [_decision(report), _topic(report, data, first), _notes(report)]
    if "tradeoff" in data:
        drawn = data["tradeoff"]
        parts.append(section("tradeoff", drawn["title"], chart("tradeoff", [drawn])))
    parts.append(section("observations", "Observations", bullets(report.observations)))
    parts += [_topic(report, data, title) for title in rest]
    parts.append(section("schemes", SCHEMES, *details.schemes(report.study)))
    for other in report.others:
        title = on_engine(SCHEMES, other.study)
        parts.append(section(slug(title), title, *details.schemes(other.study)))
    parts.append(section("environment", "Test environment", pairs(report.environment)))
    words = glossary.meanings([name for table in report.tables for name in table.columns])
    parts.append(section("words", "Words", pairs(list(words.items()))))
    return [part for part in parts if part]


def _topic(report: Report, data: dict[str, Any], title: str) -> Markup:
    """One heading with its charts and tables."""
    chosen = [shown for shown in report.tables if shown.section == title]
    tables = [
        together(element("h3", shown.title) if shown.title != title else "", table(shown))
        for shown in chosen
    ]
    return section(slug(title), title, *_charts(data, title), *tables)


def _charts(data: dict[str, Any], title: str) -> list[Markup]:
    """The charts of a section: its panels, single requests of latency, insides of layers."""
    panels = data["panels"].get(title.lower(), [])
    drawn = [chart(slug(title), panels)] if panels else []
    if "latency" in data and title == measures.title(LATENCY):
        drawn.append(chart("latency", [data["latency"]]))
    if title == checkpoints.TITLE:
        drawn += [chart("dtypes", [data["dtypes"]])] if "dtypes" in data else []
        drawn += [chart("sqnr", data["sqnr"])] if "sqnr" in data else []
    return drawn


def _decision(report: Report) -> Markup:
    cards = [_card(outcome) for outcome in report.outcomes]
    return section("decision", "Decision", element("div", *cards, class_="cards"))


def _card(outcome: Outcome) -> Markup:
    certainty, tone = _certainty(outcome)
    badge = element("span", certainty, class_=f"badge {tone}")
    parts = [
        element("p", f"For {GOALS[outcome.use_case]} ", badge, class_="goal"),
        element("h3", outcome.winner or "no scheme"),
        element("p", outcome.headline, class_="headline") if outcome.headline else "",
    ]
    if outcome.command:
        parts.append(
            _command("Deploy it:" if outcome.decided else "Deploy meanwhile:", outcome.command)
        )
    reason = "Why" if outcome.decided else "What is undecided"
    folded = outcome.winner is not None
    parts.append(_fold(reason, element("p", outcome.sentence), is_open=not folded))
    if outcome.to_decide:
        commands = [_command("Run:", command) for command in outcome.to_decide]
        parts.append(_fold("How to decide it", *commands))
    if outcome.losers:
        losers = [together(element("strong", names), f": {why}") for names, why in outcome.lost]
        parts.append(_fold("Why not the others", bullets(losers)))
    return element("article", *parts, class_="card")


def _certainty(outcome: Outcome) -> tuple[str, Tone]:
    """The word on a card's badge and its colour: green only where a scheme is chosen for good."""
    if not outcome.decided:
        return "undecided", "open"
    return ("decided", "good") if outcome.winner else ("none fits", "bad")


def _fold(title: str, *children: Markup, is_open: bool = False) -> Markup:
    return element("details", element("summary", title), *children, open=is_open)


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
    return section("notes", "Before you compare", bullets(report.notes))


def _write(request: Request, output: Path | None) -> None:
    report = request.report
    write_text(html(report), output or Path(f"report-{file_name(report.study.model)}.html"))


def _write_history(history: RunComparison, output: Path | None) -> None:
    path = output or Path(f"history-{file_name(history.model)}.html")
    write_text(history_page.html(history), path)


FORMAT = Format(
    summary="one page with charts that works from disk",
    suffixes=(".html",),
    write=_write,
    history=_write_history,
)
