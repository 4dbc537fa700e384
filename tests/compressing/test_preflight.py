"""What is known before weights are loaded: the plan, and each refusal with its sentence."""

from dataclasses import replace
from pathlib import Path

import pytest

from checkpoints import checkpoint
from compressing import preflight
from core import machine, plugins
from core.errors import UserError
from tests import models


def make(base: Path, scheme: str = "INT4-W4A16", ignore=(), here=None, tokens: int = 100):
    here = here or machine.probe()
    loaded = plugins.load("schemes", scheme)
    plan = preflight.plan(scheme, loaded, checkpoint.read(base), ignore, here, tokens)
    preflight.must_fit(plan, base.parent / "out", here)
    return plan


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


def test_biases_stay_as_they_are(base: Path, tmp_path: Path) -> None:
    shapes = models.llama_shapes()
    shapes["model.layers.0.self_attn.q_proj.bias"] = ("BF16", (128,))
    biased = make(models.write_model(tmp_path / "qwen2", shapes))
    assert biased.predicted_bytes == make(base).predicted_bytes + 256


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
        (["re:(.*"], "'re:\\(\\.\\*' is not a regular expression: missing \\)"),
        (["q_proj"], r"0\.self_attn\.q_proj would be left out but .*k_proj, .*v_proj compressed"),
        (
            ["q_proj", "v_proj"],
            r"q_proj, .*v_proj would be left out but [^,]*k_proj compressed: eng",
        ),
        (["up_proj"], r"up_proj would be left out but model\.layers\.0\.mlp\.gate_proj compressed"),
        (["re:.*"], "has no linear layer for the scheme to compress"),
        (
            ["proj"],
            r"'proj', which should be left out; its linear layers end in down_proj, gate_pr",
        ),
    ],
)
def test_bad_ignore(base: Path, ignore: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        make(base, ignore=ignore)


def test_group_size_must_divide(tmp_path: Path) -> None:
    odd = models.write_model(tmp_path / "odd", models.llama_shapes(hidden=96, intermediate=200))
    with pytest.raises(UserError, match="shares scales over 128 input columns, and 7 of 7"):
        make(odd)
    plan = make(odd, "FP8-W8A8")  # one scale a row, whatever the columns
    assert len(plan.layers) == 7 and plan.layers["model.layers.0.mlp.down_proj"] == (96, 200)


def test_compressed_input(tmp_path: Path, base: Path) -> None:
    done = models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    with pytest.raises(
        UserError, match=r"is already compressed \(float-quantized\): compress the model it was"
    ):
        make(done)


def test_conv1d(tmp_path: Path) -> None:
    gpt2 = models.write_model(tmp_path / "gpt2", model_type="gpt2")
    with pytest.raises(UserError, match="gpt2 is a gpt2 model: its layers are Conv1D"):
        make(gpt2)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "mixtral", "num_local_experts": 8},
        {"model_type": "qwen3_moe", "num_experts": 128},
        {"model_type": "gpt_oss", "num_local_experts": 32},
        {"model_type": "deepseek_v3", "n_routed_experts": 256},
        {"model_type": "ernie4_5_moe", "moe_num_experts": 64},
        {"model_type": "llama4", "text_config": {"num_local_experts": 16}},
    ],
    ids=lambda config: config["model_type"],
)
def test_mixture_of_experts_is_refused(tmp_path: Path, config: dict) -> None:
    with pytest.raises(UserError, match="is a mixture of experts"):
        make(models.write_model(tmp_path / "moe", **config))


def test_experts_are_seen_whatever_the_config_calls_them(tmp_path: Path) -> None:
    shapes = models.llama_shapes()
    shapes["model.layers.0.mlp.experts.0.w1.weight"] = ("BF16", (128, 128))
    with pytest.raises(UserError, match="is a mixture of experts"):
        make(models.write_model(tmp_path / "moe", shapes))


def test_only_the_language_model_of_several_parts_is_compressed(tmp_path: Path) -> None:
    shapes = {f"model.language_{name}": shape for name, shape in models.llama_shapes().items()}
    head = shapes.pop("model.language_lm_head.weight")
    for name in ("vision_tower.encoder.layers.0.fc1", "multi_modal_projector.linear"):
        shapes[f"model.{name}.weight"] = ("BF16", (100, 100))
    shapes["lm_head.weight"] = head
    plan = make(models.write_model(tmp_path / "several", shapes, text_config={"hidden_size": 128}))
    assert len(plan.layers) == 7
    assert all(name.startswith("model.language_model.layers.") for name in plan.layers)
    assert [entry for entry in plan.ignored if "vision_tower" in entry or "projector" in entry]


