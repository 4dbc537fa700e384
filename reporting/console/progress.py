"""A spinner on stderr that names the step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core import cli


@contextmanager
def progress(subject: str) -> Iterator[Callable[[str], None]]:
    """Yields a function of the step's name."""
    with cli.err.status(f"{subject}: starting") as status:
        yield lambda step: status.update(f"{subject}: {step}")
