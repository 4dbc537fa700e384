"""The docs list what there is: generated pages are current, commands and make targets are named."""

import ast
import fnmatch
import re

import pytest

from core.plugins import ROOT
from reporting.contents.document import Request
from reporting.formats import md as markdown
from reporting.reading import results as reading
from scripts import make_docs, walk_docs, walk_rules
from tests.test_rules import ROOMS


@pytest.mark.parametrize("page", make_docs.PAGES)
def test_generated_pages_are_current(page: str) -> None:
    assert (ROOT / page).read_text() == make_docs.PAGES[page](), "run `make docs`"


def test_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in [p.name for p in ROOT.glob("*.py")] + [p.name for p in ROOT.glob("*.sh")]:
        assert command in readme, command
    assert set(make_docs.COMMANDS) == {p.name for p in ROOT.glob("*.py")}


def test_links_in_docs_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_make_targets_the_readme_names_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for name in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.M):
            assert name in targets, name


def test_room_tables_name_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for room in (*ROOMS, "scripts"):
        assert f"`{room}/`" in page, room


# What readers stumbled over; in its place stand "next to", "compute", "correct", "distinguish".
STUMBLED = re.compile(r"(?i)\b(besides?|reckon\w*|mends?|mended|told apart|the noise)\b")
READ_ALOUD = ("measures", "quality", "reporting/contents", "reporting/formats")  # reports' words


def test_words_are_plain() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    for path in [*pages, *(file for room in READ_ALOUD for file in (ROOT / room).glob("*.py"))]:
        found = STUMBLED.search(path.read_text())
        assert found is None, f"{path.relative_to(ROOT)}: {found and found[0]!r}"


def said_in_code() -> str:
    """Every text of the code, a line each; `…` stands for what is filled in."""
    texts = []
    for path in [*ROOT.glob("*.py"), *(f for room in ROOMS for f in (ROOT / room).glob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = node.values
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts = [node]
            else:
                continue
            text = "".join(p.value if isinstance(p, ast.Constant) else "…" for p in parts)
            texts.append(re.sub(r"{\w+}", "…", text))
    return "\n".join(texts)


def quoted_messages(page: str) -> list[str]:
    """What the first cells of a page's tables quote, those before the libraries' own messages."""
    ours = (ROOT / "docs" / page).read_text().partition("## Said by torch")[0]
    return re.findall(r"^\| `([^`]+)`", ours, re.M)


@pytest.mark.parametrize("page", ["troubleshooting.md", "chat-templates.md"])
def test_messages_the_docs_explain_are_said_by_the_code(page: str) -> None:
    said, quoted = said_in_code(), quoted_messages(page)
    assert len(quoted) >= 4
    for message in quoted:
        assert message.removesuffix("…").strip() in said, message


def test_every_block_of_the_docs_says_what_it_is() -> None:
    """The walk runs `sh`; without a language nobody knows whether a block is a command."""
    known = {"sh", "console", "text", "python", "json", "yaml"}
    for page in walk_docs.pages():
        for fence, language in re.findall(
            r"^(```)(\w*).*\n(?:.*\n)*?```$", (ROOT / page).read_text(), re.M
        ):
            assert language in known, f"{page}: {fence}{language}"


def test_the_walk_leaves_nothing_out_that_no_page_shows() -> None:
    shown = [
        command.text
        for page in walk_docs.pages()
        for command in walk_docs.commands((ROOT / page).read_text())
    ]
    rules = walk_rules.LEFT_OUT | walk_rules.LONG | walk_rules.SMALLER
    for pattern in [*rules, *walk_rules.EXIT_CODES, *walk_rules.CHANGE_FILES]:
        assert any(fnmatch.fnmatchcase(command, f"{pattern}*") for command in shown), pattern


def test_the_example_is_what_the_report_says_of_its_records() -> None:
    """Run `make example` anew where this fails; the table in the README is the report's first."""
    folders = [ROOT / name / "example" for name in ("perf_results", "eval_results")]
    made = markdown.text(Request(records_read=reading.read(folders)).report)
    assert (ROOT / "docs" / "example" / "report.md").read_text() == made
    table = made.partition("## Summary\n\n")[2].partition("\n\n")[0]
    assert table.replace("\\~", "~") in (ROOT / "README.md").read_text()
