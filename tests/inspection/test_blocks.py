"""bitsandbytes' weights decoded without the library: the numbers it makes of them itself."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from checkpoints import checkpoint, truth
from core.errors import UserError
from inspection import blocks, decompress
from tests import models

bitsandbytes = pytest.importorskip("bitsandbytes")
LAYER = "model.layers.0.mlp.down_proj"


def write(folder: Path, tensors: dict[str, Any], **declared: Any) -> truth.Layers:
    """A checkpoint of one layer."""
    folder.mkdir()
    config = {"quant_method": "bitsandbytes", **declared}
    (folder / "config.json").write_text(
        json.dumps({**models.CONFIG, "quantization_config": config})
    )
    save_file(
        {f"{LAYER}.{name}": tensor.contiguous() for name, tensor in tensors.items()},
        folder / "model.safetensors",
    )
    return truth.layers(checkpoint.read(folder))


def four_bits(weight: torch.Tensor, kind: str, nested: bool) -> tuple[dict[str, Any], torch.Tensor]:
    packed, state = bitsandbytes.functional.quantize_4bit(
        weight, quant_type=kind, compress_statistics=nested
    )
    whole = bitsandbytes.functional.dequantize_4bit(packed, state)
    stored = {f"weight.{name}": part for name, part in state.as_dict(packed=True).items()}
    return {"weight": packed, **stored}, whole


def decoded(layers: truth.Layers) -> torch.Tensor:
    module = layers.modules[LAYER]
    group = layers.group_of(module)
    assert group is not None
    whole: torch.Tensor = decompress.weight(layers, module, group, decompress.codecs(layers)[group])
    return whole


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("shape", [(96, 128), (40, 100)], ids=["whole", "over the ends of rows"])
def test_four_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, nested: bool, shape: tuple[int, int]
) -> None:
    monkeypatch.setattr(blocks, "CHUNK_WEIGHTS", 1000)  # several chunks
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    tensors, whole = four_bits(weight, kind, nested)
    layers = write(tmp_path / "c", tensors, load_in_4bit=True, bnb_4bit_quant_type=kind)
    assert decoded(layers).equal(whole)


def test_eight_bits(tmp_path: Path) -> None:
    weight = torch.randn((32, 64), generator=torch.Generator().manual_seed(2))
    codes, scales, _ = bitsandbytes.functional.int8_vectorwise_quant(weight.half())
    layers = write(tmp_path / "c", {"weight": codes, "SCB": scales}, load_in_8bit=True)
    whole = bitsandbytes.functional.int8_vectorwise_dequant(codes, scales)
    assert torch.allclose(decoded(layers), whole, rtol=1e-6, atol=0)


def test_what_lacks_a_part_is_refused(tmp_path: Path) -> None:
    four = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    tensors, _ = four_bits(torch.ones((32, 64)), "nf4", True)
    without = {name: part for name, part in tensors.items() if "nested_absmax" not in name}
    with pytest.raises(UserError, match="lacks the scales of its scales"):
        decoded(write(tmp_path / "a", without, **four))
    state = "weight.quant_state.bitsandbytes__nf4"
    text = json.dumps({"shape": [32, 64], "blocksize": [1]}).encode()
    odd = {**tensors, state: torch.tensor(list(text), dtype=torch.uint8)}
    with pytest.raises(UserError, match=r"blocks of \[1\] weights"):
        decoded(write(tmp_path / "b", odd, **four))
