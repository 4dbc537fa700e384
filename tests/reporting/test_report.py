"""`report.py`: every format from the same records, from partial data, and bad input."""

import csv
import html
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from checkpoints import checkpoint
from core import records, words
from core.plugins import ROOT
from core.records import Record
from core.stats import Ratio
from reporting.contents import charts, document, labels
from reporting.deciding import observations, study
from reporting.deciding.study import Study
from reporting.formats import _details as details
from reporting.formats import _page as parts
from reporting.formats import html as page
from reporting.formats import json as data
from reporting.formats import md as markdown
from reporting.reading import results as reading
from tests import models
from tests.report_case import (
    MACHINE,
    OPTIONS,
    analysis,
    figure,
    performance,
    quality,
    report,
    typical,
    write,
)

__all__ = ["report"]

EVIL = "<img src=x onerror=alert(1)>|`*_$x^2$"


def made(folder: Path, found: list[Record]) -> Study:
    return study.build(reading.read([write(folder, found)]))


@pytest.fixture
def typical_folder(tmp_path: Path) -> Path:
    return write(tmp_path / "perf_results", typical())


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
    assert speed.split()[1:3] == ["400", "±9.94"]


def test_one_use_case(report, typical_folder: Path) -> None:
    done = report("--use_case", "memory", "--memory_budget", "9MiB", "--json")
    found = json.loads(done.stdout.splitlines()[-1])
    assert [o["use_case"] for o in found["decision"]] == ["memory"]
    assert found["decision"][0]["winner"] == "INT8-W8A8"
    assert found["schemes"]["INT8-W8A8"]["speed_up"]["batch 32"]["value"] == pytest.approx(4 / 3)
    assert found["schemes"]["INT4-W4A16"]["quality"]["verdict"] == "fail"


def test_the_speed_up_of_one_user_is_the_latency_the_decision_is_made_by(tmp_path: Path) -> None:
    """Throughput and latency of one user that contradict each other: the latency counts."""
    slow = [
        r.model_copy(
            update={"figures": {**r.figures, "e2e_latency_s": figure([0.4] * 3, "s", "lower")}}
        )
        if r.measure == "sequential"
        else r
        for r in performance("INT8-W8A8", 600, 1)
    ]
    built = document.build(made(tmp_path, [*performance("BASE", 300, 2), *slow]), "latency")
    assert built.outcomes[0].winner == "BASE" and built.outcomes[0].decided
    table = next(t for t in built.tables if t.key == "sequential")
    assert table.rows[1][-1].text.startswith("0.53x") and "of the latency" in table.notes[0]
    assert "INT8-W8A8 is slower than BASE with one user" in " ".join(built.observations)
    scheme = data.as_json(built)["schemes"]["INT8-W8A8"]
    assert scheme["speed_up"]["sequential"]["value"] < 1 < scheme["speed_up"]["batch 8"]["value"]


def test_an_interval_that_ends_beside_one_gets_a_third_digit() -> None:
    assert words.ratio_text(Ratio(value=1.3, low=1.004, high=1.69)) == "1.300x (1.004 to 1.690)"
    assert words.ratio_text(Ratio(value=1.3, low=1.2, high=1.4)) == "1.30x (1.20 to 1.40)"


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


def test_broken_files_are_named_and_the_rest_is_used(report, typical_folder: Path) -> None:
    folder = typical_folder / "tiny-BASE"
    whole = json.loads(next(folder.glob("memory-*.json")).read_text())
    (folder / "truncated.json").write_text(json.dumps(whole)[:200])
    (folder / "newer.json").write_text(json.dumps({**whole, "schema_version": 99}))
    whole["machine"]["gpus"] = ["L4"]
    (folder / "gpus.json").write_text(json.dumps(whole))
    whole["figures"]["peak_bytes"]["value"] = float("nan")
    (folder / "nan.json").write_text(json.dumps(whole))
    times = json.loads(next(folder.glob("sequential-*.json")).read_text())
    times["raw"]["repeats"][0][0][4] = float("nan")
    (folder / "times.json").write_text(json.dumps(times))
    text = next(folder.glob("load-*.json")).read_text()
    for digits in (400, 5000):
        huge = re.sub(r'"value":[^,]+', f'"value":1{"0" * digits}', text, count=1)
        (folder / f"digits_{digits}.json").write_text(huge)
    (folder / "deep.json").write_text("[" * 100_000)
    theirs = {"results": {"piqa": {"acc,none": 10**400}}}
    (folder / "results_1.json").write_text(json.dumps(theirs))
    done = report("--json")
    broken = json.loads(done.stdout.splitlines()[-1])["not_read"]
    reasons = {Path(path).name: why for path, why in broken.items()}
    assert "not a whole record" in reasons["truncated.json"]
    assert "newer version" in reasons["newer.json"]
    assert "a number of 401 digits" in reasons["digits_400.json"]
    assert "a number of 5,001 digits" in reasons["digits_5000.json"]
    assert "recursion" in reasons["deep.json"]
    assert "a number of 401 digits" in reasons["results_1.json"]
    assert "finite number" in reasons["nan.json"]
    assert "machine.gpus.0" in reasons["gpus.json"]
    assert "raw.repeats.0.0.4" in reasons["times.json"]


