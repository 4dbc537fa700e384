"""Pictures for papers and READMEs: PNG, SVG or PDF by matplotlib."""

from contextlib import chdir
from pathlib import Path
from typing import Any

from core import cli
from core.errors import UserError
from core.plugins import ROOT
from reporting.contents import charts, labels
from reporting.contents.charts import Distribution, Panel
from reporting.contents.document import Report
from reporting.contents.environment import engine_text
from reporting.contents.tradeoff import Scatter, tradeoff

SUFFIXES = (".png", ".svg", ".pdf")
COLOURS = {"base": "#6b7280", "compressed": "#1d6fb8", "failed": "#b3261e"}
LABELS = {"base": "BASE", "compressed": "compressed", "failed": "quality failed"}
FRONT = "#059669"
CHARACTER, LINE = 4.6, 10.0  # points, of a name in the scatter
INCH_PER_BAR, PANEL_WIDTH, DPI = 0.32, 2.9, 160
PER_CHARACTER = 0.018  # of a panel's width
LONGEST = 200  # characters of a caption
WIDE = 5  # beyond this the axis is logarithmic


def draw(report: Report, metric: str, output: Path | None) -> Path:
    """Draw a metric into a file; returns it.

    Raises `UserError` for an unknown metric or suffix, or where no record has the figures.
    """
    if metric not in charts.metrics():
        listed = ", ".join(charts.metrics())
        raise UserError(f"there is no metric {metric!r}; there are: {listed}")
    path = output or Path(f"{report.study.model}-{metric}.png")
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: pictures are {', '.join(SUFFIXES)}")
    figure = _figure(report, metric)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DPI, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as problem:
        raise UserError(f"cannot write {path}: {problem.strerror}") from problem
    return path


def _figure(report: Report, metric: str) -> Any:
    with chdir(ROOT):  # it would read a matplotlibrc of the current folder
        import matplotlib as mpl

    mpl.rcParams.update(
        {
            "svg.hashsalt": "report",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 10,
            "figure.facecolor": "white",
            "text.parse_math": False,
        }
    )
    study = report.study
    if metric == charts.TRADEOFF:
        scatter = tradeoff(study)
        if scatter:
            return _scatter(scatter, _caption(report))
    elif metric == charts.LATENCY:
        distribution = charts.latency(study)
        if distribution:
            return _boxes(distribution, _caption(report))
    else:
        panels = charts.panels(study).get(metric)
        if panels:
            return _panels(panels, metric.capitalize(), _caption(report))
    raise UserError(f"no record has what a picture of {metric} needs")


def _caption(report: Report) -> str:
    facts = dict(report.environment)
    engine = engine_text(report.environment)
    return cli.one_line(f"{facts['model']} on {facts['hardware']}, {engine}")[:LONGEST]


