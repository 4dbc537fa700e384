"""`analyze.py --json` and the records of `--save`, character for character as always.

analyze_output.txt holds pairs of lines: a command, and the one line of JSON that it prints.
"""

import importlib.metadata
import json
from pathlib import Path

import pytest

from core import records
from core.plugins import ROOT
from tests import models
from tests.checkpoints import test_methods

EXPECTED = Path(__file__).with_name("analyze_output.txt")
LIGHT = (
    "tiny-INT4 tiny tiny-FP8 gptq unheard_of --target sm_90 --tensor_parallel_size 3",
    "NVFP4 INT8-W8A8 --target sm_100",
    "nowhere broken cut",
    "gptq --base one_layer",
    "tiny --base tiny --engine fake --target cpu",
)
HEAVY = (  # torch decompresses the weights
    "tiny-INT4 --base tiny",
    "tiny-FP8 --base tiny --target sm_80",
)


@pytest.fixture
def folders(tmp_path: Path, base: Path) -> Path:
    """Checkpoints good and bad, in the folder where the commands run."""
    shapes, values = models.int4_shapes()
    declared = models.INT4_DECLARED
    for name in ("tiny-INT4", "broken", "cut"):
        models.write_model(tmp_path / name, shapes, values, quantization_config=declared)
    file = tmp_path / "broken" / "model.safetensors"
    file.write_bytes(file.read_bytes().replace(b"q_proj.weight_scale", b"q_proj.weight_scola"))
    file = tmp_path / "cut" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    models.write_compressed(tmp_path / "tiny-FP8", base)
    test_methods.write(tmp_path / "gptq", "gptq")
    layer: models.Shapes = {f"{test_methods.LAYER}.weight": ("BF16", (128, 256))}
    models.write_model(tmp_path / "one_layer", layer)
    models.write_model(tmp_path / "unheard_of", quantization_config={"quant_method": "unheard_of"})
    manifest = json.dumps({"model": "tiny", "scheme": "INT4-W4A16"})
    (tmp_path / "tiny-INT4" / "compression.json").write_text(manifest)
    (tmp_path / "tiny" / "generation_config.json").write_text('{"temperature": 0.6}')
    (tmp_path / "tiny" / "tokenizer.json").write_text("{}")
    (tmp_path / "tiny" / "tokenizer_config.json").write_text('{"tokenizer_class": "\\ud800"}')
    return tmp_path


def expected() -> dict[str, str]:
    lines = EXPECTED.read_text(encoding="utf-8").splitlines()
    return dict(zip(lines[::2], lines[1::2], strict=True))


def printed(command, arguments: str) -> str:
    """What a command prints, but for the checkout's folder and the version of the library."""
    done = command("analyze.py", *arguments.split(), "--json", "--save")
    stdout = done.stdout.replace(f"{ROOT}/", "")
    version = f"compressed-tensors {importlib.metadata.version('compressed-tensors')}"
    return str(stdout.replace(version, "COMPRESSED_TENSORS")).removesuffix("\n")


@pytest.mark.parametrize(
    "arguments",
    [*LIGHT, *(pytest.param(line, marks=pytest.mark.real) for line in HEAVY)],
)
def test_the_json_is_what_it_was(command, folders: Path, arguments: str) -> None:
    assert printed(command, arguments) == expected()[arguments]


def test_records_hold_what_is_printed(command, folders: Path) -> None:
    done = command("analyze.py", "tiny-INT4", "--target", "sm_90", "--json", "--save")
    (path,) = (folders / "eval_results" / "tiny-INT4-W4A16").iterdir()
    assert records.load(path).raw is not None
    saved = json.loads(path.read_text(encoding="utf-8"))["raw"]
    assert json.dumps([saved], ensure_ascii=False) + "\n" == done.stdout
