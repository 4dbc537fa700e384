"""Pictures by matplotlib, and names in them."""

from pathlib import Path

import pytest

from reporting.contents import document, labels
from reporting.deciding import study
from reporting.formats import _pictures as pictures
from reporting.reading import results as reading


@pytest.mark.parametrize("metric", ["tradeoff", "speed", "memory", "quality", "latency"])
def test_pictures(typical_folder: Path, metric: str, tmp_path: Path) -> None:
    built = document.build(study.build(reading.read([typical_folder])))
    assert pictures.draw(built, metric, tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    svg = pictures.draw(built, metric, tmp_path / "deep" / "p.svg").read_text()
    assert "INT8-W8A8" in svg


def point(name: str, x: float, y: float, reach: float = 0.0) -> labels.Point:
    ends = (x - reach, x + reach, y, y - reach, y + reach)
    return labels.Point(name, x, *ends, "compressed")


def boxes(points: list[labels.Point], columns: int) -> list[labels.Box]:
    """Where the names stand, in characters and lines."""
    place = labels.WIDTHS.index(columns)
    xs = labels._scaled([(p.x, p.x_low, p.x_high) for p in points], columns)
    ys = labels._scaled([(p.y, p.y_low, p.y_high) for p in points], labels.LINES)
    return [
        labels._box(p.places[place], x[0], y[0], len(p.scheme))
        for p, x, y in zip(points, xs, ys, strict=True)
    ]


@pytest.mark.parametrize("columns", labels.WIDTHS)
def test_names_in_the_scatter_meet_nothing_and_stay_inside(columns: int) -> None:
    """Three schemes as fast as the base, whose whiskers cross, and two far away."""
    points = [
        point("BASE", 1.0, 0.0),
        point("FP8-W8A8", 1.03, 0.01, 0.05),
        point("INT8-W8A16", 1.02, 0.0, 0.05),
        point("INT8-W8A8", 1.33, 0.02, 0.05),
        point("INT4-W4A16-AWQ", 1.97, 0.5, 0.1),
    ]
    found = boxes(labels.placed(points), columns)
    for number, box in enumerate(found):
        assert box[0] >= 0 and box[1] <= columns and box[2] >= 0 and box[3] <= labels.LINES
        assert labels._met(box, found[:number]) == 0
    xs = labels._scaled([(p.x, p.x_low, p.x_high) for p in points], columns)
    ys = labels._scaled([(p.y, p.y_low, p.y_high) for p in points], labels.LINES)
    whiskers = [w for x, y in zip(xs, ys, strict=True) for w in labels._whiskers(x, y)]
    assert sum(labels._met(box, whiskers) for box in found) == 0
