"""Numbers as people read them: sizes, times, ratios, intervals, lists."""

from contextlib import suppress

from core.errors import UserError
from core.records import Figure
from core.stats import Ratio

KIB = 1024
SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def size(number: float) -> str:
    """Bytes with the unit that leaves 1 to 1023: `3.95 MiB`."""
    step = 0
    while abs(number) >= KIB and step < len(SIZES) - 1:
        number, step = number / KIB, step + 1
    return f"{significant(number)} {SIZES[step]}" if step else f"{number:.0f} B"


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


def with_unit(value: float, unit: str) -> str:
    """A figure's value as text: bytes scaled, seconds as ms below one, shares in percent."""
    if unit == "bytes":
        return size(value)
    if unit == "s":
        return f"{significant(value)} s" if value >= 1 else f"{significant(value * 1000)} ms"
    if unit in ("share", "fraction"):
        return f"{100 * value:.1f} %"
    return significant(value) if unit in ("1", "") else f"{significant(value)} {unit}"


def figure_text(figure: Figure | None, factor: float = 1.0) -> str:
    """The value and half of its 95 % interval where it has one; `-` for an absent figure."""
    if figure is None:
        return "-"
    text = significant(figure.value * factor)
    if figure.low is None or figure.high is None or figure.high == figure.low:
        return text
    return f"{text} ±{significant((figure.high - figure.low) / 2 * factor)}"


def ratio_text(ratio: Ratio) -> str:
    """`1.43x`, with the interval where there is one: `1.43x (1.31 to 1.56)`.

    An end beside 1 gets a third digit, for on which side of 1 it is decides.
    """
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f}x"
    digits = 3 if "1.00" in (f"{ratio.low:.2f}", f"{ratio.high:.2f}") else 2
    return f"{ratio.value:.{digits}f}x ({ratio.low:.{digits}f} to {ratio.high:.{digits}f})"


def ratio_inside(ratio: Ratio) -> str:
    """A ratio for use inside brackets: `1.43x, 1.31 to 1.56`."""
    return ratio_text(ratio).replace(" (", ", ").rstrip(")")


def over_what(rounds: list[int]) -> str:
    """What intervals are over: repeats within a load, or fresh loads, `rounds` of them."""
    several = [str(number) for number in sorted(rounds) if number > 1]
    found = f"{join(several, 'or')} fresh loads" if several else ""
    if found and len(several) == len(rounds):
        return found
    return f"{found}, of what was loaded once over repeats" if found else "repeats within one load"


def more_of(rounds: list[int]) -> str:
    """The option that makes more of what intervals are over."""
    return "--rounds" if max(rounds, default=1) > 1 else "--repeats"


def join(names: list[str], last: str = "and") -> str:
    """`A`, `A and B`, `A, B and C`."""
    return f" {last} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def users(measure: str) -> str:
    """A measure's load in words: `one user`, `32 users`."""
    number = measure.removeprefix("batch").strip()
    return f"{number} users" if measure.startswith("batch") and number else "one user"


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
