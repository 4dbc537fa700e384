"""Lines and rows of a stranger's words, safe for the terminal."""

from rich.markup import escape
from rich.table import Table

from core import cli


def line(text: str, style: str = "") -> None:
    """One line of a stranger's words, safe for the terminal."""
    cli.out.print(escape(cli.printable(text)), style=style or None, highlight=False)


def table(*headings: str) -> Table:
    """A plain table, the first column of words and the others of numbers unless they start `<`."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        left = number == 0 or heading.startswith("<")
        made.add_column(heading.lstrip("<"), justify="left" if left else "right", no_wrap=True)
    return made


def row(of: Table, *cells: object) -> None:
    """Add a row of a stranger's words."""
    of.add_row(*(escape(cli.printable(str(cell))) for cell in cells))
