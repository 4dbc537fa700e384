"""When answers are none: empty texts, and log-probabilities that are not numbers."""

EMPTY_ALLOWED = 0.05  # share of generated answers


class Broken(Exception):
    """The answers show that something is broken, so their score means nothing."""


class NotFinite(Exception):
    """The model's log-probabilities are not numbers, so there is nothing to score."""


def refuse_empty(empty: int, generated: int, where: str = "") -> None:
    """Raise `Broken` when too many answers are empty."""
    if empty > EMPTY_ALLOWED * generated:
        raise Broken(f"{where}{empty} of {generated} answers are empty")
