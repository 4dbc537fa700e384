"""Numbers of weights as people say them."""


def count(number: int) -> str:
    """Weights for people: `8.03B`."""
    for unit, name in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= unit:
            return f"{number / unit:,.2f}{name}"
    return str(number)
