"""What else the machine did while something was timed."""


def contended(contention: dict[str, float]) -> str | None:
    """A sentence where what else the machine did would spoil a time."""
    return None
