"""Where the names of points in a scatter stand, so that they neither collide nor leave it."""

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["base", "compressed", "failed"]

PLACES = ("top right", "bottom right", "top left", "bottom left")
WIDE, NARROW, LINES = 84.0, 38.0, 18.0  # characters across a picture and a phone, lines of text
PADDING = 0.1  # of the range, left free at both ends

Box = tuple[float, float, float, float]  # left, right, bottom, top in characters and lines


@dataclass(frozen=True)
class Point:
    """A scheme in the trade-off; `front` when no other is better in both directions.

    `label` and `narrow` say where its name stands, on a wide picture and on a phone; `text` has
    both values in words.
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
    label: str = "top right"
    narrow: str = "top right"
    text: str = ""


def placed(points: list[Point]) -> list[Point]:
    """The points, each with the first place for its name that is free in either width."""
    wide, narrow = (_places(points, columns) for columns in (WIDE, NARROW))
    return [
        replace(point, label=first, narrow=second)
        for point, first, second in zip(points, wide, narrow, strict=True)
    ]


def _places(points: list[Point], columns: float) -> list[str]:
    """Of four places the one with the fewest collisions and least cut off, points in order."""
    xs = _scaled([(p.x, p.x_low, p.x_high) for p in points], columns)
    ys = _scaled([(p.y, p.y_low, p.y_high) for p in points], LINES)
    taken: list[Box] = [(x - 1, x + 1, y - 1, y + 1) for x, y in zip(xs, ys, strict=True)]
    chosen = []
    for x, y, point in zip(xs, ys, points, strict=True):
        boxes = {place: _box(place, x, y, len(point.scheme)) for place in PLACES}
        place = min(boxes, key=lambda name: _cost(boxes[name], taken, columns))
        taken.append(boxes[place])
        chosen.append(place)
    return chosen


def _scaled(values: list[tuple[float, float | None, float | None]], length: float) -> list[float]:
    """Values as places on an axis of `length`, which shows their intervals too."""
    ends = [end for three in values for end in three if end is not None]
    low, high = min(ends), max(ends)
    free = length * PADDING
    return [free + (v - low) / ((high - low) or 1) * (length - 2 * free) for v, *_ in values]


def _box(place: str, x: float, y: float, width: int) -> Box:
    """The box of a name of `width` characters next to a point, clear of its marker."""
    left = x + 1.2 if place.endswith("right") else x - 1.2 - width
    bottom = y + 0.5 if place.startswith("top") else y - 1.5
    return left, left + width, bottom, bottom + 1


def _cost(box: Box, taken: list[Box], columns: float) -> tuple[float, int]:
    left, right, bottom, top = box
    cut = max(0.0, -left) + max(0.0, right - columns)
    met = sum(left < b[1] and right > b[0] and bottom < b[3] and top > b[2] for b in taken)
    return cut, met
