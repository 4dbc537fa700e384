"""Lines and tables that commands print: of text from checkpoints' files too, made harmless."""

from collections.abc import Iterable, Sequence

from core import cli
from reporting.formats import terminal
from reporting.formats._columns import Column

line = cli.show


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], important: str = "") -> None:
    """Print a table; columns are right-aligned but the first and those that start `<`.

    Where not all fit side by side, the column headed `important` comes first.
    """
    cells = [[cli.one_line(str(cell)) for cell in row] for row in rows]
    terminal.show_columns(
        [
            Column(
                heading=heading.lstrip("<"),
                cells=[row[number] for row in cells],
                texts=number == 0 or heading.startswith("<"),
                names=number == 0,
                important=heading.lstrip("<") == important,
            )
            for number, heading in enumerate(headings)
        ]
    )
