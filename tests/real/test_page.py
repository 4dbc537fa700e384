"""The page in a real browser, from disk: nothing logged, no network; sorted, hovered, audited."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from reporting.contents import changes, document
from reporting.contents.changes import RunComparison
from reporting.deciding import runs, study
from reporting.formats import _history_page as history_page
from reporting.formats import html as page
from reporting.reading import results as reading
from tests.conftest import ROOT
from tests.real.conftest import RealRun
from tests.report_case import typical, write

pytestmark = pytest.mark.real
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a model whose name, reasons and answers hold markup."""
    folder = tmp_path_factory.mktemp("page")
    name = EVIL.replace("/", "|")  # names become folders
    write(folder / "records", typical(model=name))
    built = document.build(study.build(reading.read([folder / "records"])))
    made = folder / "report.html"
    made.write_text(page.html(built), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("no Chromium: `apt-get install chromium` gets one")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield running
        running.close()


@pytest.fixture
def opened(browser: Any, file: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page, drawn; afterwards nothing may have been logged, asked for or popped up."""
    context = browser.new_context(**getattr(request, "param", {}))
    shown, troubles, asked = context.new_page(), [], []
    shown.on("console", lambda message: troubles.append(message.text))
    shown.on("pageerror", lambda error: troubles.append(str(error)))
    shown.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(file.as_uri())
    shown.wait_for_selector("#chart-tradeoff-0 .points")
    yield shown
    assert troubles == []
    assert asked == [file.as_uri()]
    context.close()


def test_the_decision_comes_first_and_markup_is_text(opened: Any) -> None:
    assert opened.inner_text("h1").startswith("Which scheme for <img src=x onerror=alert(1)>")
    first = opened.locator("main > section").first
    assert first.get_attribute("id") == "decision"
    assert first.locator("h3").first.inner_text() == "INT8-W8A8"
    assert "vllm serve" in first.locator("code").first.inner_text()
    assert opened.locator("main img").count() == 0
    assert opened.locator("script").count() == 3


def test_tables_sort_by_number_and_by_name(opened: Any) -> None:
    table = opened.locator("#speed table").first

    def order() -> list[str]:
        return [str(text) for text in table.locator("tbody th").all_inner_texts()]

    table.get_by_role("button", name="tokens/s").click()
    assert order()[:3] == ["BASE", "INT8-W8A8", "INT4-W4A16"]
    assert table.locator("th[aria-sort=ascending]").inner_text().startswith("tokens/s")
    table.get_by_role("button", name="tokens/s").press("Enter")
    assert order()[-3:] == ["INT4-W4A16", "INT8-W8A8", "BASE"]
    table.get_by_role("button", name="speed-up").click()
    assert order()[-3:] == ["BASE"] * 3, "what has no value stays last"


def test_headings_are_explained(opened: Any) -> None:
    summary = opened.locator("#summary table")
    told = summary.get_by_text("KL, nats").get_attribute("title")
    assert told.startswith("KL divergence: how far")
    assert opened.locator("#words dt", has_text="recovery").count() == 1


def test_cards_have_a_headline_and_fold_the_rest(opened: Any) -> None:
    card = opened.locator(".card").first
    assert card.locator(".badge.good").inner_text() == "decided"
    assert card.locator(".headline").inner_text().startswith("160 ms with one user, 1.33x")
    assert not card.get_by_text("has the lowest latency").is_visible()
    card.locator("summary", has_text="Why").first.click()
    assert card.get_by_text("has the lowest latency").is_visible()


@pytest.mark.parametrize("opened", [{"viewport": PHONE}, {}], ids=["phone", "wide"], indirect=True)
def test_names_in_the_scatter_do_not_overlap(opened: Any) -> None:
    boxes = opened.evaluate(
        "[...document.querySelectorAll('#chart-tradeoff-0 .annotation-text-g')]"
        ".map((e) => e.getBoundingClientRect()).map((r) => [r.left, r.right, r.top, r.bottom])"
    )
    assert len(boxes) == 3
    for number, (left, right, top, bottom) in enumerate(boxes):
        for other in boxes[:number]:
            apart = left >= other[1] or right <= other[0] or top >= other[3] or bottom <= other[2]
            assert apart, boxes


def test_charts_answer_the_mouse(opened: Any) -> None:
    bar = opened.locator("#chart-speed-0 .point path").nth(1)
    bar.scroll_into_view_if_needed()
    bar.hover(force=True)
    label = opened.locator("#chart-speed-0 .hoverlayer text").first
    label.wait_for()
    assert "INT" in label.text_content() and "tokens/s" in label.text_content()


def test_a_scheme_opens(opened: Any) -> None:
    scheme = opened.locator("details.scheme", has_text="INT8-W8A8").first
    scheme.locator("> summary").click()
    inside = scheme.inner_text()
    for told in (
        "fingerprint",
        "f-INT8-W8A8",
        "CPUInt8ScaledMMLinearKernel",
        "<script>alert('answer')</script>",
    ):
        assert told in inside, told
    assert "first_token_s" not in inside  # folded
    scheme.evaluate("e => e.querySelectorAll('details').forEach(d => d.open = true)")
    assert "max new tokens" in scheme.inner_text() and "first_token_s" in scheme.inner_text()


@pytest.mark.parametrize(
    "opened",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": PHONE}],
    ids=["light", "dark", "phone"],
    indirect=True,
)
def test_axe_finds_nothing_and_nothing_overflows(opened: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    opened.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = Axe().run(opened).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_real_run_is_reported(real_run: RealRun) -> None:
    """What vLLM served: its kernels explain the speed, every scheme has a reason or a place."""
    line = [sys.executable, str(ROOT / "report.py"), "--model", "demo", "--json"]
    done = subprocess.run(line, cwd=real_run.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert not found["not_read"]
    for outcome in found["decision"]:
        named = {outcome["winner"], *(loser["scheme"] for loser in outcome["losers"])}
        assert named - {None} == set(found["schemes"])
    assert any("Its layers run" in text for text in found["observations"])


def test_light_and_dark_switch_and_print(opened: Any) -> None:
    theme = "document.documentElement.dataset.theme"
    assert opened.evaluate(theme) == "light"
    opened.get_by_role("button", name="Switch to dark").press("Enter")
    assert opened.evaluate(theme) == "dark"
    assert opened.locator("#theme").inner_text() == "Switch to light"
    assert opened.pdf()[:4] == b"%PDF"


def test_a_history_is_drawn_and_axe_finds_nothing(browser: Any, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    for day in ("01", "02", "03", "04", "05", "29"):
        when = {"run_id": f"202601{day}T", "ended": f"2026-01-{day}T00:00:00+00:00"}
        write(tmp_path / "records", typical(**when))
    known = runs.runs(reading.read([tmp_path / "records"]))
    file = tmp_path / "history.html"
    history = RunComparison(
        model="tiny", tables=changes.history_tables(known), changes=[], runs=known
    )
    file.write_text(history_page.html(history), encoding="utf-8")
    context = browser.new_context(viewport=PHONE)
    shown, troubles = context.new_page(), []
    shown.on("console", lambda message: troubles.append(message.text))
    shown.on("pageerror", lambda error: troubles.append(str(error)))
    shown.goto(file.as_uri())
    shown.wait_for_selector("#chart-history-0 .points")
    found = Axe().run(shown).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == [] and troubles == []
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ticks = shown.evaluate(
        "[...document.querySelectorAll('#chart-history-0 .xtick text')]"
        ".map((e) => e.getBoundingClientRect()).map((r) => [r.left, r.right])"
    )
    assert all(left[1] < right[0] for left, right in pairwise(sorted(ticks))), ticks
    context.close()
