"""What is known before weights are loaded: the plan, and each refusal with its sentence."""

from dataclasses import replace
from pathlib import Path

import pytest

from core import checkpoint, machine, plugins, preflight
from core.errors import UserError
from tests import models


def make(base: Path, scheme: str = "INT4-W4A16", ignore=(), here=None, tokens: int = 100):
    return preflight.plan(
        scheme, plugins.load("schemes", scheme), checkpoint.read(base), ignore,
        here or machine.probe(), tokens, base.parent / "out",
    )  # fmt: skip


def test_a_plan(base: Path) -> None:
    plan = make(base)
    assert len(plan.layers) == 7
    assert plan.ignored == ["lm_head"]
    assert 4.125 < plan.bits_per_weight < 4.14  # plus weight_shape on layers this small
    left = checkpoint.read(base).by_name
    rest = sum(left[n].nbytes for n in left if not n.endswith("_proj.weight"))
    storage = plugins.load("schemes", "INT4-W4A16").storage
    compressed = sum(storage.bits(*shape) for shape in plan.layers.values()) / 8
    assert plan.predicted_bytes == pytest.approx(rest + compressed, abs=1)


def test_ignore_takes_names_and_patterns(base: Path) -> None:
    assert "model.layers.0.mlp.down_proj" in make(base, ignore=["down_proj"]).ignored
    assert len(make(base, ignore=["re:.*mlp.*"]).layers) == 4


def test_tied_head_need_not_exist(tmp_path: Path) -> None:
    shapes = models.llama_shapes()
    del shapes["lm_head.weight"]
    tied = models.write_model(tmp_path / "tied", shapes, tie_word_embeddings=True)
    plan = make(tied)
    assert len(plan.layers) == 7 and plan.ignored == ["lm_head"]


@pytest.mark.parametrize(
    ("ignore", "sentence"),
    [
        (["lm_haed"], "nothing in .* is called 'lm_haed'"),
        (["re:(.*"], "not a regular expression"),
        (["q_proj"], "fuse them"),
        (["up_proj"], "fuse them"),
        (["re:.*"], "no linear layer"),
    ],
)
def test_bad_ignore(base: Path, ignore: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        make(base, ignore=ignore)


def test_group_size_must_divide(tmp_path: Path) -> None:
    odd = models.write_model(tmp_path / "odd", models.llama_shapes(hidden=96, intermediate=200))
    with pytest.raises(UserError, match="shares scales over 128 input columns, and 7 of 7"):
        make(odd)
    assert make(odd, "FP8-W8A8").layers


def test_compressed_input(tmp_path: Path, base: Path) -> None:
    done = models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    with pytest.raises(UserError, match="already compressed"):
        make(done)


def test_conv1d(tmp_path: Path) -> None:
    gpt2 = models.write_model(tmp_path / "gpt2", model_type="gpt2")
    with pytest.raises(UserError, match="Conv1D"):
        make(gpt2)


def test_mixture_of_experts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mixture of experts"):
        make(models.write_model(tmp_path / "moe", num_local_experts=8))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [({"hidden_size": "x"}, "hidden_size is 'x'"), ({"model_type": None}, "has no model_type")],
)
def test_broken_config(tmp_path: Path, config: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        make(models.write_model(tmp_path / "m", **config))


def test_float32_models_have_float32_scales(tmp_path: Path) -> None:
    shapes = {name: ("F32", shape) for name, (_, shape) in models.llama_shapes().items()}
    wide = make(models.write_model(tmp_path / "wide", shapes))
    assert wide.dtype_bits == 32
    assert wide.bits_per_weight > 4.25


def test_too_little_memory(base: Path) -> None:
    here = replace(machine.probe(), available_memory_bytes=1000)
    with pytest.raises(UserError, match="GiB of memory"):
        make(base, here=here)


def test_too_little_disk(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match="GiB free"):
        make(base)


def test_serving_is_told(base: Path) -> None:
    here = replace(machine.probe(), gpus=(), cpu_flags=frozenset())
    assert make(base, "INT8-W8A16", here=here).serving.kind == "none"
    assert make(base, "INT4-W4A16", here=here).serving.kind == "native"
