"""Known studies as presets: options that the command line may overrule, and the study's tables."""

from pathlib import Path
from typing import Any

import pytest

from core import plugins, records
from reporting.contents import preset_page
from reporting.contents.document import Report, Request
from reporting.reading import results as reading
from tests import models
from tests.conftest import Run
from tests.report_case import performance, quality, write

FAKE = ("--engine", "fake", "--schemes", "FP8-W8A8")
LINE = ("pipeline.py", "--model_id", "tiny", "--study")


def test_what_the_line_does_not_say_is_the_studys(command: Run, base: Path, tmp_path: Path) -> None:
    models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    (tmp_path / "text.txt").write_text("Some text to be read by the fake engine. " * 40)
    own = ("--window", 64, "--stride", 32, "--text", tmp_path / "text.txt", "--num_prompts", 2)
    done = command(*LINE, "practical", *FAKE, *own)
    assert done.returncode == 0, done.stderr
    saved = records.load_all(tmp_path / "perf_results")
    (load,) = {
        (r.settings["max_new_tokens"], r.settings["requests"])
        for r in saved
        if r.measure == "sequential"
    }
    assert load == (50, 2)
    (read,) = [
        r
        for r in records.load_all(tmp_path / "eval_results")
        if r.measure == "perplexity" and r.subject.scheme == "BASE"
    ]
    assert (read.settings["window"], read.settings["stride"]) == (64, 32)
    assert "Memory Reduction (x)" in done.stdout and "Base Model" in done.stdout
    assert "--study practical --output_file tiny-practical.md" in done.stdout + done.stderr
    page = command("report.py", "--study", "practical", "--output_file", "page/tiny.md")
    assert page.returncode == 0, page.stderr
    text = (tmp_path / "page" / "tiny.md").read_text()
    assert text.startswith("# Quantization Trade-off: tiny\n") and "## Conclusion" in text


def test_a_stress_run_has_a_record_for_each_length(
    command: Run, base: Path, tmp_path: Path
) -> None:
    short = ("--growing_prompts", "8,32", "--max_new_tokens", 8, "--text", "none")
    models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    done = command(*LINE, "model-quantizer", *FAKE, *short)
    assert done.returncode == 0, done.stderr
    saved = records.load_all(tmp_path / "perf_results")
    lengths = {r.settings["prompt_tokens"] for r in saved if r.measure == "growing"}
    assert lengths == {8, 32}
    report = Request(records_read=reading.read([tmp_path / "perf_results"])).report
    shown = preset_page.tables(plugins.load("studies", "model-quantizer"), report)
    assert {t.title: len(t.rows) for t in shown} == {
        "Speed Benchmark": 2,
        "Batches": 2,
        "Memory Usage": 2,
        "Stress Test": 4,
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--study", "other"), "There is no study 'other'"),
        (("--growing_prompts", "8,few"), "--growing_prompts wants numbers like 128,512"),
        (("--growing_prompts", "999999"), "do not fit"),
    ],
)
def test_bad_input(command: Run, base: Path, words: tuple[str, ...], sentence: str) -> None:
    done = command("pipeline.py", "--model_id", "tiny", *FAKE, *words)
    assert done.returncode == 2 and sentence in " ".join(done.stderr.split())


def test_a_page_and_a_picture_are_two_things(command: Run) -> None:
    done = command("report.py", "--study", "practical", "--metric", "speed")
    assert done.returncode == 2 and "ask for different things" in done.stderr


def reported(folder: Path, engine: str = "transformers") -> Report:
    of: dict[str, Any] = {"engine": engine}
    found = [
        *performance("BASE", 100, 10 << 30, **of),
        *quality("BASE", **of),
        *performance("BNB-NF4", 50, 5 << 30, **of),
        *quality("BNB-NF4", 0.6, 0.02, **of),
    ]
    return Request(records_read=reading.read([write(folder, found)])).report


def test_figures_of_a_study_are_the_reports(tmp_path: Path) -> None:
    report = reported(tmp_path)
    (practical,) = preset_page.tables(plugins.load("studies", "practical"), report)
    rows = {row[0].text: dict(zip(practical.columns, row, strict=True)) for row in practical.rows}
    base, quantized = rows["Base Model"], rows["Quantized Model (4-bit)"]
    latency = [c.figure("sequential", "e2e_latency_s") for c in report.study.candidates]
    assert base["Latency (s)"].value == latency[0].value  # type: ignore[union-attr]
    assert quantized["Speedup (x)"].value == pytest.approx(0.5)
    assert base["Speedup (x)"].value is None
    assert quantized["Perplexity Increase (%)"].value == pytest.approx(
        100 * (quantized["Perplexity"].value / base["Perplexity"].value - 1)  # type: ignore[operator]
    )


def test_every_task_has_a_column(tmp_path: Path) -> None:
    report = reported(tmp_path)
    (dtypes,) = preset_page.tables(plugins.load("studies", "dtypes"), report)
    assert dtypes.columns[:3] == ["Model", "demo_arc_easy Acc (%)", "demo_hellaswag Acc (%)"]
    score = report.study.candidates[0].figure("harness", "demo_arc_easy/acc_norm,none")
    assert score is not None and dtypes.rows[0][1].text == f"{100 * score.value:.1f}"


@pytest.mark.parametrize("name", plugins.names("studies"))
def test_studies_name_figures_that_measures_have(name: str) -> None:
    for table in plugins.load("studies", name).tables:
        for column in table.columns:
            measure = plugins.load("measures", column.measure)
            assert column.figure == "tasks" or column.figure in measure.quantities
