"""Where names of points in a scatter stand: clear of markers, whiskers, each other and edges."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

Kind = Literal["base", "compressed", "failed"]

WIDTHS = (38, 60, 84, 110, 144)  # characters across: a phone, windows; PICTURE is matplotlib's
PICTURE = 84
LINES = 18  # of text
PADDING = 0.1  # of the picture, left free at both ends; both drawings keep to it
ON_LINE = 60  # places along a line
CLEAR = 1.0  # characters between a name and what is next to it
NEAR = 2.0  # lines: a name that stands farther away is joined to its point by a line
ON_TEXT, ON_WHISKER, CUT = 100.0, 30.0, 1000.0  # what a collision costs; a line farther off is 1

Box = tuple[float, float, float, float]  # left, right, bottom, top in characters and lines
Place = tuple[float, float]  # from a point to the middle of its name: characters right, lines up


@dataclass(frozen=True)
class Point:
    """A scheme in the trade-off; `front` when no other is better in both directions.

    `places` say where its name stands in a picture of each of `WIDTHS`; `text` has both values in
    words.
    """

    scheme: str
    x: float
    x_low: float | None
    x_high: float | None
    y: float
    y_low: float | None
    y_high: float | None
    kind: Kind
    front: bool = False
    places: tuple[Place, ...] = ()
    text: str = ""


def placed(points: list[Point]) -> list[Point]:
    """The points, each with the best place for its name in every width."""
    every = zip(*(_places(points, columns) for columns in WIDTHS), strict=True)
    return [replace(point, places=places) for point, places in zip(points, every, strict=True)]


def _places(points: list[Point], columns: int) -> list[Place]:
    """Of the places around each point the one that costs least, points in order."""
    xs = _scaled([(p.x, p.x_low, p.x_high) for p in points], columns)
    ys = _scaled([(p.y, p.y_low, p.y_high) for p in points], LINES)
    pairs = list(zip(xs, ys, strict=True))
    texts: list[Box] = [(x - 1, x + 1, y - 0.6, y + 0.6) for (x, *_), (y, *_) in pairs]
    whiskers = [box for x, y in pairs for box in _whiskers(x, y)]
    ends = sorted((x[0], y[0]) for (x, y), point in zip(pairs, points, strict=True) if point.front)
    line = [box for first, last in pairwise(ends) for box in _line(first, last)]
    chosen = []
    for (x, *_), (y, *_), point in zip(xs, ys, points, strict=True):
        width = len(point.scheme)
        costs = {
            place: _cost(_box(place, x, y, width), texts, whiskers, columns)
            + ON_WHISKER * bool(_met(_box(place, x, y, width), line))
            + abs(place[1])
            for place in _around(width)
        }
        place = min(costs, key=costs.__getitem__)
        texts.append(_box(place, x, y, width))
        chosen.append(place)
    return chosen


def _around(width: int) -> Iterator[Place]:
    """Places around a point, near ones first: at its corners, above, below, then farther off."""
    side = 1.4 + CLEAR + width / 2
    for lines in (1.1, 2.2, 3.4, 4.6, 5.8):
        for up in (lines, -lines):
            yield from ((side, up), (-side, up), (0.0, up))
            if lines > NEAR:
                yield from ((side + width / 2, up), (-side - width / 2, up))


def _scaled(
    values: list[tuple[float, float | None, float | None]], length: float
) -> list[tuple[float, float, float]]:
    """Values and the ends of their whiskers as places on an axis of `length`."""
    known = [(v, v if low is None else low, v if high is None else high) for v, low, high in values]
    low, high = min(map(min, known)), max(map(max, known))
    free = length * PADDING
    scale = (length - 2 * free) / ((high - low) or 1)
    return [
        (free + (v - low) * scale, free + (first - low) * scale, free + (last - low) * scale)
        for v, first, last in known
    ]


def _whiskers(x: tuple[float, float, float], y: tuple[float, float, float]) -> list[Box]:
    return [(x[1], x[2], y[0] - 0.2, y[0] + 0.2), (x[0] - 0.4, x[0] + 0.4, y[1], y[2])]


def _line(first: Place, last: Place) -> list[Box]:
    """Boxes along the line between two points, which the Pareto front is drawn with."""
    steps = [n / ON_LINE for n in range(ON_LINE + 1)]
    along = [
        tuple(a + share * (b - a) for a, b in zip(first, last, strict=True)) for share in steps
    ]
    return [(x - 0.2, x + 0.2, y - 0.1, y + 0.1) for x, y in along]


def _box(place: Place, x: float, y: float, width: int) -> Box:
    """The box of a name of `width` characters."""
    middle, line = x + place[0], y + place[1]
    half = width / 2 + CLEAR
    return middle - half, middle + half, line - 0.5, line + 0.5


def _cost(box: Box, texts: list[Box], whiskers: list[Box], columns: int) -> float:
    left, right, bottom, top = box
    cut = max(0.0, -left) + max(0.0, right - columns) + max(0.0, -bottom) + max(0.0, top - LINES)
    return CUT * cut + ON_TEXT * _met(box, texts) + ON_WHISKER * _met(box, whiskers)


def _met(box: Box, others: list[Box]) -> int:
    left, right, bottom, top = box
    return sum(left < b[1] and right > b[0] and bottom < b[3] and top > b[2] for b in others)