def test_old_records_are_read(tmp_path: Path) -> None:
    old = records.load(ROOT / "tests" / "data" / "record_schema_1.json")
    built = document.build(made(tmp_path, [old]))
    assert built.study.candidates[0].figure("sequential", "tpot_s")
    assert any("fake engine" in note for note in built.notes)


def test_base_missing_means_absolute_figures(tmp_path: Path) -> None:
    built = document.build(made(tmp_path, performance("INT8-W8A8", 400, 6 << 20)))
    text = markdown.text(built)
    assert "figures are absolute" in text and "speed-up |" not in text
    assert "| INT8-W8A8 | 400 ±9.94 |" in text


def test_quality_alone_is_a_report(tmp_path: Path) -> None:
    built = document.build(made(tmp_path, [*quality("BASE"), *quality("INT8-W8A8", 0.69)]))
    assert {t.key for t in built.tables} == {"quality", "tasks"}
    assert all(not outcome.decided for outcome in built.outcomes)


def test_other_hardware_is_left_out_and_said(tmp_path: Path) -> None:
    late = {"ended": "2027-01-01T00:00:00+00:00", "machine": {**MACHINE, "cores": 64}}
    found = made(tmp_path, [*typical(), *performance("INT8-W8A8", 9000, 1, **late)])
    assert found.context["cores"] == "2"
    assert any("cores 2 and 64" in note for note in found.notes)


def test_quality_of_other_weights_is_left_out(tmp_path: Path) -> None:
    timed = performance("INT8-W8A8", 400, 1)
    other = timed[0].subject.model_copy(update={"fingerprint": "changed"})
    found = made(tmp_path, [*timed, *quality("INT8-W8A8", subject=other)])
    assert not found.candidates[0].quality and "other weights" in found.notes[0]


def test_the_newest_record_counts_even_when_it_failed(tmp_path: Path) -> None:
    late = {"ended": "2027-01-01T00:00:00+00:00", "status": "failed", "reason": "out of memory"}
    broken = [r.model_copy(update={**late, "figures": {}}) for r in performance("BASE", 1, 1)]
    found = made(tmp_path, [*typical(), *broken])
    assert found.base is not None and found.base.problem("sequential") == "out of memory"
    table = next(t for t in document.build(found).tables if t.key == "missing")
    assert any(row[0].text == "BASE" and row[2].text == "out of memory" for row in table.rows)


def test_observations_come_from_the_data(tmp_path: Path) -> None:
    eager = {"options": {**OPTIONS, "enforce_eager": True}}
    slow = [
        *performance("BASE", 300, 10 << 20, **eager),
        *performance("INT4-W4A16", 250, 4 << 20, **eager),
        *performance(
            "FP8-W8A8",
            90,
            6 << 20,
            **eager,
            served={"kernels": {"qkv_proj": ["X/ChannelWiseTorchFP8ScaledMMLinearKernel"]}},
        ),
    ]
    said = " ".join(observations.observations(made(tmp_path, slow)))
    assert "CPUWNA16LinearKernel" in said and "weight-only: the 4-bit weights" in said
    assert "separate PyTorch operators" in said
    assert "too small for compression to pay" in said and "enforce_eager" in said
    assert "Peak memory hardly moves" in said
    fast = made(
        tmp_path / "fast",
        [*performance("BASE", 10, 16 << 30), *performance("INT4-W4A16", 20, 5 << 30)],
    )
    said = " ".join(observations.observations(fast))
    assert "slower" not in said and "too small" not in said


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


