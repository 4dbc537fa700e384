"""The charts as data: what is drawn, before matplotlib or plotly draws it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from core.records import Figure
from core.words import users
from reporting.contents import labels
from reporting.contents.labels import Kind, Point
from reporting.deciding.study import Candidate, Study
from reporting.reading.results import Stored

METRICS = ("tradeoff", "speed", "memory", "quality", "latency")
MIB = 1 << 20


@dataclass(frozen=True)
class Bar:
    """One scheme's value with its interval; `kind` marks the base and failed quality."""

    scheme: str
    value: float
    low: float | None
    high: float | None
    kind: Kind


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
class Scatter:
    """The trade-off: right and down is better."""

    title: str
    x_title: str
    y_title: str
    points: list[Point]


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


def panels(study: Study, metric: str) -> list[Panel]:
    """The bar panels of speed, memory or quality that somebody can fill."""
    made = {"speed": _speed, "memory": _memory, "quality": _quality}[metric](study)
    return [panel for panel in made if panel.bars]


def _panel(
    study: Study,
    title: str,
    unit: str,
    pick: Callable[[Candidate], Figure | None],
    factor: float = 1.0,
    from_zero: bool = True,
) -> Panel:
    bars: list[Bar] = []
    better = "none"
    for candidate in study.candidates:
        figure = pick(candidate)
        if figure is not None:
            low, high = (None if e is None else e * factor for e in (figure.low, figure.high))
            better = figure.better
            bars.append(Bar(candidate.scheme, figure.value * factor, low, high, kind(candidate)))
    return Panel(title, unit, better, bars, from_zero)


def _pick(measure: str, name: str) -> Callable[[Candidate], Figure | None]:
    return lambda candidate: candidate.figure(measure, name)


def _speed(study: Study) -> list[Panel]:
    loads = ["sequential", *study.batches()]
    return [
        _panel(study, users(measure), "tokens/s", _pick(measure, "output_tokens_per_s"))
        for measure in loads
    ]


def _memory(study: Study) -> list[Panel]:
    names = {
        "checkpoint_bytes": "on disk",
        "weights_bytes": "weights in memory",
        "loading_peak_bytes": "peak while loading",
        "inference_peak_bytes": "peak while answering",
    }
    return [
        _panel(study, title, "MiB", _pick("memory", name), 1 / MIB) for name, title in names.items()
    ]


def _quality(study: Study) -> list[Panel]:
    recovery = Panel(
        "recovery of the tasks' mean",
        "%",
        "higher",
        [
            Bar(c.scheme, mean.recovery, mean.recovery_low, mean.recovery_high, kind(c))
            for c in study.compressed
            if (mean := c.compared and c.compared.aggregate) and mean.recovery is not None
        ],
        from_zero=False,
    )
    return [
        recovery,
        _panel(
            study,
            "KL divergence from BASE",
            "nats per token",
            lambda c: None if c.is_base else c.figure("divergence", "kl_mean"),
        ),
        _panel(study, "perplexity", "", _pick("perplexity", "perplexity"), from_zero=False),
        _panel(study, "ROUGE-L", "", _pick("references", "rouge_l"), from_zero=False),
        _panel(study, "BLEU", "", _pick("references", "bleu"), from_zero=False),
    ]


def tradeoff(study: Study) -> Scatter | None:
    """Speed-up at the largest load against the loss of quality, the front marked.

    Where quality was not measured, against the weights' share of the base's memory. None without
    a base or with nothing to set against it.
    """
    measure = (study.batches() or ["sequential"])[-1]
    for title, label, loss in LOSSES:
        points = [p for c in study.candidates if (p := _point(study, c, measure, loss))]
        if len(points) > 1:
            x_title = f"speed-up over BASE, {users(measure)}"
            return Scatter(title, x_title, label, labels.placed(_with_front(points)))
    return None


Loss = tuple[float, float | None, float | None]
LossOf = Callable[[Study, Candidate], Loss | None]


def _task_loss(study: Study, candidate: Candidate) -> Loss | None:
    """Points of the tasks' mean lost against the base."""
    mean = candidate.compared.aggregate if candidate.compared else None
    return (-100 * mean.difference, -100 * mean.high, -100 * mean.low) if mean else None


def _kl(study: Study, candidate: Candidate) -> Loss | None:
    figure = candidate.figure("divergence", "kl_mean")
    return (figure.value, figure.low, figure.high) if figure else None


def _weights(study: Study, candidate: Candidate) -> Loss | None:
    mine = candidate.figure("memory", "weights_bytes")
    base = study.base.figure("memory", "weights_bytes") if study.base else None
    return (100 * mine.value / base.value, None, None) if mine and base else None


LOSSES: list[tuple[str, str, LossOf]] = [
    ("Speed-up against quality loss", "points of the tasks' mean lost", _task_loss),
    ("Speed-up against quality loss", "KL divergence from BASE, nats per token", _kl),
    ("Speed-up against memory (quality was not measured)", "weights, % of BASE", _weights),
]


def _point(study: Study, candidate: Candidate, measure: str, loss: LossOf) -> Point | None:
    if candidate.is_base:
        whole = 100.0 if loss is _weights else 0.0
        return Point(candidate.scheme, 1.0, None, None, whole, None, None, "base")
    ratio = study.speed_up(candidate, measure)
    lost = loss(study, candidate)
    if ratio is None or lost is None:
        return None
    return Point(candidate.scheme, ratio.value, ratio.low, ratio.high, *lost, kind(candidate))


def _with_front(points: list[Point]) -> list[Point]:
    """Mark those that no other point beats in both directions; failed quality never counts."""
    fit = [p for p in points if p.kind != "failed"]

    def beaten(one: Point) -> bool:
        return any(o.x >= one.x and o.y <= one.y and (o.x > one.x or o.y < one.y) for o in fit)

    return [Point(**{**vars(p), "front": p in fit and not beaten(p)}) for p in points]


def latency(study: Study) -> Distribution | None:
    """Every measured request's latency with one user, from the raw values."""
    found = Distribution("Latency of single requests, one user", "ms")
    for candidate in study.candidates:
        stored = candidate.performance.get("sequential")
        if stored and stored.record.status == "ok":
            values = request_latencies(stored)
            if values:
                found.values[candidate.scheme] = values
                found.kinds[candidate.scheme] = kind(candidate)
    return found if found.values else None


def request_latencies(stored: Stored) -> list[float]:
    """Milliseconds from sent to last token of every request of every repeat."""
    raw = stored.raw()
    columns = raw.get("columns") or []
    if "sent_s" not in columns or "last_token_s" not in columns:
        return []
    sent, last = columns.index("sent_s"), columns.index("last_token_s")
    return [1000 * (row[last] - row[sent]) for repeat in raw.get("repeats", []) for row in repeat]
