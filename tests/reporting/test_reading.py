"""Records on disk: broken files are named, old ones and lm-eval's own are read."""

import json
import re
from pathlib import Path

from core import records
from core.plugins import ROOT
from reporting.contents import document
from reporting.deciding import study
from reporting.reading import results as reading
from tests.report_case import performance, write
from tests.reporting.conftest import made


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


THEIRS = {
    "config": {"model_args": "pretrained=org/..\x1b[31m/../x\u202ey", "limit": 5},
    "model_source": "../../hf\n",
    "results": {
        "../../up": {"acc,none": 0.5},
        "a\0": {"acc,none": 0.5, "tiny,none": 1e-320, "huge,none": 1e308},
        "wide": {"acc,none": 0.5, "acc_stderr,none": 9e99},
        "t" * 5000: {"acc,none": 0.25},
    },
}


def test_names_in_lm_evals_files_become_names(tmp_path: Path) -> None:
    folder = tmp_path / "eval_results" / "theirs"
    folder.mkdir(parents=True)
    (folder / "results_\x1b[31m.json").write_text(json.dumps(THEIRS))
    (tmp_path / "eval_results" / "up_.jsonl").write_text("{}")
    found = reading.read([tmp_path / "eval_results"])
    assert not found.broken
    record = found.stored[0].record
    assert (record.subject.model, record.subject.scheme) == ("x_y", "BASE")
    assert record.engine == ".._.._hf" and record.run_id == "lm-eval-results__[31m"
    assert {name.rpartition("/")[2] for name in record.figures} == {"acc,none"}
    assert [n for n in record.figures if n.startswith("wide")] == []
    assert records.Record.model_validate(record.model_dump()) == record


def test_samples_that_are_none_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "results_1.json").write_text(json.dumps({"results": {"piqa": {"acc,none": 0.5}}}))
    for line in ("{", "[]", '{"doc_id": "x", "doc_hash": "h"}', '{"doc_id": 1}'):
        (folder / "samples_piqa_1.jsonl").write_text(line)
        (why,) = reading.read([tmp_path]).broken.values()
        assert "not samples of lm-eval's" in why
