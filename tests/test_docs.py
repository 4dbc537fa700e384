"""The docs list what there is: generated pages are current, commands and make targets are named."""

import re

import pytest

from core.plugins import ROOT
from scripts import make_docs
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
