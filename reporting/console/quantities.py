"""Bytes and numbers of weights as people say them."""

MIB = 1 << 20


def size(number: int) -> str:
    """Bytes for people."""
    if 0 < number < MIB // 10:
        return f"{number / 1024:,.2f} KiB"
    if number < 10 * 1024 * MIB:
        return f"{number / MIB:,.2f} MiB" if number < 100 * MIB else f"{number / MIB:,.0f} MiB"
    return f"{number / MIB / 1024:,.1f} GiB"


def count(number: int) -> str:
    """Weights for people: `8.03B`."""
    for unit, name in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= unit:
            return f"{number / unit:,.2f}{name}"
    return str(number)
