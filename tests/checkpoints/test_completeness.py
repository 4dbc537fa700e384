"""Layers that are not there are named, and nothing is of other layouts."""

from pathlib import Path

import pytest

from tests import models
from tests.checkpoints.test_truth import findings


def whole(layers: int = 3) -> tuple[models.Shapes, dict[str, object]]:
    """A dense model with its final norm, and the sizes its config says."""
    shapes = {**models.llama_shapes(layers), "model.norm.weight": ("BF16", (128,))}
    return shapes, {"num_hidden_layers": layers, "vocab_size": 32, "hidden_size": 128}


GONE = [
    ("model.layers.1.mlp.gate_proj.", {}, "layers.1.mlp.gate_proj: is not stored, up_proj beside"),
    ("model.layers.1.", {}, "model.layers.1: is not stored, the config says 3 layers"),
    ("model.embed_tokens.", {}, "model.embed_tokens: no embedding is stored"),
    ("model.norm.", {}, "model.norm: no final norm is stored"),
    ("-", {"num_hidden_layers": 6}, "model.layers.5: is not stored, the config says 6 layers"),
    ("-", {"num_hidden_layers": 10**30}, "further layers are not stored"),
    ("-", {"num_hidden_layers": 2}, "model.layers.2: is one too many"),
    ("-", {"hidden_size": 512}, "embed_tokens: is 32 x 128, the config says 32 x 512"),
    ("-", {"vocab_size": 33}, "embed_tokens: is 32 x 128, the config says 33 x 128"),
]


@pytest.mark.parametrize(("gone", "says", "sentence"), GONE)
def test_what_is_missing_is_named(
    tmp_path: Path, gone: str, says: dict[str, object], sentence: str
) -> None:
    shapes, config = whole()
    kept = {name: shape for name, shape in shapes.items() if not name.startswith(gone)}
    found = findings(models.write_model(tmp_path / "c", kept, **{**config, **says}))
    assert sentence in " ".join(map(str, found))
    assert len(found) < 25


def other(name: str) -> tuple[models.Shapes, dict[str, object]]:
    """Models of other layouts, whole as they are."""
    shapes, config = whole()
    if name == "several parts":
        renamed = {"language_model." + n: s for n, s in shapes.items() if n != "lm_head.weight"}
        vision: models.Shapes = {"vision_tower.layers.0.norm.weight": ("BF16", (8,))}
        sizes = {key: config.pop(key) for key in list(config)}
        return {**renamed, **vision}, {"text_config": sizes, "tie_word_embeddings": True}
    if name == "latent attention":
        for kind in ("k_proj", "v_proj"):
            del shapes[f"model.layers.1.self_attn.{kind}.weight"]
        shapes["model.layers.1.self_attn.kv_b_proj.weight"] = ("BF16", (128, 128))
    if name == "dense first, then experts":
        for kind in ("gate_proj", "up_proj", "down_proj"):
            moved = shapes.pop(f"model.layers.1.mlp.{kind}.weight")
            shapes[f"model.layers.1.mlp.experts.0.{kind}.weight"] = moved
    if name == "predicts further tokens":
        shapes["model.layers.3.eh_proj.weight"] = ("BF16", (128, 128))
        config["num_nextn_predict_layers"] = 1
    if name in ("h", "model.decoder.layers"):
        return {n.replace("model.layers", name): s for n, s in shapes.items()}, config
    return shapes, config


OTHERS = ["llama", "several parts", "latent attention", "dense first, then experts",
          "predicts further tokens", "h", "model.decoder.layers"]  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_layouts_miss_nothing(tmp_path: Path, name: str) -> None:
    shapes, config = other(name)
    assert findings(models.write_model(tmp_path / "c", shapes, **config)) == []
