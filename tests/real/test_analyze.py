"""`analyze.py` on checkpoints of every scheme: nothing wrong on any, figures that make sense."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core import plugins
from inspection import results
from inspection.data import Inspection
from tests.conftest import ROOT
from tests.real.conftest import RealRun, verdict

pytestmark = pytest.mark.real
SCHEMES = [
    plugins.shown("schemes", n)
    for n in plugins.names("schemes")
    if plugins.load("schemes", n).quant_method is not None
]
COMPARED = results.Settings(
    base="demo", sensitivity=True, num_calibration_samples=2, max_sequence_length=64
)
DOWN = "model.layers.0.mlp.down_proj"
# SQNR of a Gaussian-like weight: about 6 dB a bit; GPTQ pays some of it for smaller output errors
LEAST_SQNR_DB = {4: 11.0, 8: 28.0}
MOST_KL = {4: 0.05, 8: 0.002}  # nats a token; the demo's answers differ by 3 nats from noise


@pytest.fixture(scope="module")
def against_base(real_run: RealRun) -> dict[str, Inspection]:
    """Every checkpoint of the run compared with the base, in one process."""
    return {
        name: results.inspect(str(real_run.folder / f"demo-{name}"), COMPARED, lambda *_: None)
        for name in SCHEMES
    }


@pytest.mark.parametrize("name", SCHEMES)
def test_nothing_is_wrong_with_any_scheme(against_base: dict[str, Inspection], name: str) -> None:
    inspection = against_base[name]
    assert inspection.findings == []
    scheme = plugins.load("schemes", name)
    assert inspection.overview and inspection.overview.quantized_bits
    bits = inspection.overview.quantized_bits
    assert scheme.weight_bits <= bits < scheme.weight_bits + 0.6


@pytest.mark.parametrize("name", SCHEMES)
def test_errors_are_those_of_the_format(against_base: dict[str, Inspection], name: str) -> None:
    errors, scheme = against_base[name].numeric, plugins.load("schemes", name)
    assert errors and (errors.folded is not None) == scheme.folds_scales
    for layer in errors.layers:
        assert layer.sqnr_db and layer.sqnr_db > LEAST_SQNR_DB[scheme.weight_bits], layer
        assert layer.cosine > 0.97 and layer.unused_levels < 0.3
    sensitivity = against_base[name].sensitivity
    assert sensitivity and 0 < sensitivity.total < MOST_KL[scheme.weight_bits]
    assert len(sensitivity.units) == (4 if scheme.folds_scales else 16)
    if scheme.folds_scales:
        assert all(unit.sqnr_db and unit.sqnr_db > 15 for unit in sensitivity.units)
    assert sensitivity.leave and sensitivity.leave_extra_bytes > 0


def test_a_ruined_layer_is_the_most_sensitive(real_run: RealRun, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    source = real_run.folder / "demo-INT8-W8A8-RTN"
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    tensors[f"{DOWN}.weight"] = tensors[f"{DOWN}.weight"].roll(1, 0)
    save_file(tensors, tmp_path / "model.safetensors")
    inspection = results.inspect(str(tmp_path), COMPARED, lambda *_: None)
    assert inspection.findings == []
    assert inspection.numeric and inspection.numeric.layers[0].module == DOWN
    assert inspection.sensitivity and inspection.sensitivity.units[0].layers == [DOWN]


def test_what_runs_in_the_engine(real_run: RealRun) -> None:
    name, kernel = ("INT4-W4A16", "WNA16")
    if verdict(name) != "native":
        name, kernel = ("INT8-W8A8", "Int8ScaledMM")
    line = [sys.executable, str(ROOT / "analyze.py"), f"demo-{name}", "--engine", "vllm"]
    done = subprocess.run(
        [*line, "--base", "demo", "--target", "cpu", "--json", "--max_model_len", "512"],
        cwd=real_run.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (found,) = json.loads(done.stdout)
    served = found["runtime"]["served"]
    assert any(kernel in served_by for served_by in served["kernels"]["qkv_proj"])
    assert served["kv_cache_tokens"] > 512 and served["max_concurrency"] > 1
    assert len(found["runtime"]["answers"]) == len(found["runtime"]["base_answers"]) == 3
    assert found["runtime"]["agreement"] > 0.2
    assert found["targets"][0]["parsed_by"].startswith("compressed-tensors ")


def test_pictures(against_base: dict[str, Inspection], tmp_path: Path) -> None:
    from reporting.console import analysis_pictures

    made = analysis_pictures.draw(list(against_base.values()), tmp_path / "pictures")
    assert [path.name for path in made] == ["bytes_by_dtype.png", "sqnr_by_layer.png"]
    for path in made:
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000
