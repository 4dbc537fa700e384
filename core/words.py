"""Numbers as people read them: sizes, times, rates, ratios, intervals, lists; lines broken to fit.

Every output writes a figure with these functions, so that it looks the same wherever it stands.
"""

import re
from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from core.errors import UserError
from core.stats import Ratio

if TYPE_CHECKING:
    from core.records import Figure

KIB = 1024
SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
CONVERSIONS = {("s", "ms"): 1000.0, ("share", "%"): 100.0, ("fraction", "%"): 100.0}
LIST_ITEM = re.compile(r"\s*(?:[-!>] )?")
# Words of a line: what is in backticks is to be copied, and units stay with their numbers.
WORDS = re.compile(r"(?:`[^`]*`|\d (?:%|[KMGT]?i?B\b|m?s\b|dB\b)|\S)+")
UNNAMED = ("", "1", "x", "share", "fraction")  # units that are not written behind a number


def size(number: float) -> str:
    """Bytes with the unit that leaves 1 to 1023: `3.95 MiB`."""
    factor, unit = scale(number, "bytes")
    return f"{_number(number * factor, unit)} {unit}"


def budget_text(number: int) -> str:
    """A size as it was asked for: `24 GiB`, or `24 GB (22.4 GiB)` where that is round."""
    for power, letter in ((4, "T"), (3, "G"), (2, "M")):
        if number % 1000**power == 0:
            return f"{number // 1000**power} {letter}B ({size(number)})"
    return size(number)


def significant(number: float) -> str:
    """Three significant digits without an exponent: 3,736 · 42.1 · 0.0026 · 0."""
    if number == 0:
        return "0"
    magnitude = abs(number)
    digits = 0 if magnitude >= 100 else 1 if magnitude >= 10 else 2
    while magnitude < 1 and digits < 9 and round(magnitude, digits) < 10 ** (2 - digits):
        digits += 1
    return f"{number:,.{digits}f}"


def percent(share: float) -> str:
    """A share of one without decimals: `43 %`."""
    return f"{100 * share:.0f} %"


def signed(number: float, digits: int = 2) -> str:
    """A difference with its sign, and none where it rounds to zero: `-1.00`, `+0.43`, `0.00`."""
    text = f"{number:+.{digits}f}"
    return text if float(text) else text[1:]


def several(number: int, noun: str) -> str:
    """`1 record`, `2 records`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def bits_text(number: float) -> str:
    """Bits per weight with two decimals, halves rounded up: 4.125 is `4.13` everywhere."""
    return str(Decimal(f"{number:.6f}").quantize(Decimal("0.01"), ROUND_HALF_UP))


def scale(value: float, unit: str, shown_in: str = "") -> tuple[float, str]:
    """By what a figure is multiplied to be shown, and the unit it has then.

    Bytes get the unit that suits `value`. Of others `shown_in` is the unit asked for (see
    `core.measure.Quantity`), their own where there is no conversion to it.
    """
    if unit == "bytes":
        step = 0
        while abs(value) / KIB**step >= KIB and step < len(SIZES) - 1:
            step += 1
        return 1 / KIB**step, SIZES[step]
    factor = CONVERSIONS.get((unit, shown_in))
    return (1.0, unit) if factor is None else (factor, shown_in)


def _number(number: float, unit: str) -> str:
    return f"{number:.0f}" if unit == "B" else significant(number)


def value_text(value: float, unit: str, shown_in: str = "") -> str:
    """A figure's value with its unit: `220 ms`, `9.75 MiB`, `3,515 tokens/s`."""
    factor, unit = scale(value, unit, shown_in)
    return with_unit(_number(value * factor, unit), unit)


def with_unit(text: str, unit: str) -> str:
    """A number and its unit, where that has a name."""
    return text if unit in UNNAMED else f"{text} {unit}"


