"""What is said of bitsandbytes' layers: what they multiply in, and the bytes of all they hold."""

from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoints import models as places
from engines import _transformers_bitsandbytes as layers
from engines._storage import weights_bytes
from engines.transformers import TransformersEngine
from running import serving
from tests import models

bitsandbytes = pytest.importorskip("bitsandbytes")
ROWS, COLUMNS = 64, 128


def four_bits(dtype: torch.dtype, nested: bool = True, kind: str = "nf4") -> Any:
    layer = bitsandbytes.nn.Linear4bit(
        COLUMNS, ROWS, bias=False, compute_dtype=dtype, compress_statistics=nested, quant_type=kind
    )
    return layer.to("cpu").requires_grad_(False).eval()


@pytest.mark.parametrize(
    ("packs", "dtype", "told"),
    [
        (False, torch.float32, "nf4 computes in float32"),
        (True, torch.float32, "nf4 computes in bfloat16, not float32"),
        (True, torch.bfloat16, "nf4 computes in bfloat16"),
    ],
)
def test_four_bits_compute_in_what_the_processor_has(
    packs: bool, dtype: torch.dtype, told: str
) -> None:
    layer = four_bits(dtype)
    layer.support_avx512bf16_for_cpu = packs
    assert layers.computes(layer) == told
    why = layers.explain(f"Linear4bit/{told}")
    assert (why is not None) == ("not float32" in told)


def test_eight_bits_multiply_integers_where_there_are_instructions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = bitsandbytes.nn.Linear8bitLt(
        COLUMNS, ROWS, bias=False, has_fp16_weights=False, threshold=6.0
    ).to("cpu")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    told = layers.computes(layer)
    assert told == "int8 computes in int8, columns beyond 6 uncompressed"
    assert layers.explain(told) is None
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert layers.computes(layer) == "int8 multiplies as float32"
    assert "no instruction" in (layers.explain("Linear8bitLt/int8 multiplies as float32") or "")
    assert weights_bytes(layer, layers.tensors(layer)) == ROWS * COLUMNS + 4 * ROWS
    assert layers.computes(torch.nn.Linear(2, 2)) is None


@pytest.mark.parametrize("nested", [True, False])
def test_bytes_of_scales_and_tables_are_counted(nested: bool) -> None:
    layer, weights = four_bits(torch.bfloat16, nested), ROWS * COLUMNS
    scales = weights // 64
    expected = weights // 2 + 16 * 4 + (scales + 4 + 256 * 4 + 4 if nested else 4 * scales)
    assert weights_bytes(layer, layers.tensors(layer)) == expected


@pytest.mark.parametrize(
    ("method", "package"),
    [("gptq", "gptqmodel"), ("awq", "gptqmodel"), ("hqq", "hqq"), ("quanto", "optimum-quanto"),
     ("torchao", "torchao")],
)  # fmt: skip
def test_what_others_made_names_the_package_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, package: str
) -> None:
    monkeypatch.setattr("engines.transformers._installed", lambda name: name == "optimum")
    folder = models.write_model(tmp_path / "other", quantization_config={"quant_method": method})
    service = serving.of(places.identify(str(folder)), "transformers", allow_fallback=False)
    why = f"transformers needs the package {package} to load what {method} wrote, and it is not"
    assert service.unserved and why in service.unserved
    monkeypatch.setattr("engines.transformers._installed", lambda name: True)
    assert TransformersEngine.lacking(method) is None and TransformersEngine.lacking(None) is None
