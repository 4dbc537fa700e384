"""The trade-off as data: speed-up against the loss of quality, the Pareto front marked."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from core.words import ratio_text, significant
from reporting.contents import labels
from reporting.contents.charts import kind
from reporting.contents.labels import Point
from reporting.deciding import rule
from reporting.deciding.candidate import Candidate
from reporting.deciding.ranking import metric
from reporting.deciding.study import Study
from reporting.reading import measures


@dataclass(frozen=True)
class Scatter:
    """The trade-off: right and down is better. Names of points are placed for `widths`."""

    title: str
    x_title: str
    y_title: str
    points: list[Point]
    widths: tuple[int, ...] = labels.WIDTHS
    padding: float = labels.PADDING


def tradeoff(study: Study) -> Scatter | None:
    """Speed-up at the largest load against the loss of quality, the front marked.

    Where quality was not measured, against the weights' share of the base's memory. None without
    a base or with nothing to set against it.
    """
    key, _ = metric(study, "throughput")
    key = key if key in study.finished else metric(study, "latency")[0]
    for title, label, loss in LOSSES:
        points = [p for c in study.candidates if (p := _point(study, c, key, loss, label))]
        if len(points) > 1:
            x_title = f"speed-up over BASE, {measures.load(key)}"
            return Scatter(title, x_title, label, labels.placed(_with_front(points)))
    return None


Loss = tuple[float, float | None, float | None]
LossOf = Callable[[Study, Candidate], Loss | None]


def _task_loss(study: Study, candidate: Candidate) -> Loss | None:
    """Points of the tasks' mean lost against the base."""
    mean = candidate.compared.aggregate if candidate.compared else None
    return (-100 * mean.difference, -100 * mean.high, -100 * mean.low) if mean else None


def _kl(study: Study, candidate: Candidate) -> Loss | None:
    figure = candidate.figure(*rule.LOSS)
    return (figure.value, figure.low, figure.high) if figure else None


def _weights(study: Study, candidate: Candidate) -> Loss | None:
    own = candidate.figure(*rule.MEMORY)
    base = study.base.figure(*rule.MEMORY) if study.base else None
    return (100 * own.value / base.value, None, None) if own and base else None


LOSSES: list[tuple[str, str, LossOf]] = [
    ("Speed-up against quality loss", "points of the tasks' mean lost", _task_loss),
    ("Speed-up against quality loss", "KL divergence from BASE, nats per token", _kl),
    ("Speed-up against memory (quality was not measured)", "weights, % of BASE", _weights),
]


def _point(study: Study, candidate: Candidate, key: str, loss: LossOf, label: str) -> Point | None:
    if candidate.is_base:
        whole = 100.0 if loss is _weights else 0.0
        return Point(candidate.scheme, 1.0, None, None, whole, None, None, "base", text="the base")
    ratio = study.speed_up(candidate, key)
    loss_values = loss(study, candidate)
    if ratio is None or loss_values is None:
        return None
    value, low, high = loss_values
    drop = significant(value)
    if low is not None and high is not None:
        drop += f" ({significant(low)} to {significant(high)})"
    return Point(
        candidate.scheme,
        ratio.value,
        ratio.low,
        ratio.high,
        *loss_values,
        kind(candidate),
        text=f"speed-up {ratio_text(ratio)}, {label}: {drop}",
    )


def _with_front(points: list[Point]) -> list[Point]:
    """Mark those that no other point beats in both directions; failed quality never counts."""
    fit = [p for p in points if p.kind != "failed"]

    def beaten(point: Point) -> bool:
        return any(
            o.x >= point.x and o.y <= point.y and (o.x > point.x or o.y < point.y) for o in fit
        )

    return [replace(p, front=p in fit and not beaten(p)) for p in points]
