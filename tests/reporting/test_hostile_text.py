"""Text from records, manifests and models through every output: it is shown, never obeyed."""

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from markdown_it import MarkdownIt

from checkpoints import checkpoint
from core import cli
from core.records import Record
from inspection import results
from inspection.data import EngineRun, Inspection
from inspection.numeric import LayerError, WeightErrors
from inspection.runtime import Runtime
from reporting.console import analysis, analysis_pictures, answers, progress
from running.progress import Turn
from tests import models
from tests.report_case import GPU, MACHINE, performance, quality, write
from tests.report_case import analysis as inside

# Colour and title of a terminal, a C1 control, text turned round, rich's markup and an emoji's
# name, HTML, Markdown's tables, headings, links, code and math, a formula, an entity, YAML's end.
EVIL = (
    "=1+1\x1b[31mred\x1b]0;title\x07\x9b2J\u202e[red]b[/red][/] :bug: <img src=x onerror=f()>"
    "\r\n# head | cell\n---\n- item `c` ```\n[a](javascript:f) ![i](x) http://evil.example "
    "www.evil.example a@evil.example &lt; <!-- report.py: end --> $x^2$ \\$y\\$ &#x3c;b"
)
# what still may call a model: printable, no path
NAME = "+<b>x|[red]&lt;$x$ www.evil.example"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


def hostile(record: Record) -> Record:
    """The record with a hostile text wherever its schema allows one."""
    kernels = {EVIL: [EVIL], "qkv_proj": [f"X/{EVIL}"]}
    changes: dict[str, Any] = {
        "options": {**record.options, EVIL: EVIL, "dtype": EVIL},
        "served": record.served
        and {**record.served, "kernels": kernels, "process": {EVIL: [EVIL]}},
        "settings": {**record.settings, EVIL: EVIL, "texts": [EVIL], "source": EVIL},
        "machine": {
            **MACHINE,
            **dict.fromkeys(("cpu", "os", "python", "driver", "git_commit"), EVIL),
            "libraries": {"vllm": EVIL, EVIL: EVIL},
            "gpus": [{**GPU, "name": EVIL}],
        },
        "command": ["pipeline.py", "--model_id", EVIL, EVIL],
        "started": EVIL,
        "raw": json.loads(json.dumps(record.raw).replace("demo_arc_easy", json.dumps(EVIL)[1:-1])),
        "figures": {
            name.replace("demo_arc_easy", EVIL): figure for name, figure in record.figures.items()
        },
    }
    if record.measure == "references":
        changes["raw"] |= {"generated": [EVIL, EVIL]}
    if record.measure in ("load", "references") and record.figures:
        changes["figures"] |= {EVIL: next(iter(record.figures.values()))}
    manifest = {EVIL: EVIL, "recipe": EVIL, "base": {"repo_id": EVIL, EVIL: EVIL}}
    subject = {"format": EVIL, "revision": EVIL, "manifest": manifest}
    changes["subject"] = record.subject.model_copy(update=subject)
    return record.model_copy(update=changes)


def records(fingerprint: str) -> list[Record]:
    made = [
        *performance("BASE", 300, 10 << 20, model=NAME),
        *quality("BASE", documents=20, model=NAME),
        *performance("INT8-W8A8", 400, 6 << 20, model=NAME),
        *quality("INT8-W8A8", 0.7, 0.002, documents=20, model=NAME),
        *performance(NAME, 350, 8 << 20, model=NAME),
        inside("INT8-W8A8", [EVIL], model=NAME),
    ]
    for record in performance("FP8-W8A8", 1, 1, model=NAME):
        gone = {"status": "failed", "figures": {}, "raw": None, "served": None, "reason": EVIL}
        made.append(record.model_copy(update=gone))
    later = {"run_id": f"2{NAME}", "ended": "2026-02-01T00:00:00+00:00"}
    made += performance("INT8-W8A8", 390, 6 << 20, model=NAME, **later)
    made = [hostile(record) for record in made]
    for number, record in enumerate(made):
        if record.subject.scheme == "INT8-W8A8":
            subject = record.subject.model_copy(update={"fingerprint": fingerprint})
            made[number] = record.model_copy(update={"subject": subject})
    return made


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Hostile records, and the checkpoint they are of."""
    folder = models.write_compressed(tmp_path / "c", models.write_model(tmp_path / "b"))
    manifest = {"model": NAME, "scheme": "INT8-W8A8", "base": {"fingerprint": EVIL}}
    (folder / "compression.json").write_text(json.dumps(manifest))
    (folder / "README.md").write_text("# Mine\n")
    write(tmp_path / "perf_results", records(checkpoint.read(folder).fingerprint))
    return tmp_path


def made(report, *words: str) -> str:
    done = report(*words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code in (0, 3), done.output
    assert not CONTROL.search(done.output)
    return str(done.stdout)


LINES = [(), ("--history",), ("--compare", "2026", "2+")]


@pytest.mark.parametrize("words", LINES)
def test_the_terminal_obeys_nothing(report, world: Path, words: tuple[str, ...]) -> None:
    shown = made(report, *words)
    assert "\n# head" not in shown and "\n- item" not in shown
    if not words:
        assert "\\x1b[31mred" in shown and ":bug:" in shown and "[red]b[/red][/]" in shown


@pytest.mark.parametrize("words", LINES)
def test_json_is_json(report, world: Path, words: tuple[str, ...]) -> None:
    document = json.loads(made(report, *words, "--json").splitlines()[-1])
    if not words:
        assert EVIL in document["schemes"]["FP8-W8A8"]["measures"]["load"]["reason"]


def test_a_csv_cell_is_a_line_and_no_formula(report, world: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(made(report, "--format", "csv"))))
    assert {row["model"] for row in rows} == {f"'{NAME}"}
    for cell in (cell for row in rows for cell in row.values()):
        assert not cell.startswith(("=", "+", "@")) and "\n" not in cell
        assert not cell.startswith("-") or float(cell)


def markdown(text: str) -> None:
    """Fail for anything but headings, paragraphs, lists, tables and blocks of code."""
    allowed = {"heading", "paragraph", "bullet_list", "list_item", "table", "thead", "tbody", "tr",
               "th", "td", "inline", "fence"}  # fmt: skip
    ours = re.compile(r"<!-- report\.py: (start|end) -->\n")
    assert len(ours.findall(text)) in (0, 2)
    reader = MarkdownIt("gfm-like")
    reader.linkify.set({"fuzzy_link": False})  # GitHub does not take report.py for an address
    parsed = reader.parse(ours.sub("", text))
    assert not re.search(r"(?i)www\.|https?:", re.sub(r"(?s)```+\n.*?\n```+", "", text))
    kinds = {re.sub("_(open|close)$", "", token.type) for token in parsed}
    assert kinds <= allowed, kinds - allowed
    inner = [child for token in parsed for child in token.children or []]
    assert {child.type for child in inner} == {"text"}
    assert not any("$" in token.content for token in parsed if token.type == "inline")
    assert sum(token.type == "heading_open" and token.tag == "h1" for token in parsed) <= 1


@pytest.mark.parametrize("words", LINES)
def test_markdown_is_text(report, world: Path, words: tuple[str, ...]) -> None:
    text = made(report, *words, "--format", "md")
    markdown(text)
    if not words:
        assert "&lt;img src=x onerror" in text and "\\# head" in text


def test_a_card_is_metadata_and_text(report, world: Path) -> None:
    made(report, "--write_card", "c")
    text = (world / "c" / "README.md").read_text()
    assert not CONTROL.search(text)
    _, front, body = text.split("---\n", 2)
    metadata = yaml.safe_load(front)
    assert "base_model" not in metadata and metadata["tags"][1].startswith("=1+1\\x1b")
    names = [r["dataset"]["name"] for r in metadata["model-index"][0]["results"]]
    assert any(name.startswith("=1+1\\x1b[31mred") for name in names)
    markdown(body)
    assert made(report, "--format", "card").startswith("---\n")


class Elements(HTMLParser):
    """The elements of a page and the scripts they run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("words", [(), ("--history",)])
