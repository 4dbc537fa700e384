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
        "Summary",
        "Speed",
        "Memory",
        "Quality",
        "Tasks",
        "What is missing",
        "Observations",
        "Test environment",
    ):
        assert heading in lines
    first, *_ = (line for line in lines if line.startswith("INT8-W8A8  "))
    assert first.split()[1:4] == ["1.33x", "1.33x", "pass"], "the summary, before other tables"
    (speed,) = (" ".join(line.split()) for line in lines if line.startswith("INT8-W8A8   one user"))
    assert speed.startswith("INT8-W8A8 one user 1.33x (1.29 to 1.38) 400 (390 to 410)")


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


def test_the_newest_model_answers_and_the_others_are_named(report, tmp_path: Path) -> None:
    """Also in a history and for a run of it; what `analyze.py` alone has seen comes last."""
    late = {"ended": "2027-01-01T00:00:00+00:00"}
    write(tmp_path / "perf_results", typical(model="older"))
    write(tmp_path / "perf_results", typical(model="newer", run_id="20270101T", **late))
    seen = {"model": "seen", "ended": "2028-01-01T00:00:00+00:00"}
    write(tmp_path / "eval_results", [analysis("INT8-W8A8", **seen)])
    done = report()
    assert done.stdout.startswith("Which scheme for newer?")
    assert "newer has the newest records; for older or seen name it with --model" in done.stderr
    assert report("--model", "older").stdout.startswith("Which scheme for older?")
    done = report("--history", "--format", "html")
    assert "history-newer.html" in done.stderr and "newer has the newest records" in done.stderr
    done = report("--compare", "perf_results", "perf_results", "--json")
    assert done.exit_code == 0, done.stderr
    schemes = {change["scheme"] for change in json.loads(done.stdout)["changes"]}
    assert schemes == {"BASE", "INT8-W8A8", "INT4-W4A16"}


def test_the_example_stands_in_nobodys_way(report, tmp_path: Path) -> None:
    """It is newer and of more schemes, and is read only as long as there is nothing else."""
    late = {"ended": "2027-01-01T00:00:00+00:00"}
    write(tmp_path / "perf_results" / "example", typical(model="demo", **late))
    done = report()
    assert done.stdout.startswith("Which scheme for demo?")
    assert "these are the records of the example: there are none of your own yet" in done.stderr
    write(tmp_path / "perf_results", performance("BASE", 300, 1, model="demo"))
    done = report()
    assert "INT8-W8A8" not in done.stdout and done.stderr == ""
    named = report("--results_dir", "perf_results/example", "--history")
    assert "INT8-W8A8" in named.stdout


def test_runs_of_another_model_do_not_say_how_much_runs_differ(report, tmp_path: Path) -> None:
    for day, rate in (("01", 300), ("02", 200), ("03", 400), ("04", 290)):
        when = {"run_id": f"202601{day}T", "ended": f"2026-01-{day}T00:00:00+00:00"}
        model = "mine" if day in ("01", "04") else "theirs"
        write(tmp_path / "perf_results", performance("BASE", rate, 1, model=model, **when))
    when = {"run_id": "20260105T", "ended": "2026-01-05T00:00:00+00:00"}
    write(tmp_path / "perf_results", performance("BASE", 250, 1, model="theirs", **when))
    done = report("--compare", "20260101T", "20260104T", "--json")
    called = {c["called"] for c in json.loads(done.stdout)["changes"] if c["measure"] != "memory"}
    assert called == {"not tested"}
