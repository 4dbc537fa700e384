"""The index against the files, and the output layer against the embedding."""

import json
from pathlib import Path

import pytest

from checkpoints import checkpoint, consistency
from checkpoints.consistency import Finding
from tests import models

TENSOR = ("BF16", (2, 2))
A, B = "a.safetensors", "b.safetensors"
UNNAMED = "the index does not name it"


def write(folder: Path, files: dict[str, list[str]], index: dict[str, str] | None) -> list[Finding]:
    """Findings about files of tensors, with this index."""
    models.write_model(folder)
    (folder / "model.safetensors").unlink()
    for file, names in files.items():
        models.write_safetensors(folder / file, dict.fromkeys(names, TENSOR))
    if index is not None:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    return list(consistency.index(checkpoint.read(folder)))


INDEXES: list[tuple[dict[str, list[str]], dict[str, str] | None, list[tuple[str, str]]]] = [
    ({A: ["x"], B: ["y"]}, {"x": A, "y": B}, []),
    ({A: ["x"], B: ["y"]}, None, []),
    ({A: ["x"], B: ["x"]}, None, [("x", f"in {A} and again in {B}")]),
    ({A: ["x"], B: ["y", "z"]}, {"x": A, "y": B}, [("z", f"in {B}, but {UNNAMED}")]),
    ({A: ["x"], B: ["y"]}, {"x": B, "y": B, "z": A}, [
        ("z", f"the index says it is in {A}: it is not"),
        ("x", f"in {A}, the index says {B}"),
    ]),
    ({A: ["x"], B: ["y"]}, {"x": A}, [("", f"{B} is in the folder, but {UNNAMED}")]),
]  # fmt: skip


@pytest.mark.parametrize(("files", "index", "wanted"), INDEXES)
def test_the_index(tmp_path: Path, files, index, wanted: list[tuple[str, str]]) -> None:
    found = write(tmp_path / "c", files, index)
    assert found == [Finding("index", name, reason) for name, reason in wanted]


HEAD, OTHER_HEAD = "lm_head.weight", "embed_out.weight"
TABLE, OTHER_TABLE = "model.embed_tokens.weight", "transformer.wte.weight"
UNTYING = "the config ties the output layer to the embedding, but "
TIED = [
    # tied, tensors, the head's first bytes, what is said
    (True, {TABLE: TENSOR}, b"", None),
    (True, {TABLE: TENSOR, HEAD: TENSOR}, b"", None),
    (True, {TABLE: TENSOR, HEAD: TENSOR}, b"\1", UNTYING + "stores other weights for it"),
    (True, {OTHER_TABLE: TENSOR, OTHER_HEAD: TENSOR}, b"\1", UNTYING + "stores other weights"),
    (True, {TABLE: TENSOR, HEAD: ("F16", (2, 2))}, b"", UNTYING + "it is F16 [2, 2]"),
    (True, {TABLE: TENSOR, HEAD: ("BF16", (3, 2))}, b"", UNTYING + "it is BF16 [3, 2]"),
    (True, {HEAD: TENSOR}, b"\1", None),  # nothing to compare with
    (True, {TABLE: TENSOR, OTHER_TABLE: TENSOR, HEAD: TENSOR}, b"\1", None),  # with which?
    (None, {TABLE: TENSOR, HEAD: TENSOR}, b"\1", None),
    (None, {TABLE: TENSOR}, b"", None),
    (False, {TABLE: TENSOR, HEAD: TENSOR}, b"\1", None),
    (False, {TABLE: TENSOR, "score.weight": TENSOR}, b"", None),
    (False, {TABLE: TENSOR, "model.output.weight": TENSOR}, b"", None),
    (False, {TABLE: TENSOR}, b"", "no output layer is stored, and the config does not tie it"),
    (False, {TABLE: TENSOR, "lm_head": TENSOR}, b"", "no output layer is stored, and the config"),
]  # fmt: skip


@pytest.mark.parametrize(("tied", "shapes", "first", "why"), TIED)
def test_the_output_layer(
    tmp_path: Path, tied: bool | None, shapes: models.Shapes, first: bytes, why: str | None
) -> None:
    values = {HEAD: first, OTHER_HEAD: first}
    folder = models.write_model(tmp_path, shapes, values, tie_word_embeddings=tied)
    found = list(consistency.tied(checkpoint.read(folder)))
    if why is None:
        assert found == []
        return
    (finding,) = found
    assert finding.kind == "tied" and finding.reason.startswith(why)
    assert finding.module == ("" if why.startswith("no output") else "lm_head")


def test_models_without_an_output_layer_need_none(tmp_path: Path) -> None:
    config = {"tie_word_embeddings": False, "architectures": ["LlamaModel"]}
    folder = models.write_model(tmp_path, {TABLE: TENSOR}, **config)
    assert list(consistency.tied(checkpoint.read(folder))) == []


def test_a_finding_in_words() -> None:
    assert str(Finding("tied", "lm_head", "is odd")) == "lm_head: is odd"
    assert str(Finding("tied", "", "is odd")) == "is odd"
