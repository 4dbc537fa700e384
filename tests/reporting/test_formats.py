"""Formats: the same figures in each, texts never markup, and a new one is one file."""

import csv
import io
import re
from pathlib import Path

import pytest

from reporting.contents import document
from reporting.deciding import study
from reporting.formats import _page as parts
from reporting.formats import html as page
from reporting.formats import md as markdown
from reporting.reading import results as reading
from tests.report_case import EVIL, performance, typical, write


def test_csv_is_one_row_a_repeat(report, typical_folder: Path) -> None:
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
    assert [float(r["value"]) for r in speed] == pytest.approx([3960, 4000, 4040])
    assert {r["reason"] for r in rows if r["scheme"] == "FP8-W8A8"} != {""}


def test_markdown(report, typical_folder: Path, tmp_path: Path) -> None:
    assert report("--output_file", "out/r.md").exit_code == 0
    text = (tmp_path / "out" / "r.md").read_text()
    assert text.startswith("# Which scheme for tiny?\n\n## For one user's latency: INT8-W8A8\n")
    assert "| INT8-W8A8 | 400 ±9.94 |" in text


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
