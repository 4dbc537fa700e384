"""Layers that are not there are named, and nothing is of other layouts."""

from pathlib import Path

import pytest

from checkpoints.consistency import SHARING, Finding
from tests import models
from tests.checkpoints.test_truth import findings


def whole(layers: int = 3) -> tuple[models.Shapes, dict[str, object]]:
    """A dense model with its final norm, and the sizes its config says."""
    shapes = {**models.llama_shapes(layers), "model.norm.weight": ("BF16", (128,))}
    return shapes, {"num_hidden_layers": layers, "vocab_size": 32, "hidden_size": 128}


GONE = [
    ("model.layers.1.mlp.gate_proj.", {}, "layers.1.mlp.gate_proj: is not stored, up_proj next to"),
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
    named = findings(models.write_model(tmp_path / "c", kept, **{**config, **says}))
    assert sentence in " ".join(map(str, named))
    assert len(named) < 25


def missing(*modules: str, why: str) -> list[Finding]:
    return [Finding("missing", module, why) for module in modules]


def test_findings_are_of_their_kind(tmp_path: Path) -> None:
    shapes, config = whole(4)
    for name in [n for n in shapes if n.startswith("model.layers.1.")]:
        del shapes[name]
    for name in ("model.embed_tokens.weight", "model.norm.weight"):
        del shapes[name]
    del shapes["model.layers.2.self_attn.o_proj.weight"]
    folder = models.write_model(tmp_path / "c", shapes, **config)
    assert findings(folder) == [
        *missing("model.layers.1", why="is not stored, the config says 4 layers"),
        *missing("model.layers.2.self_attn.o_proj", why="is not stored, q_proj next to it is"),
        *missing("model.embed_tokens", why="no embedding is stored"),
        *missing("model.norm", why="no final norm is stored"),
    ]


@pytest.mark.parametrize(
    ("stored", "wanted", "named", "further"),
    [(3, 23, 20, 0), (3, 24, 20, 1), (3, 40, 20, 17), (3, 3, 0, 0), (3, 4, 1, 0)],
)
def test_twenty_missing_layers_are_named_and_the_others_counted(
    tmp_path: Path, stored: int, wanted: int, named: int, further: int
) -> None:
    shapes, config = whole(stored)
    folder = models.write_model(tmp_path / "c", shapes, **{**config, "num_hidden_layers": wanted})
    why = f"is not stored, the config says {wanted} layers"
    expected = missing(*(f"model.layers.{stored + n}" for n in range(named)), why=why)
    if further:
        expected += missing(
            "",
            why=f"{further} further layers are not stored, the config says " + (f"{wanted} layers"),
        )
    assert findings(folder) == expected


def test_a_layer_too_many_does_not_stand_for_one_that_is_missing(tmp_path: Path) -> None:
    """Layers 0, 1 and 3 of three."""
    shapes, config = whole(3)
    shapes = {name.replace("layers.2.", "layers.3."): shape for name, shape in shapes.items()}
    folder = models.write_model(tmp_path / "c", shapes, **config)
    says = "the config says 3 layers"
    assert findings(folder) == [
        Finding("missing", "model.layers.2", f"is not stored, {says}"),
        Finding("orphan", "model.layers.3", f"is one too many, {says}"),
    ]


def test_a_layer_too_many_is_not_counted_among_those_that_are_there(tmp_path: Path) -> None:
    """Layers 0, 1, 2 and 40 of forty: twenty are named, seventeen are left."""
    shapes, config = whole(3)
    for name in [name for name in shapes if ".layers.0." in name]:
        shapes[name.replace("layers.0.", "layers.40.")] = shapes[name]
    named = findings(
        models.write_model(tmp_path / "c", shapes, **config | {"num_hidden_layers": 40})
    )
    assert "17 further layers are not stored, the config says 40 layers" in map(str, named)
    assert [f.module for f in named if f.kind == "orphan"] == ["model.layers.40"]


@pytest.mark.parametrize("smaller", ["layers", "model.language_model.layers"])
def test_of_two_stacks_the_larger_is_the_decoder(tmp_path: Path, smaller: str) -> None:
    shapes, config = whole(3)
    for number in (7, 8):
        shapes[f"{smaller}.{number}.mlp.up_proj.weight"] = ("BF16", (8, 8))
    assert findings(models.write_model(tmp_path / "c", shapes, **config)) == []


EMBEDDINGS = [
    # name and shape of the table, what is said of it
    ("model.embed_tokens.weight", ("BF16", (32, 128)), None),
    ("model.embed_tokens.weight", ("BF16", (40, 128)), None),  # padded
    ("model.embed_tokens.weight", ("BF16", (31, 128)), "is 31 x 128, the config says 32 x 128"),
    ("model.embed_tokens.weight", ("BF16", (32, 256)), "is 32 x 256, the config says 32 x 128"),
    ("model.embed_tokens.weight", ("U8", (8, 64)), None),  # packed, whose size nobody knows
    ("model.word_embeddings.weight", ("BF16", (32, 128)), None),  # by another name
    ("model.layers.0.embed_positions.weight", ("BF16", (32, 128)), "no embedding is stored"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "stored", "why"), EMBEDDINGS)
def test_the_embedding(
    tmp_path: Path, name: str, stored: tuple[str, tuple[int, ...]], why: str | None
) -> None:
    shapes, config = whole()
    del shapes["model.embed_tokens.weight"]
    shapes[name] = stored
    named = findings(models.write_model(tmp_path / "c", shapes, **config))
    told = [f for f in named if f.module == "model.embed_tokens" and f.kind != "not ignored"]
    kind = "missing" if why == "no embedding is stored" else "shape"
    assert told == ([Finding(kind, "model.embed_tokens", why)] if why else [])


@pytest.mark.parametrize("key", ["vocab_size", "hidden_size"])
def test_nothing_is_said_of_an_embedding_without_sizes(tmp_path: Path, key: str) -> None:
    shapes, config = whole()
    del shapes["model.embed_tokens.weight"]
    assert findings(models.write_model(tmp_path / "c", shapes, **{**config, key: 0})) == []


@pytest.mark.parametrize("key", SHARING)
@pytest.mark.parametrize("within", ["", "text_config"])
def test_projections_may_be_shared(tmp_path: Path, key: str, within: str) -> None:
    shapes, config = whole()
    del shapes["model.layers.1.self_attn.k_proj.weight"]
    folder = models.write_model(tmp_path / "a", shapes, **config)
    assert [f.module for f in findings(folder)] == ["model.layers.1.self_attn.k_proj"]
    sharing = {within: {key: 2}} if within else {key: 2}
    assert findings(models.write_model(tmp_path / "b", shapes, **{**config, **sharing})) == []


def test_encoders_with_decoders_have_layers_of_their_own(tmp_path: Path) -> None:
    shapes, config = whole()
    says = {**config, "num_hidden_layers": 9, "is_encoder_decoder": True}
    assert findings(models.write_model(tmp_path / "c", shapes, **says)) == []


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
