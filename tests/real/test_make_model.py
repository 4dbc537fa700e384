"""Random models for real: what is written is what transformers builds and vLLM serves."""

import json
import resource
from pathlib import Path

import pytest

from checkpoints import checkpoint, models
from scripts import make_model
from scripts.model_shapes import SHAPES
from tests.models import kept_from_others

pytestmark = pytest.mark.real


def write(tmp_path: Path, name: str, seed: int) -> checkpoint.Checkpoint:
    folder = tmp_path / name
    folder.mkdir()
    make_model.write_weights(SHAPES["tiny"], folder, "cpu", seed, limit=1_000_000)
    return checkpoint.read(folder)


def test_weights_are_whole_sharded_and_repeat_with_their_seed(tmp_path: Path) -> None:
    one, same, other = write(tmp_path, "a", 0), write(tmp_path, "b", 0), write(tmp_path, "c", 1)
    assert len(one.files) > 1
    assert {t.name: t.shape for t in one.tensors} == dict(SHAPES["tiny"].tensors())
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_memory_stays_below_a_piece(tmp_path: Path) -> None:
    import torch

    list(make_model.draw("warm", (8, 8), "cpu", 0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    values = sum(len(p) for p in make_model.draw("m.weight", (4096, 16_384), "cpu", 0)) // 2
    assert values == 4096 * 16_384
    spent = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert spent < 6 * make_model.PIECE * torch.bfloat16.itemsize


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_what_transformers_builds(name: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = SHAPES[name].config(bos_token_id=0, eos_token_id=1, pad_token_id=3)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(tmp_path))
    built = {n: tuple(p.shape) for n, p in model.named_parameters()}
    assert built == dict(SHAPES[name].tensors())


def test_a_random_model_is_served_and_compressed(tmp_path: Path, process) -> None:
    made = process("scripts/make_model.py", "--shape", "tiny", "tiny")
    assert made.returncode == 0, made.stderr
    assert kept_from_others(tmp_path / "tiny") == []
    asked = process("vllm_test.py", "tiny", "--json", "--max_new_tokens", "4")
    assert asked.returncode == 0, asked.stderr
    assert all(len(a["token_ids"]) for a in json.loads(asked.stdout)["answers"])
    done = process("compress.py", "--compression_type", "FP8-W8A8", "--model_id", "tiny")
    assert done.returncode == 0, done.stderr
    identity = models.identify(str(tmp_path / "tiny-FP8-W8A8"))
    assert identity.manifest["random_weights"]["note"] == models.NO_QUALITY