def test_parts_are_known_where_the_text_has_none_of_its_own(tmp_path: Path) -> None:
    """Published Qwen2.5-VL configs: the text's sizes lie next to `vision_config`."""
    shapes = models.llama_shapes() | {"visual.blocks.0.attn.qkv.weight": ("BF16", (100, 100))}
    plan = make(models.write_model(tmp_path / "flat", shapes, vision_config={"depth": 1}))
    assert len(plan.layers) == 7 and any("visual" in entry for entry in plan.ignored)
    for name in [name for name in shapes if ".layers." in name]:
        shapes[name.replace("model.layers", "llm.layers")] = shapes.pop(name)
    odd = models.write_model(tmp_path / "odd", shapes, vision_config={"depth": 1})
    with pytest.raises(UserError, match="no linear layer in its language model"):
        make(odd)


def test_norms_of_several_heads_are_no_linear_layers(tmp_path: Path) -> None:
    shapes = models.llama_shapes()
    shapes["model.layers.0.self_attn.q_norm.weight"] = ("BF16", (2, 64))
    assert len(make(models.write_model(tmp_path / "cohere", shapes)).layers) == 7


def test_smoothing_that_is_not_known_is_refused(tmp_path: Path) -> None:
    shapes = models.llama_shapes()
    shapes["model.layers.0.another_norm.weight"] = ("BF16", (128,))
    odd = models.write_model(tmp_path / "odd", shapes)
    assert make(odd, "INT4-W4A16").smoothing == []
    with pytest.raises(UserError, match="is not known for"):
        make(odd, "INT4-W4A16-AWQ")


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


# inputs squared, 4 bytes each: six layers of 128 inputs, and down_proj with 256
HESSIANS = 4 * (6 * 128**2 + 256**2)
MEMORY = [
    # scheme, calibration tokens, bytes in addition to the weights
    ("FP8-W8A8", 1000, 0),
    ("INT8-W8A16-RTN", 1000, 0),
    ("INT4-W4A16", 0, HESSIANS),
    ("INT4-W4A16", 1000, HESSIANS + 1000 * 2 * 2 * 128),  # in and out, 16 bits
    ("INT4-W4A16-AWQ", 1000, 1000 * 2 * 2 * 128),
]


@pytest.mark.parametrize(("scheme", "tokens", "others"), MEMORY)
@pytest.mark.parametrize("layers", [1, 3])
def test_memory_is_weights_activations_and_one_layers_hessians(
    tmp_path: Path, layers: int, scheme: str, tokens: int, others: int
) -> None:
    folder = models.write_model(tmp_path / "m", models.llama_shapes(layers))
    weights = sum(tensor.nbytes for tensor in checkpoint.read(folder).tensors)
    assert make(folder, scheme, tokens=tokens).memory_bytes == weights + others


@pytest.mark.parametrize("layers", [1, 3])
def test_a_gpu_holds_one_layer_with_its_hessians(tmp_path: Path, layers: int) -> None:
    shapes = models.llama_shapes(layers)
    folder = models.write_model(tmp_path / "m", shapes)
    rows, columns = 128, 128
    layer = 2 * (4 * rows * columns + 3 * 256 * columns + columns)  # bytes, a norm among them
    hessians = 4 * (6 * columns**2 + 256**2)
    assert make(folder, "FP8-W8A8").gpu_bytes == layer
    assert make(folder, "INT4-W4A16").gpu_bytes == layer + hessians
    shapes["model.embed_tokens.weight"] = ("BF16", (10_000, 128))
    wide = models.write_model(tmp_path / "wide", shapes)
    assert make(wide, "FP8-W8A8").gpu_bytes == 10_000 * 128 * 2


def test_too_little_memory(base: Path) -> None:
    here = machine.probe()
    need = make(base, here=here).memory_bytes
    assert make(base, here=replace(here, available_memory_bytes=need)).memory_bytes == need
    sentence = (
        r"needs at least 0\.0 GiB of memory \(weights, calibration activations\), and 0\.0 GiB"
    )
    with pytest.raises(UserError, match=sentence):
        make(base, here=replace(here, available_memory_bytes=need - 1))


@pytest.mark.parametrize(("share", "fits"), [(1.06, True), (1.04, False)])
def test_disk_has_a_twentieth_to_spare(
    base: Path, monkeypatch: pytest.MonkeyPatch, share: float, fits: bool
) -> None:
    predicted = make(base).predicted_bytes
    usage = type("Usage", (), {"free": int(predicted * share)})
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(preflight, "GIB", predicted)  # so that the sizes show
    if fits:
        assert make(base).predicted_bytes == predicted
        return
    with pytest.raises(UserError, match=f"about 1.00 GiB, and {base.parent} has 1.04 GiB free"):
        make(base)