def figure_text(figure: "Figure", shown_in: str = "") -> str:
    """The value with the ends of its 95 % interval where it has one, without unit.

    `220 (198 to 245)`. Bytes have their unit: `9.75 MiB`.
    """
    factor, unit = scale(figure.value, figure.unit, shown_in)
    text = with_unit(_number(figure.value * factor, unit), unit if figure.unit == "bytes" else "")
    if figure.low is None or figure.high is None or figure.high == figure.low:
        return text
    low, high = (_number(end * factor, unit) for end in (figure.low, figure.high))
    return f"{text} ({low} to {high})"


def full_text(figure: "Figure", shown_in: str = "") -> str:
    """A figure with unit and interval, where no heading names the unit: `220 ms (198 to 245)`."""
    text = figure_text(figure, shown_in)
    if figure.unit == "bytes":
        return text
    value, bracket, interval = text.partition(" (")
    unit = scale(figure.value, figure.unit, shown_in)[1]
    return with_unit(value, unit) + bracket + interval


def heading(title: str, unit: str, shown_in: str = "") -> str:
    """A column's heading: its title, and the unit where neither title nor cells name it."""
    unit = scale(1.0, unit, shown_in)[1]
    named = unit in (*UNNAMED, *SIZES) or unit in title.split()
    return title if named else f"{title} {unit}"


def span_text(value: float, low: float | None, high: float | None, digits: int = 1) -> str:
    """`98.2 (96.9 to 99.6)`: a value with the ends of its interval where it has one."""
    text = f"{value:.{digits}f}"
    if low is None or high is None:
        return text
    return f"{text} ({low:.{digits}f} to {high:.{digits}f})"


def ratio_text(ratio: Ratio) -> str:
    """`1.43x`, with the interval where there is one: `1.43x (1.31 to 1.56)`.

    An end next to 1 gets a third digit, for on which side of 1 it is decides.
    """
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f}x"
    digits = 3 if "1.00" in (f"{ratio.low:.2f}", f"{ratio.high:.2f}") else 2
    return f"{ratio.value:.{digits}f}x ({ratio.low:.{digits}f} to {ratio.high:.{digits}f})"


def ratio_inside(ratio: Ratio) -> str:
    """A ratio for use inside brackets: `1.43x, 1.31 to 1.56`."""
    return ratio_text(ratio).replace(" (", ", ").rstrip(")")


def over_what(rounds: list[int]) -> str:
    """What intervals are over: `3 fresh loads`, `3 or 5 fresh loads`."""
    return f"{join([str(number) for number in sorted(rounds) if number > 1], 'or')} fresh loads"


def join(names: list[str], last: str = "and") -> str:
    """`A`, `A and B`, `A, B and C`."""
    return f" {last} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def parse_size(text: str) -> int:
    """`24GiB`, `24G`, `24 GB` or bytes, as bytes. Raises `UserError` for anything else."""
    units = {"": 1, "b": 1}
    for power, letter in enumerate("kmgt", start=1):
        units |= {letter: KIB**power, f"{letter}ib": KIB**power, f"{letter}b": 1000**power}
    number = text.strip().lower()
    unit = number.lstrip("0123456789.")
    with suppress(ValueError, KeyError):
        value = float(number.removesuffix(unit)) * units[unit.strip()]
        if 0 < value < 1 << 60:
            return int(value)
    raise UserError(f"--memory_budget wants a size like 24GiB, not {text!r}")


def wrapped(text: str, width: int) -> list[str]:
    """A line as lines of at most `width` columns, broken between words.

    Lines after the first hang below the text of an item, and by two below an indented line. A word
    that is wider than that stays whole, and so does what is in backticks.
    """
    from rich.cells import cell_len

    if cell_len(text) <= width:
        return [text]
    begins = LIST_ITEM.match(text)
    first = begins.group() if begins else ""
    hang = " " * (len(first) + 2 * (first != "" and first.isspace()))
    lines, bare = [first], True
    for word in WORDS.findall(text, len(first)):
        if bare:
            lines[-1] += word
        elif cell_len(lines[-1]) + 1 + cell_len(word) > width:
            lines.append(hang + word)
        else:
            lines[-1] += f" {word}"
        bare = False
    return lines
