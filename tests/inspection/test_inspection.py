"""What `analyze.py` asks the inspection room, where no engine or library is needed."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from checkpoints import checkpoint, truth
from checkpoints import models as models_of
from core.errors import UserError
from inspection import results, target, tensors
from tests import models
from tests.checkpoints import test_methods
from tests.commands.test_analyze import int4, run

__all__ = ["int4", "run"]


def test_copies_of_the_demo_model_take_its_text(run, tmp_path: Path) -> None:
    copy_of = shutil.copytree(models_of.DEMO_PATH, tmp_path / "copy")
    for name in ("demo", str(models_of.DEMO_PATH), str(copy_of)):
        settings = results.Settings(base=name)
        assert results.text_source(results.read_base(settings), settings) == "demo"
    tiny = models.write_model(tmp_path / "tiny")
    assert results.text_source(checkpoint.read(tiny), results.Settings()) == "ultrachat"


def test_others_checkpoints_are_not_compared_and_it_is_said(run, tmp_path: Path) -> None:
    test_methods.write(tmp_path / "c", "gptq")
    shapes: models.Shapes = {f"{test_methods.LAYER}.weight": ("BF16", (128, 256))}
    models.write_model(tmp_path / "tiny", shapes)
    done = run("c", "--base", "tiny")
    assert done.exit_code == 0 and "its weights are not compared" in done.stdout


def test_weights_of_odd_dtypes_cannot_be_compared(tmp_path: Path) -> None:
    files = checkpoint.read(models.write_model(tmp_path / "c"))
    odd = replace(files.tensors[0], dtype="U16")
    with pytest.raises(UserError, match="is U16: it cannot be compared"):
        tensors.read_rows(files, odd)


def test_a_format_nobody_serves_is_an_answer(tmp_path: Path, int4: Path) -> None:
    layers = truth.layers(checkpoint.read(int4))
    assert layers.declared is not None
    group = replace(layers.declared.groups[0], format="marlin-24")
    declared = replace(layers.declared, groups=(group,), method="gptq")
    answer = target.answer(layers._replace(declared=declared), "sm_90", 1)
    assert answer.kind == "none" and "nothing is known about serving W4A16" in answer.reason