def test_a_long_command_is_folded_whole_and_broken_between_options(tmp_path: Path) -> None:
    built = document.build(made(tmp_path, typical()), "memory")
    command = "python score.py --model 'a b' --limit 5 --json"
    undecided = replace(built.outcomes[0], decided=False, to_decide=[command])
    shown = page.html(replace(built, outcomes=[undecided]))
    folded = shown.partition("<summary>How to decide it</summary>")[2].partition("</details>")[0]
    code = folded.partition("<code>")[2].partition("</code>")[0]
    assert html.unescape(re.sub("<[^>]*>", "", code)) == command
    assert "<span>--limit 5</span>" in code and 'class="copy"' in folded


def test_settings_are_told_per_measure(tmp_path: Path) -> None:
    (scheme,) = details.schemes(made(tmp_path, performance("BASE", 300, 1, model="demo")))
    settings = scheme.partition("<h3>Settings</h3>")[2].partition("<h3>")[0]
    options, *measures = settings.split("<details>")
    assert "max model len" in options and "batch size" not in options
    told = {m.partition("<summary>")[2].partition("<")[0]: m for m in measures}
    assert set(told) == {"load", "sequential", "batch 8", "batch 32", "memory"}
    assert "<dt>batch size</dt><dd>32</dd>" in told["batch 32"]
    assert "<dt>folder</dt><dd>demo/model</dd>" in scheme


def test_names_in_the_scatter_neither_collide_nor_leave_it() -> None:
    near = [
        charts.Point(f"INT4-W4A16-{n}", x, None, None, 0.5, None, None, "compressed")
        for n, x in enumerate((1.0, 1.01, 2.0))
    ]
    one, other, last = labels.placed(near)
    assert one.label != other.label and one.narrow != other.narrow
    assert last.label.endswith("left") and last.narrow.endswith("left")


def test_what_is_inside_a_checkpoint_is_shown_as_text(tmp_path: Path) -> None:
    """Findings, a row of the table, both charts; layers are folded beyond sixty."""
    found = made(tmp_path, [*typical(), analysis("INT8-W8A8", [EVIL, "<script>x</script>"], 61)])
    built = document.build(found)
    shown = page.html(built).partition('<script type="application/json"')[0]
    assert "<h3>What is inside</h3>" in shown and "2 findings." in shown
    assert "<script>x" not in shown and "&lt;script&gt;x" in shown and "<img" not in shown
    assert "61 layers against the base</summary>" in shown
    table = next(t for t in built.tables if t.key == "checkpoints")
    assert [cell.text for cell in table.rows[0]] == [
        "INT8-W8A8",
        "2 findings",
        "8.25",
        "I8 6.00 MiB, BF16 1.00 MiB",
        "60.0",
        "model.layers.0.mlp.up_proj (30.0 dB)",
    ]
    drawn = page.chart_data(built)
    assert drawn["dtypes"]["series"] == {"I8": [6.0], "BF16": [1.0]}
    assert len(drawn["sqnr"][0]["lines"]["up_proj"]) == 61


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


def test_a_spreadsheet_runs_no_formula(tmp_path: Path, report) -> None:
    failed = {"status": "failed", "figures": {}, "reason": "=cmd|' /C calc'!A0"}
    write(tmp_path / "perf_results", [performance("BASE", 1, 1)[0].model_copy(update=failed)])
    done = report("--format", "csv")
    assert "'=cmd" in done.stdout and ",=cmd" not in done.stdout