def test_the_plan_as_data_counts_layers_by_kind(tmp_path: Path) -> None:
    folder = models.write_model(tmp_path / "m", models.llama_shapes(2))
    plan = make(folder)
    told = plan.as_json()
    kinds = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    assert told["layers"] == dict.fromkeys(kinds, 2)
    assert told["scheme"] == "INT4-W4A16" and told["ignored"] == ["lm_head"]
    assert told["base_bytes"] == (folder / "model.safetensors").stat().st_size
    assert told["serving"].keys() == {"kind", "reason"} and told["dtype_bits"] == 16


def test_serving_is_told(base: Path) -> None:
    here = replace(machine.probe(), gpus=(), cpu_flags=frozenset())
    assert make(base, "INT8-W8A16", here=here).serving.kind == "none"
    assert make(base, "INT8-W8A8", here=here).serving.kind == "native"


@pytest.mark.parametrize("head", ["embed_out", "output", "language_model.lm_head"])
def test_output_layers_of_any_name_are_left_out(tmp_path: Path, head: str) -> None:
    shapes = models.llama_shapes()
    shapes[f"{head}.weight"] = shapes.pop("lm_head.weight")
    plan = make(models.write_model(tmp_path / "m", shapes))
    assert len(plan.layers) == 7 and head in plan.ignored


def test_what_a_model_of_several_parts_leaves_out_is_named_whatever_stands_before(
    tmp_path: Path,
) -> None:
    shapes = {f"language_model.{name}": shape for name, shape in models.llama_shapes().items()}
    folder = models.write_model(tmp_path / "m", shapes, text_config={"hidden_size": 128})
    plan = make(folder, ignore=["down_proj"])
    assert len(plan.layers) == 6
    entries = [entry for entry in plan.ignored if "down_proj" in entry]
    assert entries == [r"re:.*layers\.0\.mlp\.down_proj$"]


@pytest.mark.parametrize(
    ("entry", "left"),
    [
        ("model.layers.0.mlp.down_proj", 6),
        ("down_proj", 6),
        ("mlp.down_proj", 6),
        ("re:.*down", 6),
        ("re:model", 0),
        ("re:down_proj", None),  # from the beginning of the name
        ("own_proj", None),  # whole parts of the name
    ],
)
def test_what_an_ignore_entry_names(base: Path, entry: str, left: int | None) -> None:
    if left:
        assert len(make(base, ignore=[entry]).layers) == left
        return
    with pytest.raises(UserError, match="nothing in" if left is None else "no linear layer"):
        make(base, ignore=[entry])


def test_parts_beside_the_text_are_named_by_patterns(tmp_path: Path) -> None:
    shapes = {f"model.language_{name}": shape for name, shape in models.llama_shapes().items()}
    shapes["lm_head.weight"] = shapes.pop("model.language_lm_head.weight")
    shapes["model.vision.tower.fc1.weight"] = ("BF16", (100, 100))
    plan = make(models.write_model(tmp_path / "m", shapes, vision_config={}))
    # the output layer is outside the text too, and left out by the same rule
    assert plan.ignored == [r"re:(.*\.)?lm_head(\..*)?$", r"re:(.*\.)?vision(\..*)?$"]


@pytest.mark.parametrize("shared", ["k_proj", "v_proj"])
def test_what_is_left_of_a_group_is_still_fused(tmp_path: Path, shared: str) -> None:
    """Where a layer takes keys or values from another, q_proj and the remaining one go together."""
    shapes = models.llama_shapes()
    del shapes[f"model.layers.0.self_attn.{shared}.weight"]
    folder = models.write_model(tmp_path / "m", shapes)
    kept = "v_proj" if shared == "k_proj" else "k_proj"
    assert len(make(folder, "FP8-W8A8", ignore=["q_proj", kept]).layers) == 4
    why = "compressed: engines fuse them into one matrix, so ignore all of them or none$"
    with pytest.raises(UserError, match=why):
        make(folder, "FP8-W8A8", ignore=[kept])


def test_what_moves_scales_says_between_which_layers(base: Path) -> None:
    moved = make(base, "INT8-W8A8").smoothing
    assert moved and all(before.endswith("norm") for before, _ in moved)
    assert make(base, "INT8-W8A8-RTN").smoothing == []
