"""Lines and tables of text from checkpoints' files, made safe for the terminal."""

from rich.table import Table
from rich.text import Text

from core import cli


def line(text: str, style: str = "") -> None:
    """Print one line; markup and control characters in it are shown, not obeyed."""
    cli.out.print(Text(cli.one_line(text), style=style), highlight=False)


def table(*headings: str) -> Table:
    """A table without lines; columns are right-aligned but the first and those that start `<`."""
    columns = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        left = number == 0 or heading.startswith("<")
        columns.add_column(heading.lstrip("<"), justify="left" if left else "right", no_wrap=True)
    return columns


def row(columns: Table, *cells: object) -> None:
    """Add a row; markup and control characters in it are shown, not obeyed."""
    columns.add_row(*(Text(cli.one_line(str(cell))) for cell in cells))