def test_a_page_has_only_elements_of_ours(report, world: Path, words: tuple[str, ...]) -> None:
    made(report, *words, "--output_file", "r.html")
    page = (world / "r.html").read_text().partition("<script>")[0]
    assert not CONTROL.search(page)
    found = Elements()
    found.feed(page)
    assert not found.tags & {"img", "b", "iframe", "object", "a href"}
    assert not any(name.startswith("on") for name in found.attributes)
    if not words:
        assert "&lt;img src=x onerror" in page


@pytest.mark.parametrize("metric", ["tradeoff", "speed", "latency", "quality"])
def test_pictures_draw_text(report, world: Path, metric: str) -> None:
    made(report, "--metric", metric, "--output_file", "p.svg")
    text = (world / "p.svg").read_text()
    assert ElementTree.fromstring(text).tag.endswith("svg") and not CONTROL.search(text)


def printed(capsys: pytest.CaptureFixture[str], show: Callable[[], None]) -> str:
    show()
    both = "".join(capsys.readouterr())
    assert not CONTROL.search(both), both
    return both


def test_what_a_model_answers_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    served = {"kernels": {EVIL: [EVIL]}, "quantization": EVIL}
    ran = Runtime(served=served, answers=[{"prompt": EVIL, "text": f"  {EVIL}\n\tend\n"}])
    shown = printed(capsys, lambda: answers.show(EVIL, ran))
    assert "\\x1b[31mred" in shown and "[red]b[/red][/] :bug:" in shown
    assert "\n# head | cell\n---\n" in shown, "lines of an answer stay lines"


def test_what_an_inspection_finds_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    result = Inspection(name=EVIL)
    result.add_finding("damaged", EVIL)
    answer = {"prompt": EVIL, "text": EVIL, "token_ids": [1]}
    result.runtime = EngineRun(checkpoint=Runtime(answers=[answer]))
    shown = printed(capsys, lambda: analysis.show(result, everything=True))
    assert "[red]b[/red][/] :bug:" in shown and "\n# head" not in shown
    printed(capsys, lambda: analysis.listing([result, result]))


def test_progress_and_messages_obey_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def show() -> None:
        cli.say(EVIL, "red")
        with progress.progress(EVIL) as told:
            told.begin(Turn(subject=EVIL, place=(EVIL, EVIL)))
            told.step(EVIL, 1, 2, EVIL)
        with analysis.progress() as steps:
            steps(EVIL, EVIL, 0, 1)

    assert "[red]b[/red][/] :bug:" in printed(capsys, show)


def test_pictures_of_an_inspection_draw_text(tmp_path: Path) -> None:
    odd = "$\\frac$"
    folder = models.write_model(tmp_path / (odd + "x" * 90))
    result = results.inspect(str(folder), results.Settings(), lambda *_: None)
    layer = LayerError(
        module=f"model.layers.0.{odd}\x1b{'y' * 5000}", weights=1, relative_error=0.1, sqnr_db=20.0,
        cosine=1.0, unused_levels=0.0, saturated=0.0,
    )  # fmt: skip
    result.numeric = WeightErrors(base=odd, folded=None, layers=[layer])
    for path in analysis_pictures.draw([result], tmp_path / "out"):
        assert 1000 < path.stat().st_size < 1 << 20