@pytest.mark.parametrize("metric", ["tradeoff", "speed", "memory", "quality", "latency"])
def test_pictures(typical_folder: Path, metric: str, tmp_path: Path) -> None:
    from reporting.formats import _pictures as pictures

    built = document.build(study.build(reading.read([typical_folder])))
    assert pictures.draw(built, metric, tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    svg = pictures.draw(built, metric, tmp_path / "deep" / "p.svg").read_text()
    assert "INT8-W8A8" in svg


def test_model_card(report, base: Path, tmp_path: Path) -> None:
    folder = models.write_compressed(tmp_path / "tiny-INT8-W8A8", base, "INT8-W8A8")
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [mine]\n---\n# Kept\n")
    mark = checkpoint.read(folder).fingerprint
    made_of = {"fingerprint": mark, "manifest": {"base": {"repo_id": "org/Tiny", "path": "tiny"}}}
    found = [
        r.model_copy(update={"subject": r.subject.model_copy(update=made_of)})
        if r.subject.scheme == "INT8-W8A8"
        else r
        for r in typical()
    ]
    write(tmp_path / "perf_results", found)
    for _ in range(2):
        done = report("--write_card", folder.name)
        assert done.exit_code == 0, done.stderr
    from huggingface_hub import ModelCard

    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "mit" and card.data.tags == ["mine", "vllm", "packed"]
    assert card.data.base_model == "org/Tiny" and card.data.base_model_relation == "quantized"
    assert card.data.library_name == "vllm" and card.data.pipeline_tag == "text-generation"
    scores = {r.dataset_name: r.metric_value for r in card.data.eval_results}
    assert scores["demo_arc_easy"] == pytest.approx(0.77, abs=0.01) and len(scores) == 3
    assert "# Kept" in card.text and card.text.count("report.py: start") == 1
    assert "vllm serve tiny-INT8-W8A8" in card.text
    (folder / "README.md").write_text("---\nbase_model: [a/b, c/d]\n---\n")
    assert report("--write_card", folder.name).exit_code == 0
    assert ModelCard.load(folder / "README.md").data.base_model == ["a/b", "c/d"]
    unknown = report("--format", "card", "--use_case", "memory").stdout
    assert "library_name: vllm" in unknown and "license" not in unknown
    (folder / "README.md").write_text("---\n: {\n---\n")
    done = report("--write_card", folder.name)
    assert done.exit_code == 2 and "metadata cannot be read" in done.stderr
    models.write_safetensors(folder / "model.safetensors", {"x": ("BF16", (2, 2))})
    done = report("--write_card", folder.name)
    assert done.exit_code == 2 and "not those the records are about" in done.stderr


def test_lm_evals_own_files_are_scores(tmp_path: Path) -> None:
    """Two results files with samples, in lm-eval's layout, are paired like records of ours."""
    for name, hits in (("tiny", 70), ("tiny-INT4-W4A16", 20)):
        folder = tmp_path / "eval_results" / name / "sub"
        folder.mkdir(parents=True)
        stamp = "2026-01-02T03-04-05.678"
        (folder / f"results_{stamp}.json").write_text(
            json.dumps(
                {
                    "results": {
                        "piqa": {
                            "alias": "piqa",
                            "acc,none": hits / 100,
                            "acc_stderr,none": 0.04,
                            "bad,none": float("nan"),
                        }
                    },
                    "config": {
                        "model_args": f"pretrained=./{name},add_bos_token=true",
                        "limit": 100,
                    },
                    "n-shot": {"piqa": 5},
                    "versions": {"piqa": 1.0},
                }
            )
        )
        rows = [
            {
                "doc_id": n,
                "doc_hash": f"{n:064x}",
                "filter": "none",
                "metrics": ["acc"],
                "acc": float(n < hits),
            }
            for n in range(100)
        ]
        samples = "\n".join(json.dumps(row) for row in rows)
        (folder / f"samples_piqa_{stamp}.jsonl").write_text(samples)
    (folder / "results_broken.json").write_text('{"results": 1}')
    timed = [*performance("BASE", 300, 1), *performance("INT4-W4A16", 600, 1)]
    write(tmp_path / "perf_results", timed)
    found = reading.read([tmp_path / "perf_results", tmp_path / "eval_results"])
    assert [Path(path).name for path in found.broken] == ["results_broken.json"]
    built = study.build(found)
    compared = built.compressed[0].compared
    assert compared.verdict == "fail" and compared.tasks["piqa"].worse == 50
    assert built.base and built.base.figure("harness", "piqa/acc,none")
    for samples in (tmp_path / "eval_results").rglob("samples_*"):
        samples.unlink()
    averages = study.build(reading.read([tmp_path / "perf_results", tmp_path / "eval_results"]))
    assert averages.compressed[0].compared.verdict is None
    assert "--log_samples" in averages.compressed[0].compared.reason
