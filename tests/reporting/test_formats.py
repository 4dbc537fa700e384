"""Formats: the same figures in each, texts never markup, and a new one is one file."""

import csv
import io
import re
from pathlib import Path

import pytest

from core import cli, plugins
from reporting.console import results
from reporting.contents import changes, document
from reporting.deciding import runs, study
from reporting.formats import _page as parts
from reporting.formats import _pictures as pictures
from reporting.formats import card, terminal
from reporting.formats import html as page
from reporting.formats import md as markdown
from reporting.formats._format import Format
from reporting.reading import results as reading
from tests.report_case import EVIL, load, memory, performance, speed, typical, write
from tests.reporting import house


def test_csv_is_one_row_a_load(report, typical_folder: Path) -> None:
    done = report("--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    speed = [
        r
        for r in rows
        if r["scheme"] == "INT8-W8A8"
        and r["measure"] == "batch"
        and r["batch_size"] == "32"
        and r["figure"] == "output_tokens_per_s"
    ]
    assert [float(r["value"]) for r in speed] == pytest.approx([4040, 3960, 4000])
    assert {r["reason"] for r in rows if r["scheme"] == "FP8-W8A8"} != {""}


def test_markdown(report, typical_folder: Path, tmp_path: Path) -> None:
    assert report("--output_file", "out/r.md").exit_code == 0
    text = (tmp_path / "out" / "r.md").read_text()
    assert text.startswith("# Which scheme for tiny?\n\n## For one user's latency: INT8-W8A8\n")
    assert "| INT8-W8A8 | one user | 1.33x (1.29 to 1.38) | 400 (390 to 410) | " in text
    first = text.partition("## Summary")[2].partition("\n## ")[0]
    assert (
        "| INT8-W8A8 | 1.33x | 1.33x | pass | 6.00 MiB | 0.00200 | 100.0 | 400 | 4,000 |" in first
    )
    assert "## For" not in text.partition("## Summary")[2]
    assert "KL divergence: how far" in first and "recovery: the mean score" in first


def test_texts_from_records_are_never_markup(tmp_path: Path) -> None:
    found = [r.model_copy(update={"reason": EVIL}) for r in typical(model=EVIL.replace("/", ""))]
    folder = tmp_path / "evil"
    for number, record in enumerate(found):
        path = folder / str(number) / "r.json"
        path.parent.mkdir(parents=True)
        path.write_text(record.model_dump_json())
    built = document.build(study.build(reading.read([folder])))
    shown = page.html(built).partition('<script type="application/json"')[0]
    assert "<img" not in shown and "&lt;img" in shown
    assert "<script>alert" not in shown and "&lt;script&gt;alert" in shown
    assert "<" not in parts.embedded(page.chart_data(built))
    outside = re.sub(r"^(```+)\n.*?\n\1$", "", markdown.text(built), flags=re.M | re.S)
    assert "<img" not in outside and "&lt;img" in outside


def test_a_spreadsheet_runs_no_formula(tmp_path: Path, report) -> None:
    failed = {"status": "failed", "figures": {}, "reason": "=cmd|' /C calc'!A0"}
    write(tmp_path / "perf_results", [performance("BASE", 1, 1)[0].model_copy(update=failed)])
    done = report("--format", "csv")
    assert "'=cmd" in done.stdout and ",=cmd" not in done.stdout


SHOUT = '''
"""The decision in capitals."""

from reporting.formats._format import Format, write_text


def _write(request, output):
    winners = [str(outcome.winner) for outcome in request.report.outcomes]
    write_text(" ".join(winners).upper() + f" of {len(request.records)}", output)


FORMAT = Format(summary="the decision in capitals", suffixes=(".shout",), write=_write)
'''


def test_a_new_file_is_a_new_format(tmp_path: Path) -> None:
    copied = house.copy(tmp_path)
    (copied / "reporting" / "formats" / "shout.py").write_text(SHOUT)
    write(tmp_path / "perf_results", typical())
    shouted = f"INT8-W8A8 INT8-W8A8 INT8-W8A8 of {len(reading.read([tmp_path]).stored)}"
    assert house.run(copied, "--format", "shout").stdout.strip() == shouted
    assert house.run(copied, "--output_file", "a.shout").returncode == 0
    assert (tmp_path / "a.shout").read_text() == shouted
    assert "md, shout or terminal" in " ".join(house.run(copied, "--help").stdout.split())
    wrong = house.run(copied, "--format", "whisper")
    assert wrong.returncode == 2 and "card, csv, html, json, md, shout, terminal" in wrong.stderr
    past = house.run(copied, "--history", "--format", "shout")
    assert past.returncode == 2 and "not as shout" in past.stderr


@pytest.mark.parametrize("name", plugins.names("reporting/formats"))
def test_every_format_is_one(name: str) -> None:
    form = plugins.load("reporting/formats", name)
    assert isinstance(form, Format) and form.summary


# A figure of the records below, as every output has it.
FIGURES = {"rate": "3,736 (3,727 to 3,744)", "weights": "8.38 GiB", "latency": "(17.1 to 17.2)"}
RATES = (3732.0, 3736.0, 3739.0)


@pytest.fixture(scope="module")
def one_look(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each output says of the same records."""
    folder = tmp_path_factory.mktemp("look")
    weights = 8.38 * (1 << 30)
    records = [
        record
        for scheme in ("BASE", "INT8-W8A8")
        for number, rate in enumerate(RATES, start=1)
        for record in (
            speed(scheme, [rate], round=number),
            memory(scheme, weights, round=number),
            load(scheme, round=number),
        )
    ]
    request = document.Request(records_read=reading.read([write(folder, records)]))
    built = request.report
    known = runs.runs(request.records_read)
    svgs = [pictures.draw(built, m, folder / f"{m}.svg").read_text() for m in ("speed", "memory")]
    with cli.out.capture() as shown:
        terminal.show(built)
    with cli.out.capture() as printed:
        results.show_performance(records[:9], folder, False)
    return {
        "terminal": shown.get(),
        "md": markdown.text(built),
        "html": page.html(built),
        "card": card.section(built, built.study.compressed[0]),
        "history": "\n".join(map(markdown.table, changes.history_tables(known))),
        "command": printed.get(),
        "pictures": "\n".join(svgs),
    }


@pytest.mark.parametrize(
    "output", ["terminal", "md", "html", "card", "history", "command", "pictures"]
)
def test_a_figure_looks_the_same_everywhere(one_look: dict[str, str], output: str) -> None:
    text = one_look[output]
    latency = {"command": "", "pictures": ""}.get(output, FIGURES["latency"])
    bare = {"history": "", "pictures": "3,736 tokens/s", "command": "3,736"}
    rate = bare.get(output, FIGURES["rate"])
    for wanted in (FIGURES["weights"], latency, rate):
        assert wanted in text, wanted
    assert "MiB" not in text.partition('<script type="application/json"')[0].replace(
        "1,024 MiB", ""
    )
