"""What makes checkpoints: one maker a scheme, casts to the bit, bitsandbytes' options."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from checkpoints import checkpoint
from checkpoints.models import identify
from checkpoints.models import places as places_of
from compressing import bitsandbytes, casting, making, missing, oneshot, verify
from compressing.settings import Settings
from core import plugins
from core.errors import UserError
from tests import models

DTYPES = {"FP32": torch.float32, "FP16": torch.float16, "BF16": torch.bfloat16}


def made(base: Path, scheme: str, parent: Path, settings: Settings | None = None) -> Path:
    (place,) = places_of(str(base), [scheme], parent)
    making.compress(place, settings or Settings(), False, lambda *told: None)
    return place.path


def noise(base: Path, dtype: torch.dtype = torch.bfloat16) -> dict[str, torch.Tensor]:
    """Fill a tiny model with random numbers; returns them."""
    generator = torch.Generator().manual_seed(1)
    file = base / "model.safetensors"
    values = {
        name: torch.randn(tensor.shape, generator=generator).to(dtype)
        for name, tensor in load_file(file).items()
    }
    save_file(values, file)
    return values


def test_every_scheme_has_one_maker() -> None:
    schemes = {name: plugins.load("schemes", name) for name in plugins.names("schemes")}
    makers = {name: making.maker(scheme) for name, scheme in schemes.items()}
    assert makers["bnb_nf4"] is makers["bnb_int8"] is bitsandbytes
    assert makers["fp32"] is makers["bf16"] is casting
    assert makers["int4_w4a16"] is makers["fp8_w8a8"] is oneshot
    for maker in set(makers.values()):
        assert callable(maker.make) and isinstance(maker.NEEDS, tuple) and maker.PRELOADED


@pytest.mark.parametrize("scheme", DTYPES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_a_cast_is_the_base_in_another_dtype(
    base: Path, tmp_path: Path, scheme: str, dtype: torch.dtype
) -> None:
    values = noise(base, dtype)
    cast = made(base, scheme, tmp_path)
    stored = load_file(cast / "model.safetensors")
    assert stored.keys() == values.keys()
    assert all(stored[name].equal(values[name].to(DTYPES[scheme])) for name in values)
    config = json.loads((cast / "config.json").read_text())
    assert config["dtype"] == plugins.load("schemes", scheme).dtype
    assert "quantization_config" not in config
    identity = identify(str(cast))
    assert identity.scheme == scheme and identity.ours and identity.model == "tiny"
    assert identity.manifest["recipe"] == [{"Cast": {"dtype": config["dtype"]}}]


def test_a_cast_keeps_files_whole_numbers_and_parts(base: Path, tmp_path: Path) -> None:
    shapes = models.llama_shapes()
    whole = {"model.steps": ("I64", (3,)), "visual.embed.weight": ("F32", (8, 8))}
    models.write_safetensors(base / "model.safetensors", shapes)
    (base / "model.safetensors").rename(base / "a.safetensors")
    models.write_safetensors(base / "b.safetensors", whole)  # type: ignore[arg-type]
    index = dict.fromkeys(shapes, "a.safetensors") | dict.fromkeys(whole, "b.safetensors")
    (base / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    own = {"torch_dtype": "bfloat16", "vision_config": {"torch_dtype": "float32", "depth": 1}}
    (base / "config.json").write_text(json.dumps({**models.CONFIG, **own}))
    cast = checkpoint.read(made(base, "FP16", tmp_path))
    assert cast.index == index and [file.name for file in cast.files] == sorted(set(index.values()))
    assert cast.by_name["model.steps"].dtype == "I64"
    assert {tensor.dtype for tensor in cast.tensors} == {"F16", "I64"}
    assert cast.config["torch_dtype"] == "float16" and "dtype" not in cast.config
    assert cast.config["vision_config"] == {"torch_dtype": "float16", "depth": 1}


def test_gpt2_and_mixtures_of_experts_are_cast_too(tmp_path: Path) -> None:
    gpt2 = models.write_model(tmp_path / "gpt2", model_type="gpt2", num_experts=8)
    assert checkpoint.read(made(gpt2, "FP32", tmp_path)).dtype == "F32"


def test_an_overflow_is_refused_and_nothing_kept(base: Path, tmp_path: Path) -> None:
    values = noise(base)
    values["lm_head.weight"][0, :3] = torch.tensor([70000.0, -70000.0, float("inf")])
    save_file(values, base / "model.safetensors")
    with pytest.raises(UserError, match=r"2 of 4,096 numbers of lm_head.weight are beyond 65504"):
        made(base, "FP16", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny"]


def test_a_cast_that_is_none_is_found(base: Path, tmp_path: Path) -> None:
    values = noise(base)
    cast, scheme = made(base, "FP32", tmp_path), plugins.load("schemes", "FP32")
    layers = checkpoint.read(base).linear_layers
    assert verify.verify(cast, scheme, layers) == []
    stored = load_file(cast / "model.safetensors")
    stored["lm_head.weight"][0, 0] += 1
    save_file(stored, cast / "model.safetensors")
    why = ["lm_head.weight: its values are not the base's in float32"]
    assert verify.verify(cast, scheme, layers) == [] and verify.cast(cast, base, "float32") == why
    stored["lm_head.weight"] = values["lm_head.weight"]
    del stored["model.layers.0.mlp.up_proj.weight"]
    save_file(stored, cast / "model.safetensors")
    assert verify.verify(cast, scheme, layers) == [
        "lm_head.weight: stored as bfloat16, not float32",
        "model.layers.0.mlp.up_proj: the base has this layer, the checkpoint has not",
    ]


def test_ignore_means_nothing_to_a_cast(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="FP32 casts all weights: --ignore belongs to schemes that"):
        made(base, "FP32", tmp_path, Settings(ignore=("down_proj",)))


def test_a_library_that_is_not_there_is_named(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bitsandbytes, "NEEDS", ("no_such_library",))
    places = places_of(str(base), ["BASE", "BNB-NF4"], tmp_path)
    why = "BNB-NF4 is made by no_such_library, which is not installed here"
    with pytest.raises(UserError, match=why):
        making.plan(places[1], Settings())
    assert why in missing.check(places, Settings(), named=False)["BNB-NF4"]


def test_double_quantization_is_planned(base: Path) -> None:
    scheme = plugins.load("schemes", "BNB-NF4")
    single = Settings(bnb_4bit_use_double_quant="false").applied(scheme)
    assert single.storage.bits_per_weight() == pytest.approx(4.5, abs=1e-3)
    assert Settings(bnb_4bit_use_double_quant="true").applied(single) == scheme
    int8 = plugins.load("schemes", "BNB-INT8")
    assert Settings(bnb_4bit_use_double_quant="false").applied(int8) == int8


def test_bits_of_a_layer_are_what_bitsandbytes_writes() -> None:
    """256 x 256: 32,768 bytes of weights, 1,024 of scales, 4 x 4 of theirs, both tables, text."""
    nested = plugins.load("schemes", "BNB-NF4").storage.bits(256, 256)
    assert nested == 8 * (32768 + 1024 + 16 + 1024 + 64 + 170)
    single = Settings(bnb_4bit_use_double_quant="false").applied(plugins.load("schemes", "BNB-FP4"))
    assert single.storage.bits(256, 256) == 8 * (32768 + 4096 + 64 + 80)
    assert plugins.load("schemes", "BNB-INT8").storage.bits(256, 256) == 8 * (65536 + 1024 + 1)


@pytest.mark.parametrize(
    ("settings", "schemes", "why"),
    [
        ({"bnb_4bit_compute_dtype": "float32"}, ["BASE", "FP8-W8A8"], "belongs to BNB-NF4"),
        ({"bnb_4bit_use_double_quant": "false"}, ["BNB-INT8"], "double_quant belongs to BNB-NF4"),
        ({"bnb_4bit_compute_dtype": "half"}, ["BNB-FP4"], "'half': there are float32, float16, bf"),
    ],
)
def test_options_that_no_scheme_has(settings: dict, schemes: list[str], why: str) -> None:
    with pytest.raises(UserError, match=why):
        Settings(**settings).must_suit(plugins.load("schemes", name) for name in schemes)
    Settings(bnb_4bit_compute_dtype="float32").must_suit([plugins.load("schemes", "BNB-NF4")])


def test_what_a_checkpoint_depends_on() -> None:
    settings = Settings()
    of_others = set(asdict(settings)) - {"bnb_4bit_compute_dtype", "bnb_4bit_use_double_quant"}
    assert set(settings.of_scheme(plugins.load("schemes", "INT4-W4A16"))) == of_others
    assert settings.of_scheme(plugins.load("schemes", "FP8-W8A8")) == ("ignore",)
    assert "bnb_4bit_compute_dtype" in settings.of_scheme(plugins.load("schemes", "BNB-NF4"))


def test_bitsandbytes_takes_language_models(tmp_path: Path) -> None:
    shapes = models.llama_shapes() | {"visual.blocks.0.attn.qkv.weight": ("BF16", (100, 100))}
    several = models.write_model(tmp_path / "several", shapes, vision_config={"depth": 1})
    with pytest.raises(UserError, match="is made of language models only"):
        made(several, "BNB-NF4", tmp_path)
