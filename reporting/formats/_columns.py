"""Tables as lines that fit a terminal: nothing in them is cut, at any width.

Headings are broken between words, then texts. Where not all columns fit side by side, the important
ones come first and the others in blocks below, each beginning with the columns that name a row.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from rich.cells import cell_len
from rich.text import Text

from core.words import WORDS, wrapped

GAP = 2  # columns between columns
HEADING_LINES = 3  # of a heading at the most, where room is short
NARROW = 24  # columns that a text is broken at, where room is short


@dataclass(frozen=True, kw_only=True)
class Column:
    """A heading and a cell a row; `texts` stand left and may be broken between words.

    `names` marks those that say what a row is of: every block begins with them.
    """

    heading: str
    cells: list[str]
    styles: list[str] = field(default_factory=list)
    texts: bool = False
    names: bool = False
    important: bool = False

    @cached_property
    def whole(self) -> int:
        """The width at which only the heading is broken, behind its commas."""
        return _widest([*self.heading.replace(", ", ",\n").split("\n"), *self.cells])

    @cached_property
    def word(self) -> int:
        """The width of the longest word: no column is narrower."""
        return _widest(word for text in [self.heading, *self.cells] for word in WORDS.findall(text))

    def narrow(self, lines: int) -> int:
        """The width at which the heading takes at most so many lines; long texts are broken."""
        cells = _widest(self.cells)
        least = max(self.word, min(cells, NARROW) if self.texts else cells)
        widths = range(least, max(least, _widest(self.head(self.whole))) + 1)
        return next(w for w in widths if len(self.head(w)) <= lines or w == widths[-1])

    def head(self, width: int) -> list[str]:
        """The heading in lines, broken behind its commas in any case."""
        parts = self.heading.replace(", ", ",\n").split("\n")
        return [line for part in parts for line in wrapped(part, width)]


def draw(columns: list[Column], width: int | None) -> Iterator[Text]:
    """The lines of a table that is at most so wide; None: as wide as it is.

    Only a single word may be wider, which the terminal breaks then.
    """
    for number, block in enumerate(_blocks(columns, width)):
        if number:
            yield Text()
        yield from _lines(block)


Block = list[tuple[Column, int]]  # columns side by side, each with its width


def _blocks(columns: list[Column], width: int | None) -> list[Block]:
    if width is None or _total(column.whole for column in columns) <= width:
        return [[(column, column.whole) for column in columns]]
    names = [column for column in columns if column.names]
    parts: list[list[Column]] = []
    for column in sorted(columns, key=lambda column: not column.important):
        if column.names:
            continue
        if not parts or _total(_narrowest([*names, *parts[-1], column], width)) > width:
            parts.append([])
        parts[-1].append(column)
    return [_fitted([c for c in columns if c in names or c in part], width) for part in parts]


def _narrowest(columns: list[Column], width: int) -> list[int]:
    """Widths with the most lines a heading; names of rows are broken where they take half."""
    return [
        c.whole if c.names and c.whole <= width // 3 else c.narrow(HEADING_LINES) for c in columns
    ]


def _fitted(columns: list[Column], width: int) -> Block:
    """The columns of a block with widths: as few lines a heading as fit; texts get what is left.

    Where a single column does not fit next to the names, its cells are broken too.
    """
    for lines in range(1, HEADING_LINES + 1):
        widths = [column.narrow(lines) for column in columns]
        if _total(widths) <= width:
            break
    for number, column in enumerate(columns):
        if column.texts:
            left = max(0, width - _total(widths))
            widths[number] += min(left, max(0, column.whole - widths[number]))
    for number in reversed(range(len(columns))):
        over = max(0, _total(widths) - width)
        widths[number] = max(columns[number].word, widths[number] - over)
    return list(zip(columns, widths, strict=True))


def _lines(block: Block) -> Iterator[Text]:
    yield from _row([(c, width, c.head(width), "bold") for c, width in block])
    for number in range(len(block[0][0].cells)):
        yield from _row(
            [
                (c, width, wrapped(c.cells[number], width), c.styles[number] if c.styles else "")
                for c, width in block
            ]
        )


def _row(cells: list[tuple[Column, int, list[str], str]]) -> Iterator[Text]:
    """The lines of one row; headings of fewer lines than others stand at the bottom."""
    height = max(len(lines) for _, _, lines, _ in cells)
    heading = all(style == "bold" for *_, style in cells)
    for number in range(height):
        line = Text()
        for place, (column, width, lines, style) in enumerate(cells):
            at = number - (height - len(lines) if heading else 0)
            text = lines[at] if 0 <= at < len(lines) else ""
            blank = " " * (width - cell_len(text))
            line.append(" " * GAP * (place > 0))
            line.append(text + blank if column.texts else blank + text, style)
        line.rstrip()
        yield line


def _total(widths: Iterable[int]) -> int:
    """Columns that these take side by side."""
    taken = list(widths)
    return sum(taken) + GAP * (len(taken) - 1)


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)
