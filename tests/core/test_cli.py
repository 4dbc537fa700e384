"""Text on its way out: shown and never obeyed, on one line where a line is meant."""

import json

import pytest
from typer.testing import CliRunner

from core import cli
from core.errors import UserError

SHOWN = {
    "plain": ("a b", "a b"),
    "escape": ("\x1b[31m", "\\x1b[31m"),
    "C1": ("\x9b2J", "\\x9b2J"),
    "carriage return": ("abc\rd", "abc\\rd"),
    "Windows lines": ("a\r\nb", "a\nb"),
    "turned": ("a\u202eb", "a\\u202eb"),
    "separator": ("a\u2028b", "a\\u2028b"),
    "surrogate": ("\ud800", "\\ud800"),
    "spaces": ("a\u00a0b\u3000c", "a\u00a0b\u3000c"),
    "joined": ("\u0645\u06cc\u200c 👩\u200d🔬", "\u0645\u06cc\u200c 👩\u200d🔬"),
    "hidden": ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_printable(name: str) -> None:
    text, shown = SHOWN[name]
    assert cli.printable(text) == shown
    assert "\n" not in cli.one_line(text)


def test_lines_stay_where_lines_are_meant() -> None:
    assert cli.printable("a\n\tb") == "a\n\tb" and cli.one_line("a\n\tb") == "a  b"


def test_json_is_the_same_and_shows_nothing_odd() -> None:
    document = {"a": ["\x9b", "\ud800", "é\n", "\U000e0001", "\u202e"], "b": 1}
    text = cli.json_text(document)
    assert text.isprintable() and json.loads(text) == document and "é" in text
    assert json.loads(cli.json_text(document, indent=1)) == document


def test_an_error_is_one_line_of_text() -> None:
    def command() -> None:
        raise UserError("a\x1b[31m [red]b[/] :bug: \u202ec\ndone: all is well")

    done = CliRunner().invoke(cli.application(command), [])
    assert done.exit_code == cli.BAD_INPUT
    said = "error: a\\x1b[31m [red]b[/] :bug: \\u202ec done: all is well\n"
    assert done.stderr == said


def test_an_error_breaks_between_words_where_there_is_a_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def command() -> None:
        raise UserError("there is no model folder 'x'; `python download_model.py --all` fetches it")

    monkeypatch.setenv("COLUMNS", "30")
    done = CliRunner().invoke(cli.application(command), [])
    assert done.stderr.splitlines() == [
        "error: there is no model",
        "folder 'x';",
        "`python download_model.py --all`",
        "fetches it",
    ]
    monkeypatch.delenv("COLUMNS")
    assert len(CliRunner().invoke(cli.application(command), []).stderr.splitlines()) == 1
