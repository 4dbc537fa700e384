"""A spinner on stderr that names the step.

It moves once a second: at rich's own pace, 12 times, it would wake up during what is being timed
and take over 1 % of a core.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.text import Text

from core import cli


@contextmanager
def progress(subject: str) -> Iterator[Callable[[str], None]]:
    """Yields a function of the step's name."""

    def shown(step: str) -> Text:
        return Text(cli.one_line(f"{subject}: {step}"))

    with cli.err.status(shown("starting"), refresh_per_second=1) as status:
        yield lambda step: status.update(shown(step))