def _new(
    title: str,
    caption: str,
    size: tuple[float, float],
    grid: tuple[int, int] = (1, 1),
) -> tuple[Any, list[Any]]:
    """A figure of `size` inches with rows x columns of axes, its title and caption."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{title}\n{caption}", fontsize=10)
    return figure, list(figure.subplots(*grid, squeeze=False).flat)


def _panels(panels: list[Panel], title: str, caption: str) -> Any:
    """Up to three panels side by side, names written where they change."""
    columns = 2 if len(panels) == 4 else min(3, len(panels))
    rows = -(-len(panels) // columns)
    height = 1.0 + INCH_PER_BAR * max(len(panel.bars) for panel in panels)
    if any(bar.kind == "failed" for panel in panels for bar in panel.bars):
        caption += ". Hatched or crossed: quality failed"
    size = (1.2 + PANEL_WIDTH * columns, 0.6 + height * rows)
    figure, axes = _new(title, caption, size, (rows, columns))
    for number, axis in enumerate(axes):
        if number >= len(panels):
            axis.set_axis_off()
            continue
        names = [bar.scheme for bar in panels[number].bars]
        left = [bar.scheme for bar in panels[number - 1].bars] if number % columns else None
        _bars(axis, panels[number], named=names != left)
    return figure


def _bars(axis: Any, panel: Panel, named: bool) -> None:
    """Horizontal bars (or dots), the first scheme on top, values written next to them."""
    places = list(range(len(panel.bars), 0, -1))
    for place, bar in zip(places, panel.bars, strict=True):
        failed = bar.kind == "failed"
        if panel.from_zero:
            axis.barh(
                place,
                bar.value,
                color=COLOURS[bar.kind],
                hatch="///" if failed else None,
                edgecolor="white",
                height=0.7,
            )
        else:
            axis.plot(bar.value, place, "X" if failed else "o", color=COLOURS[bar.kind])
        error = _span(bar.value, bar.low, bar.high)
        if error:
            ink = "#111827" if panel.from_zero else COLOURS[bar.kind]
            axis.errorbar(bar.value, place, xerr=error, color=ink, capsize=2.5, linewidth=1)
        axis.annotate(
            bar.text,
            (max(bar.value, bar.high or bar.value), place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axis.set_yticks(places, [bar.scheme for bar in panel.bars] if named else [""] * len(places))
    axis.set_ylim(0.4, len(places) + 0.6)
    axis.tick_params(axis="y", length=0)
    axis.margins(x=0.25)
    low, high = axis.get_xlim()
    longest = max((len(bar.text) for bar in panel.bars), default=0)
    axis.set_xlim(right=high + PER_CHARACTER * longest * (high - low))  # values stay inside
    if panel.from_zero:
        axis.set_xlim(left=0)
    else:
        axis.grid(axis="y", color="#e5e7eb")
    arrow = {"higher": " (more is better)", "lower": " (less is better)"}.get(panel.better, "")
    axis.set_title(panel.title)
    axis.set_xlabel(f"{panel.unit}{arrow}".strip())


def _scatter(scatter: Scatter, caption: str) -> Any:
    figure, (axis,) = _new(scatter.title, caption, (6.6, 4.6))
    axis.axvline(1, color="#9ca3af", linewidth=0.8, linestyle=":")
    front = sorted((p for p in scatter.points if p.front), key=lambda p: p.x)
    axis.plot(
        [p.x for p in front],
        [p.y for p in front],
        color=FRONT,
        linewidth=1,
        marker="o",
        markersize=13,
        markerfacecolor="none",
        label="Pareto front",
    )
    for point in scatter.points:
        axis.errorbar(
            point.x,
            point.y,
            xerr=_span(point.x, point.x_low, point.x_high),
            yerr=_span(point.y, point.y_low, point.y_high),
            color=COLOURS[point.kind],
            capsize=2.5,
            marker="X" if point.kind == "failed" else "o",
            markersize=7,
            linewidth=1,
        )
        across, up = point.places[labels.WIDTHS.index(labels.PICTURE)]
        far = abs(up) > labels.NEAR
        axis.annotate(
            point.scheme,
            (point.x, point.y),
            xytext=(across * CHARACTER, up * LINE),
            textcoords="offset points",
            fontsize=8,
            ha="center",
            va="center",
            arrowprops={"arrowstyle": "-", "color": "#9ca3af", "shrinkB": 6} if far else None,
        )
    for kind in dict.fromkeys(p.kind for p in scatter.points):
        axis.plot(
            [],
            [],
            color=COLOURS[kind],
            marker="X" if kind == "failed" else "o",
            linestyle="",
            label=LABELS[kind],
        )
    axis.margins(labels.PADDING / (1 - 2 * labels.PADDING))
    axis.set_xlabel(f"{scatter.x_title} (more is better)")
    axis.set_ylabel(f"{scatter.y_title} (less is better)")
    axis.legend(frameon=False, fontsize=8)
    return figure


def _span(value: float, low: float | None, high: float | None) -> list[list[float]] | None:
    if low is None or high is None:
        return None
    return [[max(0.0, value - low)], [max(0.0, high - value)]]


def _boxes(distribution: Distribution, caption: str) -> Any:
    """Boxes (quartiles, whiskers at 1.5 times their distance) over every request as a dot."""
    names = list(distribution.values)
    figure, (axis,) = _new(distribution.title, caption, (6.6, 1.6 + 0.42 * len(names)))
    places = list(range(len(names), 0, -1))
    for place, name in zip(places, names, strict=True):
        values, colour = distribution.values[name], COLOURS[distribution.kinds[name]]
        axis.boxplot(
            [values],
            positions=[place],
            orientation="horizontal",
            widths=0.5,
            showfliers=False,
            medianprops={"color": colour, "linewidth": 2},
        )
        axis.plot(values, [place] * len(values), "o", color=colour, alpha=0.35, markersize=3.5)
    axis.set_yticks(places, names)
    every = [v for values in distribution.values.values() for v in values]
    if max(every) > WIDE * min(every) > 0:
        from matplotlib.ticker import LogLocator, NullFormatter

        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
    else:
        axis.set_xlim(left=0)
    axis.set_xlabel(f"{distribution.unit} (less is better)")
    return figure
