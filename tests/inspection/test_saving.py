"""`analyze.py --save`: records that explain themselves, next to those that report.py reads."""

import json
from pathlib import Path

from core import records
from inspection import saving
from inspection.numeric import LayerError
from tests import models, report_case
from tests.report_case import Run, report

__all__ = ["report"]


def checkpoint(folder: Path, **config: object) -> Path:
    shapes, values = models.int4_shapes()
    models.write_model(folder, shapes, values, quantization_config=models.INT4_DECLARED, **config)
    (folder / "compression.json").write_text('{"model": "tiny", "scheme": "INT4-W4A16"}')
    return folder


def test_a_record_explains_itself(command, tmp_path: Path, base: Path) -> None:
    checkpoint(tmp_path / "tiny-INT4-W4A16", architectures=["\ud800"])
    done = command("analyze.py", "tiny-INT4-W4A16", "tiny", "--save", "--json")
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "eval_results" / "tiny-INT4-W4A16").iterdir()
    (dense,) = (tmp_path / "eval_results" / "tiny-BASE").iterdir()
    record = records.load(path)
    assert (record.kind, record.measure, record.status) == ("quality", "analysis", "ok")
    assert records.load(dense).figures["bits_per_weight"].value == 16
    shown = json.loads(done.stdout)[0]
    assert record.raw is not None and record.raw["findings"] == []
    assert record.raw["overview"]["kinds"] == shown["overview"]["kinds"]
    assert list(record.figures) == ["bits_per_weight"]
    bits = record.figures["bits_per_weight"]
    assert (bits.value, bits.unit, bits.better) == (
        shown["overview"]["bits_per_weight"],
        "bits",
        "lower",
    )


def test_figures_of_compared_weights() -> None:
    layers = [
        LayerError(
            module="m",
            weights=1,
            relative_error=0.1,
            sqnr_db=sqnr_db,
            cosine=1.0,
            unused_levels=0.0,
            saturated=0.0,
        )
        for sqnr_db in (20.0, None, 14.0, 30.0)
    ]
    figures = saving.figures(4.5, layers)
    assert {name: (f.value, f.unit, f.better) for name, f in figures.items()} == {
        "bits_per_weight": (4.5, "bits", "lower"),
        "sqnr_db_median": (20.0, "dB", "higher"),
        "sqnr_db_worst": (14.0, "dB", "higher"),
    }


def test_what_could_not_be_read_has_no_record(command, tmp_path: Path) -> None:
    file = checkpoint(tmp_path / "c") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    done = command("analyze.py", "c", "--save")
    assert done.returncode == 1 and "c: nothing is saved" in done.stderr
    assert not (tmp_path / "eval_results").exists()


def test_reports_work_beside_it(command, report: Run, tmp_path: Path) -> None:
    folder = report_case.write(tmp_path / "perf_results", report_case.typical())
    before = report("--results_dir", str(folder), "--json")
    checkpoint(tmp_path / "tiny-INT4-W4A16")
    done = command("analyze.py", "tiny-INT4-W4A16", "--save", "--results_dir", str(folder))
    assert done.returncode == 0, done.stderr
    after = report("--results_dir", str(folder), "--json")
    assert after.exit_code == before.exit_code == 0, after.output
    assert json.loads(after.stdout)["decision"] == json.loads(before.stdout)["decision"]
    assert not json.loads(after.stdout)["not_read"]
