"""`pipeline.py` over ready checkpoints through the fake engine: one row each, failures go on."""

import json
import re
from pathlib import Path

from compressing import missing
from core import records
from reporting.deciding import study
from reporting.reading import results as reading
from tests import models
from tests.conftest import ROOT
from tests.report_case import performance, quality

QUIET = ("--tasks", "none", "--text", "none")
FAKE = ("--engine", "fake", "--max_new_tokens", 8, "--prompt_tokens", 8, *QUIET)


def test_one_row_a_checkpoint(command, base: Path, tmp_path: Path) -> None:
    compressed = models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    (compressed / "fake.json").write_text(json.dumps({"tokens_per_s": 2000}))
    done = command("pipeline.py", "--model_id", "tiny", "--schemes", "FP8-W8A8", *FAKE)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert rows["FP8-W8A8"].split()[1].endswith("x")  # the speed-up
    assert "Which scheme for tiny?" in done.stdout
    assert "vllm serve" not in done.stdout  # the fake engine is no server
    saved = records.load_all(tmp_path / "perf_results")
    assert {r.subject.scheme for r in saved} == {"BASE", "FP8-W8A8"}
    assert len({r.run_id for r in saved}) == 1


def test_three_rounds_of_one_user_a_middle_load_and_saturation(
    command, base: Path, tmp_path: Path
) -> None:
    """By default; the sizes are found on the base and are those of every checkpoint."""
    models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    done = command("pipeline.py", "--model_id", "tiny", "--schemes", "FP8-W8A8", *FAKE)
    assert done.returncode == 0, done.stderr
    assert "tiny-BASE: batch sizes 16 and 256 by tokens/s of " in done.stderr
    saved = [r for r in records.load_all(tmp_path / "perf_results") if r.measure == "batch"]
    timed = sorted((r.subject.scheme, r.round, r.settings["batch_size"]) for r in saved)
    assert timed == [
        *(("BASE", number, size) for number in (1, 2, 3, 4) for size in (16, 256)),
        *(("FP8-W8A8", number, size) for number in (1, 2, 3) for size in (16, 256)),
    ]


def test_rounds_without_end_are_refused_and_auto_has_its_budget(
    command, base: Path, tmp_path: Path
) -> None:
    models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    line = ("pipeline.py", "--model_id", "tiny", "--schemes", "FP8-W8A8", "--batch_sizes", 2)
    for options, sentence in (
        (("--rounds", "often"), "--rounds wants a number like 3, or auto, not 'often'"),
        (("--max_rounds", 5), "--max_rounds belongs to --rounds auto"),
        (("--rounds", "auto", "--max_rounds", 2), "greater than or equal to 3"),
    ):
        done = command(*line, *options, *FAKE)
        assert done.returncode == 2 and sentence in " ".join(done.stderr.split())
    assert not (tmp_path / "perf_results").exists()
    done = command(*line, "--rounds", "auto", "--max_rounds", 4, *FAKE)
    assert done.returncode == 0, done.stderr
    saved = records.load_all(tmp_path / "perf_results")
    assert {r.looks for r in saved} == {2}
    assert 3 <= max(r.round for r in saved if r.subject.scheme == "FP8-W8A8") <= 4


def test_a_failure_is_a_row_and_the_rest_go_on(command, base: Path, tmp_path: Path) -> None:
    for scheme in ("FP8-W8A8", "INT8-W8A8"):
        compressed = models.write_compressed(tmp_path / f"tiny-{scheme}", base, scheme)
        if scheme == "FP8-W8A8":
            (compressed / "fake.json").write_text(json.dumps({"fail": "crash"}))
    done = command("pipeline.py", "--model_id", "tiny", "--schemes", "FP8-W8A8,INT8-W8A8", *FAKE)
    assert done.returncode == 1
    assert "FP8-W8A8: the process ended with exit code 11" in done.stdout
    status = {r.subject.scheme: r.status for r in records.load_all(tmp_path / "perf_results")}
    assert status == {"BASE": "ok", "FP8-W8A8": "failed", "INT8-W8A8": "ok"}


def test_a_checkpoint_of_other_weights_is_refused(command, base: Path, tmp_path: Path) -> None:
    compressed = models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    manifest = json.loads((compressed / "compression.json").read_text())
    manifest["base"]["fingerprint"] = "0" * 16
    (compressed / "compression.json").write_text(json.dumps(manifest))
    done = command("pipeline.py", "--model_id", "tiny", "--schemes", "FP8-W8A8", *FAKE)
    assert done.returncode == 2
    assert "made from other weights" in done.stderr


