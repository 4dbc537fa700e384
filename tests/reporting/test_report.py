"""`report.py`: the whole command from the same records, and bad input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.plugins import ROOT
from tests.report_case import analysis, performance, typical, write


def test_the_terminal_starts_with_the_decision(report, typical_folder: Path) -> None:
    done = report()
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Which scheme for tiny?"
    assert lines[2] == "For one user's latency: INT8-W8A8"
    assert "vllm serve tiny-INT8-W8A8" in done.stdout
    for heading in (
        "Speed, one user",
        "Memory",
        "Quality",
        "Tasks",
        "What is missing",
        "Observations",
        "Test environment",
    ):
        assert heading in lines
    speed = next(line for line in lines if line.startswith("INT8-W8A8  ") and "1.33x" in line)
    assert speed.split()[1:5] == ["400", "(390", "to", "410)"]


def test_one_use_case(report, typical_folder: Path) -> None:
    done = report("--use_case", "memory", "--memory_budget", "9MiB", "--json")
    found = json.loads(done.stdout.splitlines()[-1])
    assert [o["use_case"] for o in found["decision"]] == ["memory"]
    assert found["decision"][0]["winner"] == "INT8-W8A8"
    assert found["schemes"]["INT8-W8A8"]["speed_up"]["batch 32"]["value"] == pytest.approx(4 / 3)
    assert found["schemes"]["INT4-W4A16"]["quality"]["verdict"] == "fail"


def test_it_runs_without_torch_or_vllm(typical_folder: Path) -> None:
    code = (
        "import sys\n"
        "class Nothing:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.partition('.')[0] in ('torch', 'vllm', 'transformers', 'datasets',\n"
        "            'llmcompressor', 'compressed_tensors', 'lm_eval', 'pandas'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Nothing())\n"
        f"sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['report.py', '--format', 'html']\n"
        "from report import app; app()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=typical_folder.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (typical_folder.parent / "report-tiny.html").stat().st_size > 4_000_000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--use_case", "fun"), "no use case 'fun'; there are: latency"),
        (("--format", "pdf"), "no format 'pdf'"),
        (("--format", "csv", "--json"), "ask for two formats"),
        (("--metric", "speed", "--format", "md"), "--metric and --format ask for"),
        (("--history", "--metric", "speed"), "--history and --metric ask for"),
        (("--metric", "fun"), "no metric 'fun'"),
        (("--metric", "speed", "--output_file", "x.bmp"), "pictures are .png"),
        (("--memory_budget", "much"), "wants a size like 24GiB"),
        (("--output_file", "x.doc"), "its name says no format"),
        (("--model", "other"), "no record of 'other'; there are: tiny"),
        (("--run", "1999"), "no run '1999'"),
        (("--results_dir", "nowhere"), "no results folder nowhere"),
        (("--write_card", "nowhere"), "no model folder 'nowhere'"),
    ],
)
def test_bad_input(report, typical_folder: Path, arguments: tuple[str, ...], sentence) -> None:
    done = report(*arguments)
    assert done.exit_code == 2 and sentence in done.stderr.replace("\n", " "), done.stderr


def test_no_records(report) -> None:
    done = report()
    assert done.exit_code == 2 and "there are no records" in done.stderr


def test_several_models_want_a_choice(report, typical_folder: Path) -> None:
    write(typical_folder, performance("BASE", 1, 1, model="other"))
    done = report()
    assert done.exit_code == 2 and "records of other, tiny: choose one" in done.stderr
    assert report("--model", "tiny").exit_code == 0


def test_an_analysis_is_never_compared(report, tmp_path: Path) -> None:
    write(tmp_path / "perf_results", typical())
    before = report("--json").stdout
    late = {"run_id": "20270101T000000Z-000001", "ended": "2027-01-01T00:00:00+00:00"}
    alone = [analysis(scheme, **late) for scheme in ("BASE", "INT8-W8A8", "NVFP4")]
    write(tmp_path / "perf_results", alone)
    told = [json.loads(text.splitlines()[-1]) for text in (before, report("--json").stdout)]
    assert told[0]["decision"] == told[1]["decision"]
    assert set(told[0]["schemes"]) == set(told[1]["schemes"])
    assert "20270101T" not in report("--history").stdout
    assert report("--compare", "20260101T", "20270101T").exit_code == 2
    write(tmp_path / "only", alone)
    done = report("--results_dir", "only")
    assert done.exit_code == 2 and "only analyses" in done.stderr
