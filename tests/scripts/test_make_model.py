"""Models of published shapes: their sizes, whole files, the same bytes for the same seed."""

import json
import math
from pathlib import Path

import pytest

from checkpoints import models
from core.errors import UserError
from scripts import make_model
from scripts.model_shapes import SHAPES

PARAMETERS = {  # as their model cards and safetensors indexes state them
    "llama3-8b": 8_030_261_248,
    "llama3-70b": 70_553_706_496,
    "qwen3-0.6b": 596_049_920,
    "qwen3-8b": 8_190_735_360,
    "qwen3-32b": 32_762_123_264,
    "qwen2.5-7b": 7_615_616_512,
    "mistral-7b": 7_248_023_552,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_shapes_have_the_published_number_of_parameters(name: str) -> None:
    assert sum(math.prod(shape) for _, shape in SHAPES[name].tensors()) == PARAMETERS[name]


def test_shards_hold_every_tensor_once_below_the_limit() -> None:
    architecture = SHAPES["llama3-70b"]
    parts = make_model.shards(architecture)
    assert [t for part in parts for t in part] == list(architecture.tensors())
    sizes = [sum(2 * math.prod(shape) for _, shape in part) for part in parts]
    assert max(sizes) <= make_model.SHARD_BYTES and len(parts) < 40


def test_too_little_room_is_said_before_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="GB are free"):
        make_model.check_room(tmp_path / "m", 10**18)


def test_the_tokenizer_is_filled_up_to_the_vocabulary(tmp_path: Path) -> None:
    make_model.write_tokenizer(SHAPES["tiny"], tmp_path)
    vocabulary = json.loads((tmp_path / "tokenizer.json").read_text())["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(4096))


def test_a_marked_folder_says_so_in_its_manifest(base: Path) -> None:
    assert models.identify(str(base)).manifest == {}
    (base / models.RANDOM_WEIGHTS).write_text(json.dumps({"note": models.NO_QUALITY}))
    marked = models.identify(str(base))
    assert marked.scheme == "BASE" and marked.manifest["random_weights"]["note"]
