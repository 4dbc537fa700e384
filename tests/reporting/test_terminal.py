"""What commands print at 60, 80, 120 and 200 columns, as files to read and compare.

`SNAPSHOTS=write .venv/bin/python -m pytest tests/reporting/test_terminal.py` writes them anew, into
tests/reporting/snapshots: read the difference before it is committed.
"""

import io
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from core import cli, machine
from inspection.runtime import Runtime
from quality.comparison import Scored, parse_margins
from reporting.console import answers, compression, progress, results
from tests import models
from tests.conftest import Run
from tests.report_case import performance, quality, typical, write
from tests.reporting.test_history import run, three

SNAPSHOTS = Path(__file__).with_name("snapshots")
WIDTHS = (60, 80, 120, 200)
COMMANDS = (
    "analyze.py", "benchmark.py", "compress.py", "download_model.py", "pipeline.py", "report.py",
    "score.py", "vllm_test.py",
)  # fmt: skip
TO_COPY = re.compile(r"vllm serve |python \S+\.py |compress\.py \.\.\. ")
Show = Callable[[], None]


@pytest.fixture
def outputs(command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Show]:
    """What is to be shown, by name; each prints on `cli.out` and `cli.err`."""
    here = replace(
        machine.probe(), cpu="AMD EPYC", cores=2, gpus=(), cpu_flags=frozenset({"avx2", "fma"})
    )
    monkeypatch.setattr(machine, "probe", lambda: here)
    monkeypatch.setattr(machine, "started", lambda program: ["python", program])
    monkeypatch.setattr(machine, "installed", lambda name: name)
    base = models.write_model(tmp_path / "tiny")
    for scheme in ("FP8-W8A8", "INT4-W4A16-AWQ"):
        models.write_compressed(tmp_path / f"tiny-{scheme}", base)
    shapes, values = models.int4_shapes()
    declared = models.INT4_DECLARED
    models.write_model(tmp_path / "tiny-INT4", shapes, values, quantization_config=declared)
    write(tmp_path / "perf_results", typical())
    for number, made in enumerate([*three(), run(4), run(5, 200)]):
        write(tmp_path / "runs" / str(number), made)
    base_scores, own = quality("BASE"), quality("INT8-W8A8", 0.7, 0.002)
    scored = [Scored(base=base_scores, checkpoint=each) for each in (base_scores, own)]
    manifest = {
        "phases": {"import_s": 5.2, "load_s": 0.4, "calibrate_s": 61.9, "save_s": 0.3},
        "peak_memory_bytes": {"main": 1 << 30}, "wall_s": 68.25, "path": "tiny-INT4-W4A16",
    }  # fmt: skip
    kernels = {"qkv_proj": ["CPUInt8ScaledMMLinearKernel"], "lm_head": ["UnquantizedLinearMethod"]}
    text = "It is a mineral of deep blue colour that is found in the north.\n- and\n- elsewhere"
    asked = {"prompt": "What is Klugine, and where is it found?", "text": text}
    ran = Runtime(served={"kernels": kernels, "quantization": None}, answers=[asked])
    runs = ("--results_dir", tmp_path / "runs")
    plan = ("--compression_type", "INT4-W4A16", "--model_id", "tiny", "--dry_run")

    def of(program: str, *arguments: object) -> Show:
        def show() -> None:
            done = command(program, *arguments)
            for console, said in ((cli.out, done.stdout), (cli.err, done.stderr)):
                console.file.write(said)

        return show

    margins = parse_margins("1")
    return {
        "report": of("report.py", "--results_dir", "perf_results"),
        "compare": of("report.py", *runs, "--compare", "20260104", "20260105"),
        "history": of("report.py", *runs, "--history"),
        "pipeline": lambda: results.show_run(typical(), "tiny", [Path("perf_results")], "1", False),
        "benchmark": lambda: results.show_performance(
            performance("INT8-W8A8", 400, 6 << 20), Path("perf_results"), False
        ),
        "score": lambda: results.show_quality(scored, margins, Path("nothing"), False) and None,
        "analyze": of("analyze.py", "tiny-INT4", "--base", "tiny", "--target", "sm_90"),
        "analyze-several": of("analyze.py", "tiny", "tiny-FP8-W8A8", "tiny-INT4-W4A16-AWQ"),
        "compress-list": of("compress.py", "--list"),
        "compress-dry-run": of("compress.py", *plan, "--calibration", "wikitext"),
        "compress": lambda: compression.print_result(manifest, False),
        "vllm_test": lambda: answers.show("tiny", ran),
    }


def shown(show: Show, monkeypatch: pytest.MonkeyPatch, width: int | None) -> str:
    """All that is printed at a width (None: as in a file), progress left out."""
    said = io.StringIO()
    screen = Console(file=said, soft_wrap=True, width=width or 10_000)
    with monkeypatch.context() as patched:
        for name in ("out", "err"):
            patched.setattr(cli, name, screen)
        patched.setattr(progress._Log, "_say", lambda self, since="": None)
        if width:
            patched.setenv("COLUMNS", str(width))
        show()
    return "".join(f"{line.rstrip()}\n" for line in said.getvalue().splitlines())


NAMES = (
    "report", "compare", "history", "pipeline", "benchmark", "score", "analyze", "analyze-several",
    "compress-list", "compress-dry-run", "compress", "vllm_test",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_width(outputs: dict[str, Show], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    at = {width: shown(outputs[name], monkeypatch, width) for width in WIDTHS}
    whole = set(shown(outputs[name], monkeypatch, None).split())
    for width, text in at.items():
        for line in text.splitlines():
            assert cell_len(line) <= width or TO_COPY.search(line), line
        assert "…" not in text
        assert set(text.split()) == whole  # every word, name and number, none broken
    compare(f"{name}.txt", "".join(f"{'=' * w}\n{text}" for w, text in at.items()))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_at_60_columns(process: Run, name: str) -> None:
    """At 80 it is in docs/commands.md, and no wider anywhere."""
    text = process(name, "--help", COLUMNS="60").stdout
    assert max(map(len, text.splitlines())) <= 60
    compare(f"help-{name.removesuffix('.py')}.txt", text)


def compare(name: str, text: str) -> None:
    """Compare with the file, or write it."""
    path = SNAPSHOTS / name
    if os.environ.get("SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"see {__name__} on how to write {name} anew"
