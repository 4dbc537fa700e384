"""The exception that means "the user can correct this", and exceptions of others in one line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class UserError(Exception):
    """Bad input, found before any work: commands print its text and exit with code 2."""


def first_line(problem: object) -> str:
    """The first line that says something; one that ends with a colon announces the next."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    said = lines[:1]
    while said and said[-1].endswith(":") and len(said) < len(lines):
        said.append(lines[len(said)])
    return " ".join(said) or "no message"


def first_fault(problem: "ValidationError") -> str:
    """What pydantic found first, as `place: what`; its own first line only counts."""
    fault = problem.errors(include_url=False)[0]
    return ": ".join(filter(None, (".".join(map(str, fault["loc"])), first_line(fault["msg"]))))
