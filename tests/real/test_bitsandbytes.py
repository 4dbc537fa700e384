"""bitsandbytes for real: three formats as checkpoints, in plain transformers and in our engine."""

from pathlib import Path
from typing import Any

import pytest

from checkpoints import checkpoint, models, truth
from core.engine import Description, Options, Sampling
from engines.transformers import TransformersEngine
from inspection import decompress
from running import session
from tests.real.conftest import RealRun

pytestmark = pytest.mark.real
torch = pytest.importorskip("torch")
FORMATS = {"BNB-NF4": "nf4", "BNB-FP4": "fp4", "BNB-INT8": "int8"}
PROMPT, TOKENS = "What can I do to keep bread fresh?", 24


@pytest.fixture(scope="module", params=FORMATS)
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def plain(real_run: RealRun, scheme: str) -> Any:
    """The checkpoint as anybody loads it."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder(real_run, scheme)).eval()


def folder(real_run: RealRun, scheme: str) -> Path:
    return real_run.folder / f"demo-{scheme}"


def restored(layer: Any) -> Any:
    from transformers.integrations.bitsandbytes import dequantize_bnb_weight

    state = getattr(layer, "state", None)
    return dequantize_bnb_weight(layer.weight, state if state is not None else None)


def test_weights_are_the_bases_as_bitsandbytes_rounds_them(plain: Any, scheme: str) -> None:
    """Those that are loaded, next to the base's rounded here by the library itself."""
    import bitsandbytes
    from safetensors.torch import load_file

    base = load_file(models.DEMO_PATH / "model.safetensors")
    for name, layer in plain.named_modules():
        if not isinstance(layer, torch.nn.Linear) or name == "lm_head":
            continue
        weight = base[f"{name}.weight"]
        if scheme == "BNB-INT8":
            codes, scales, _ = bitsandbytes.functional.int8_vectorwise_quant(weight.half())
            assert layer.weight.data.equal(codes) and layer.weight.SCB.equal(scales)
            continue
        rounded, state = bitsandbytes.functional.quantize_4bit(
            weight, quant_type=FORMATS[scheme], compress_statistics=True
        )
        whole = bitsandbytes.functional.dequantize_4bit(rounded, state)
        assert layer.weight.quant_state.quant_type == FORMATS[scheme]
        assert restored(layer).equal(whole)
        assert 0 < (whole - weight).norm() / weight.norm() < 0.15


def test_analysis_reads_the_same_weights(real_run: RealRun, plain: Any, scheme: str) -> None:
    """Without the library: analyze.py decodes what is stored."""
    layers = truth.layers(checkpoint.read(folder(real_run, scheme)))
    codecs = decompress.codecs(layers)
    compressed = [module for module in layers.modules.values() if module.compressed]
    assert len(compressed) == 28
    for module in compressed:
        group = layers.group_of(module)
        assert group is not None
        decoded = decompress.weight(layers, module, group, codecs[group])
        expected = restored(plain.get_submodule(module.name)).float()
        assert (decoded - expected).abs().max() <= 2**-8 * expected.abs().max()  # bfloat16's step


@pytest.fixture(scope="module")
def served(real_run: RealRun, scheme: str) -> tuple[Description, list[int], list[int]]:
    """What our engine says of itself, a prompt, and its answer."""
    options = Options(max_model_len=256, device="cpu")
    with TransformersEngine(folder(real_run, scheme), options) as engine:
        ids = engine.encode_chat(PROMPT)
        (answer,) = engine.generate([ids], Sampling(max_new_tokens=TOKENS))
        return engine.describe(), ids, answer.token_ids


def test_it_answers_as_plain_transformers_does(plain: Any, served: Any) -> None:
    _, ids, answer = served
    with torch.inference_mode():
        written = plain.generate(
            input_ids=torch.tensor([ids]), max_new_tokens=TOKENS, do_sample=False, eos_token_id=None
        )
    assert written[0, len(ids) :].tolist() == answer


def test_what_runs_is_told(real_run: RealRun, served: Any, scheme: str) -> None:
    description, _, _ = served
    files = checkpoint.read(folder(real_run, scheme))
    session.check_method(files, description, TransformersEngine)
    assert description.emulated is None and description.dtype == "bfloat16"
    kinds = description.kernels
    (q_proj,) = kinds["q_proj"]
    name = "Linear8bitLt/int8" if scheme == "BNB-INT8" else f"Linear4bit/{FORMATS[scheme]} computes"
    assert q_proj.startswith(name) and kinds["lm_head"] == ["Linear/bfloat16"]
    assert TransformersEngine.compressed_kernels({"kernels": kinds}) == [q_proj]
    stored = sum(tensor.nbytes for tensor in files.tensors)
    assert description.weights_bytes == pytest.approx(stored, rel=0.01)
