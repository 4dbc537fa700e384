"""Tables at any width: whole words and numbers, lines that fit, columns by importance."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.words import WORDS, wrapped
from reporting.formats._columns import Column, draw

SCHEMES = ["BASE", "INT4-W4A16-AWQ", "FP8-W8A8-BLOCK"]
cells = st.sampled_from(
    ["-", "pass", "1,071 (1.43x)", "98.9 (97.2 to 100.5)", "9.51 MiB", "日本語"]
)
texts = st.sampled_from(["as declared", "not served natively here: no kernel for this format", "-"])


@st.composite
def tables(draw_: st.DrawFn) -> list[Column]:
    number = draw_(st.integers(1, 9))
    columns = [Column(heading="scheme", cells=SCHEMES, texts=True, names=True)]
    for place in range(number):
        is_text = draw_(st.booleans())
        shown = draw_(st.lists(texts if is_text else cells, min_size=3, max_size=3))
        heading = draw_(st.sampled_from(["verdict", "one user, time per token ms", "tokens/s"]))
        important = draw_(st.booleans())
        heading = f"{heading} {place}"
        columns.append(Column(heading=heading, cells=shown, texts=is_text, important=important))
    return columns


@given(tables(), st.sampled_from([60, 80, 120, 200]))
def test_nothing_is_cut_and_every_line_fits(columns: list[Column], width: int) -> None:
    lines = [line.plain for line in draw(columns, width)]
    assert max(map(cell_len, lines)) <= width
    shown = " ".join(" ".join(lines).split())
    for column in columns:
        for text in [column.heading, *column.cells]:
            assert all(word in shown for word in WORDS.findall(text))
        assert column.texts or all(cell in shown for cell in column.cells)


@given(tables(), st.integers(60, 200))
def test_every_block_names_its_rows(columns: list[Column], width: int) -> None:
    blocks = "\n".join(line.plain for line in draw(columns, width)).split("\n\n")
    for block in blocks:
        assert all(re.search(rf"^{re.escape(name)}\b", block, re.M) for name in SCHEMES)
    whole = [line.plain for line in draw(columns, None)]
    assert len([line for line in whole if line.startswith("BASE")]) == 1


def test_the_important_come_first_in_the_order_of_the_table() -> None:
    columns = [
        Column(heading="scheme", cells=["BASE"], texts=True, names=True),
        *(Column(heading=f"figure{n}", cells=["1" * 20]) for n in range(4)),
        Column(heading="verdict", cells=["undecided"], important=True),
    ]
    blocks = "\n".join(line.plain for line in draw(columns, 60)).split("\n\n")
    assert [block.split("\n")[0].split() for block in blocks] == [
        ["scheme", "figure0", "verdict"],
        ["scheme", "figure1", "figure2"],
        ["scheme", "figure3"],
    ]


def test_what_fits_stays_together() -> None:
    columns = [Column(heading=f"time per token {n}", cells=["1.25"]) for n in range(6)]
    lines = [line.plain for line in draw(columns, 60)]
    assert lines[-1].split() == ["1.25"] * 6 and len(lines) == 3
    assert [len(list(draw(columns, width))) for width in (120, 200, None)] == [2, 2, 2]


WRAPPED = {
    "words": ("one two three", 8, ["one two", "three"]),
    "list": ("- one two three", 9, ["- one two", "  three"]),
    "indented": ("  not A: one two", 10, ["  not A:", "    one", "    two"]),
    "finding": ("  ! one two", 8, ["  ! one", "    two"]),
    "command": ("see `python x.py --all` now", 12, ["see", "`python x.py --all`", "now"]),
    "number": ("takes 9.51 MiB of 43 % ok", 14, ["takes 9.51 MiB", "of 43 % ok"]),
    "short": ("a  b", 20, ["a  b"]),
    "wide": ("日本 日本", 8, ["日本", "日本"]),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_lines_break_between_words(name: str) -> None:
    text, width, lines = WRAPPED[name]
    assert wrapped(text, width) == lines
