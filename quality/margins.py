"""How much loss is accepted, for all schemes or for one."""

from collections.abc import Mapping
from dataclasses import dataclass

from core import plugins
from core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Margin:
    """How much loss is accepted: `points` of a hundred, or a `recovery` of at least so many %."""

    points: float | None = 1.0
    recovery: float | None = None

    def of(self, base: float) -> float:
        """The accepted difference, for a base's mean score between 0 and 1."""
        if self.recovery is not None:
            return abs(base) * (1 - self.recovery / 100)
        return (self.points or 0.0) / 100

    def __str__(self) -> str:
        if self.recovery is not None:
            return f"{self.recovery:g} % recovery"
        return f"{self.points:g} point{'' if self.points == 1 else 's'}"


def parse_margins(text: str) -> dict[str, Margin]:
    """`1`, `99%` or `1,INT4-W4A16=2.5`: margins by scheme, the default under the empty name.

    Raises `UserError` for anything else.
    """
    margins = {"": Margin()}
    for part in text.split(","):
        scheme, _, value = part.strip().rpartition("=")
        number, percent = value.removesuffix("%"), value.endswith("%")
        try:
            size = float(number)
        except ValueError:
            size = -1.0
        if not 0 < size <= 100 or (percent and size < 50):
            raise UserError(f"--margin wants points like 1 or a recovery like 99%, not {part!r}")
        if scheme:
            scheme = plugins.shown("schemes", plugins.find("schemes", scheme))
        margins[scheme] = Margin(points=None, recovery=size) if percent else Margin(points=size)
    return margins


def spelled(margins: Mapping[str, Margin]) -> str:
    """Margins as `parse_margins` reads them: `1,INT4-W4A16=2.5`."""
    words = []
    for scheme, margin in margins.items():
        size = f"{margin.points:g}" if margin.recovery is None else f"{margin.recovery:g}%"
        words.append(f"{scheme}={size}" if scheme else size)
    return ",".join(words)