def test_bad_input_before_any_work(command, base: Path, tmp_path: Path) -> None:
    done = command("pipeline.py", "--model_id", "tiny", "--schemes", "FP8-W8A9", *FAKE)
    assert done.returncode == 2 and "Did you mean FP8-W8A8" in done.stderr
    (tmp_path / "few.jsonl").write_text('{"text": "x"}')
    few = ("--calibration", "few.jsonl", "--schemes", "INT4-W4A16")
    done = command("pipeline.py", "--model_id", "tiny", *few, *FAKE)
    assert done.returncode == 2 and "512 samples were asked for" in done.stderr
    odd = models.write_model(tmp_path / "odd", models.llama_shapes(hidden=96))
    done = command("pipeline.py", "--model_id", odd.name, "--schemes", "FP8-W8A8,INT4-W4A16", *FAKE)
    assert done.returncode == 2 and "128 input columns" in done.stderr
    assert not (tmp_path / "perf_results").exists()


def test_json_holds_records_and_decision(command, base: Path, tmp_path: Path) -> None:
    models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    line = ("--model_id", "tiny", "--schemes", "FP8-W8A8", "--batch_sizes", "2", "--json")
    done = command("pipeline.py", *line, *FAKE)
    told = json.loads(done.stdout.splitlines()[-1])
    assert {r["subject"]["scheme"] for r in told["records"]} == {"BASE", "FP8-W8A8"}
    assert told["report"]["schemes"]["FP8-W8A8"]["speed_up"]["sequential"]["value"] > 0
    assert told["no_report"] is None
    decided = {each["use_case"]: each for each in told["report"]["decision"]}
    assert decided.keys() == {"latency", "throughput", "memory"}
    assert {each["winner"] for each in decided.values()} == {"BASE"}
    assert "FP8-W8A8 is indistinguishable from it" in decided["latency"]["sentence"]
    assert "FP8-W8A8 has the least memory" in decided["memory"]["sentence"]
    assert decided["memory"]["to_decide"] == [
        f"python {ROOT}/score.py --model tiny-FP8-W8A8 --engine fake"
    ]


def test_what_cannot_be_compressed_stays_in_the_report(command, tmp_path: Path) -> None:
    odd = models.write_model(tmp_path / "odd", models.llama_shapes(hidden=96))
    for scheme in missing.CLASSIC[1:]:
        if "INT4" not in scheme:
            models.write_compressed(tmp_path / f"odd-{scheme}", odd, scheme)
    models.write_compressed(tmp_path / "odd-FP8-W8A8", odd)
    done = command("pipeline.py", "--model_id", "odd", "--schemes", "all", *FAKE)
    assert done.returncode == 1
    assert re.search(r"INT4-W4A16: not compressed: .*128 input columns", done.stdout)
    page = command("report.py", "--model", "odd").stdout
    assert re.search(r"not INT4-W4A16: not compressed: ", page)


def test_a_scheme_that_cannot_be_made_any_more_has_no_quality(base: Path, tmp_path: Path) -> None:
    """What an older checkpoint of it scored is of weights that are gone."""
    earlier = [*performance("BASE", 100, 1e6), *quality("BASE"), *quality("INT4-W4A16")]
    gone = [
        r.model_copy(
            update={
                "status": "failed",
                "reason": "not compressed: why",
                "figures": {},
                "ended": "2026-01-02T00:00:00+00:00",
                "subject": r.subject.model_copy(update={"fingerprint": ""}),
            }
        )
        for r in performance("INT4-W4A16", 200, 1e6)
    ]
    for record in [*earlier, *gone]:
        records.save(record, tmp_path)
    built = study.build(reading.read([tmp_path]))
    (candidate,) = built.compressed
    assert candidate.problem("sequential") == "not compressed: why" and not candidate.quality
    assert any("INT4-W4A16: " in note and "other weights" in note for note in built.notes)


def test_a_reused_checkpoint_made_with_other_settings_is_reported(
    command, base: Path, tmp_path: Path
) -> None:
    compressed = models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    manifest = json.loads((compressed / "compression.json").read_text())
    manifest["settings"] = {"ignore": ["down_proj"], "seed": 7}
    (compressed / "compression.json").write_text(json.dumps(manifest))
    done = command("pipeline.py", "--model_id", "tiny", "--schemes", "FP8-W8A8", *FAKE)
    assert "tiny-FP8-W8A8: reused, though made with another ignore" in " ".join(done.stderr.split())
