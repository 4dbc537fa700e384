"""The charts as data: what is drawn, before matplotlib or plotly draws it."""

from dataclasses import dataclass, field

from core import plugins
from core.measure import Quantity
from core.words import UNNAMED, full_text, scale, value_text, with_unit
from reporting.contents.cells import EMPTY
from reporting.contents.labels import Kind
from reporting.contents.quality_tables import recovery_cell
from reporting.deciding.candidate import Candidate
from reporting.deciding.ranking import metric
from reporting.deciding.study import Study
from reporting.reading import measures
from reporting.reading.results import Stored

TRADEOFF, LATENCY, QUALITY = "tradeoff", "latency", "quality"


@dataclass(frozen=True)
class Bar:
    """One scheme's value with its interval; `kind` marks the base and failed quality.

    `text` is the value in words, as tables have it, `full` with interval and unit.
    """

    scheme: str
    value: float
    low: float | None
    high: float | None
    kind: Kind
    text: str
    full: str


@dataclass(frozen=True)
class Panel:
    """Bars of one figure; `better` says which direction is good.

    Without `from_zero` they are dots: differences matter that bars from zero would hide.
    """

    title: str
    unit: str
    better: str
    bars: list[Bar]
    from_zero: bool = True


@dataclass(frozen=True)
class Distribution:
    """Milliseconds of single requests, per scheme."""

    title: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)


def kind(candidate: Candidate) -> Kind:
    """How a scheme is marked in every chart."""
    if candidate.is_base:
        return "base"
    return (
        "failed" if (candidate.compared and candidate.compared.verdict) == "fail" else "compressed"
    )


def group(key: str) -> str:
    """The metric whose panels a measure's figures are: `speed`, `memory`, `quality`."""
    return measures.title(key).lower()


def metrics() -> list[str]:
    """Every metric there can be a picture of."""
    charted = [
        name
        for name in measures.ordered(plugins.names("measures"))
        if any(q.chart for q in measures.declared(name).values())
    ]
    return list(dict.fromkeys([TRADEOFF, *map(group, charted), LATENCY]))


def panels(study: Study) -> dict[str, list[Panel]]:
    """The bar panels of every metric that somebody can fill, in the order of tables."""
    grouped: dict[str, list[Panel]] = {}
    for key in study.finished:
        if group(key) == QUALITY and QUALITY not in grouped:
            grouped[QUALITY] = [_recovery(study)]
        for name, quantity in measures.declared(key).items():
            if quantity.chart:
                grouped.setdefault(group(key), []).append(_panel(study, key, name, quantity))
    filled = {metric: [p for p in drawn if p.bars] for metric, drawn in grouped.items()}
    return {metric: drawn for metric, drawn in filled.items() if drawn}


def _panel(study: Study, key: str, name: str, quantity: Quantity) -> Panel:
    candidates = study.candidates if quantity.says_of_base else study.compressed
    figures = [(c, f) for c in candidates if (f := c.figure(key, name))]
    largest = max((figure.value for _, figure in figures), default=0.0)
    factor, unit = scale(largest, quantity.unit, quantity.shown_in)
    bars = []
    for candidate, figure in figures:
        low, high = (None if end is None else end * factor for end in (figure.low, figure.high))
        text = value_text(figure.value, figure.unit, quantity.shown_in)
        full = full_text(figure, quantity.shown_in)
        mark = kind(candidate)
        bars.append(Bar(candidate.scheme, figure.value * factor, low, high, mark, text, full))
    return Panel(
        quantity.chart.format(measures.load(key)),
        "" if unit in UNNAMED else unit,
        quantity.better,
        bars,
        quantity.from_zero,
    )


def _recovery(study: Study) -> Panel:
    bars = []
    for candidate in study.compressed:
        mean = candidate.compared.aggregate if candidate.compared else None
        cell = recovery_cell(mean) if mean else EMPTY
        if mean and cell.value is not None:
            bars.append(
                Bar(
                    candidate.scheme,
                    cell.value,
                    mean.recovery_low,
                    mean.recovery_high,
                    kind(candidate),
                    cell.text.partition(" ")[0],
                    with_unit(cell.text, "%"),
                )
            )
    return Panel("recovery of the tasks' mean", "%", "higher", bars, from_zero=False)


def latency(study: Study) -> Distribution | None:
    """Every measured request's latency with one user, from the raw values."""
    key, _ = metric(study, "latency")
    distribution = Distribution(f"Latency of single requests, {measures.load(key)}", "ms")
    for candidate in study.candidates:
        stored = candidate.performance.get(key)
        if stored and stored.record.status == "ok":
            values = request_latencies(stored)
            if values:
                distribution.values[candidate.scheme] = values
                distribution.kinds[candidate.scheme] = kind(candidate)
    return distribution if distribution.values else None


def request_latencies(stored: Stored) -> list[float]:
    """Milliseconds from sent to last token of every request of every repeat."""
    raw = stored.raw()
    columns = raw.get("columns") or []
    if "sent_s" not in columns or "last_token_s" not in columns:
        return []
    sent, last = columns.index("sent_s"), columns.index("last_token_s")
    return [1000 * (row[last] - row[sent]) for repeat in raw.get("repeats", []) for row in repeat]
