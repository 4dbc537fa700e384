"""`compress.py` up to the point where weights would be loaded, and what its check finds."""

import json
from pathlib import Path

import pytest

from checkpoints import checkpoint
from checkpoints import models as places
from compressing import verify
from core import plugins
from tests import models


def test_list_names_every_scheme(command) -> None:
    done = command("compress.py", "--list", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert set(rows) == {plugins.shown("schemes", n) for n in plugins.names("schemes")}
    assert rows["INT4-W4A16-AWQ"]["method"] == "AWQ"


def test_list_says_what_a_cpu_serves(process) -> None:
    done = process("compress.py", "--list", CUDA_VISIBLE_DEVICES="")
    line = next(li for li in done.stdout.splitlines() if li.startswith("INT8-W8A16-RTN"))
    assert " no" in line


def test_dry_run_prints_the_plan_and_stops(command, base: Path, tmp_path: Path) -> None:
    arguments = ("--compression_type", "int4-w4a16", "--model_id", "tiny", "--dry_run", "--json")
    done = command("compress.py", *arguments, "--calibration", "wikitext")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["layers"]["down_proj"] == 1 and plan["ignored"] == ["lm_head"]
    assert plan["predicted_bytes"] < plan["base_bytes"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny"]
    told = command("compress.py", *arguments[:-1], "--calibration", "wikitext")
    assert told.stdout.startswith("INT4-W4A16: ") and "left out: lm_head" in told.stdout


FP8 = ["--compression_type", "FP8-W8A8", "--model_id", "tiny"]
INT4 = ["--compression_type", "INT4-W4A16", "--model_id", "tiny", "--calibration"]
BAD_INPUT = [
    ([], "which scheme?"),
    (["--compression_type", "INT4-W4A61", "--model_id", "tiny"], "Did you mean INT4-W4A16"),
    (["--compression_type", "BASE", "--model_id", "tiny"], "nothing to compress"),
    (["--compression_type", "FP8-W8A8", "--model_id", "nowhere"], "no model folder"),
    (["--compression_type", "FP8-W8A8"], "download_model.py`"),
    ([*FP8, "--ignore", "lm_haed"], "is called 'lm_haed'"),
    (INT4[:-1], "tiny has no chat template, which the chats of ultrachat need"),
    ([*INT4, "none.jsonl"], "no such file"),
    ([*INT4, "bad.jsonl"], "bad.jsonl, line 2: has neither"),
    ([*INT4, "nothing.jsonl"], "is empty"),
    ([*INT4, "few.jsonl"], "512 samples were asked for, few.jsonl has 1"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD_INPUT)
def test_bad_input(command, base: Path, tmp_path: Path, arguments, sentence: str) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "x"}\n{"other": 1}\n')
    (tmp_path / "nothing.jsonl").write_text("")
    (tmp_path / "few.jsonl").write_text('{"text": "x"}\n')
    before = sorted(p.name for p in tmp_path.iterdir())
    done = command("compress.py", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_existing_output_is_refused_before_any_work(command, base: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny-FP8-W8A8").mkdir()
    done = command("compress.py", *FP8)
    assert done.returncode == 2
    assert "--force" in done.stderr


def test_the_manifest_says_where_the_base_was_published(base: Path) -> None:
    assert places.hub(base) == {}
    (base / "download.json").write_text("{")
    assert places.hub(base) == {}
    record = {"repo_id": "org/Tiny", "commit": "abc", "files": []}
    (base / "download.json").write_text(json.dumps(record))
    assert places.hub(base) == {"repo_id": "org/Tiny", "commit": "abc"}


LAYERS = {"model.layers.0.mlp.down_proj": (128, 256)}
GOOD = {
    "model.layers.0.mlp.down_proj.weight": ("F8_E4M3", (128, 256)),
    "model.layers.0.mlp.down_proj.weight_scale": ("BF16", (128, 1)),
    "lm_head.weight": ("BF16", (32, 128)),
}
DECLARED = models.FP8_DECLARED


def write(folder: Path, shapes: models.Shapes, declared=DECLARED) -> Path:
    return models.write_model(
        folder, shapes, **({"quantization_config": declared} if declared else {})
    )


def findings(folder: Path) -> list[str]:
    return verify.verify(folder, plugins.load("schemes", "FP8-W8A8"), LAYERS)


def change(name: str, value) -> models.Shapes:
    changed = {**GOOD, f"model.layers.0.mlp.down_proj.{name}": value}
    return {key: shape for key, shape in changed.items() if shape is not None}


def test_a_good_checkpoint_has_no_findings(tmp_path: Path) -> None:
    assert findings(write(tmp_path / "c", GOOD)) == []


BROKEN = [
    (GOOD, None, "not compressed"),
    (GOOD, {**DECLARED, "format": "int-quantized"}, "declared as int-quantized"),
    (change("weight", ("BF16", (128, 256))), DECLARED, "weight is BF16, not F8_E4M3"),
    (change("weight_scale", None), DECLARED, "has no weight_scale"),
    (change("weight", ("F8_E4M3", (128, 200))), DECLARED, "weight is [128, 200], not [128, 256]"),
    (change("weight_scale", ("BF16", (4, 1))), DECLARED, "weight_scale is [4, 1], not [128, 1]"),
    ({**GOOD, "lm_head.weight_scale": ("BF16", (32, 1))}, DECLARED, "lm_head: stored as BF16 with"),
]


@pytest.mark.parametrize(("shapes", "declared", "sentence"), BROKEN)
def test_what_the_check_finds(tmp_path: Path, shapes, declared, sentence: str) -> None:
    messages = findings(write(tmp_path / "c", shapes, declared))
    assert messages and sentence in messages[0]


@pytest.mark.parametrize(
    ("scale", "sentence"),
    [(b"\x00\x00", "are zero"), (b"\xc0\x7f", "are NaN"), (b"\x80\x7f", "are inf")],
)
def test_bad_scales_are_found(tmp_path: Path, scale: bytes, sentence: str) -> None:
    folder = write(tmp_path / "c", GOOD)
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    head = sum(t.nbytes for t in checkpoint.read(folder).tensors)
    place = len(content) - head + 128 * 256  # the scales follow the weight
    content[place : place + 2] = scale
    file.write_bytes(content)
    messages = findings(folder)
    assert len(messages) == 1 and sentence in messages[0] and "1 of 128" in messages[0]
