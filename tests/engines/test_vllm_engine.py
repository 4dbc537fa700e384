"""What the vLLM engine sets, hears and proves, without vLLM: its lines and names are fixed here."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from checkpoints import checkpoint
from core.engine import Description, WrongCheckpoint
from engines import _vllm_environment, _vllm_facts, _vllm_log
from engines.vllm import VllmEngine, _kv_cache_tokens
from running import session
from tests import models
from tests.report_case import GPU, performance

LINES = [  # as vLLM 0.26.0 and 0.32.0 write them on a GPU
    ("model_executor.model_loader.default_loader", "Loading weights took %.2f seconds", 4.25),
    ("compilation.decorators", "Directly load AOT compilation from path %s", "a/b"),
    ("v1.worker.gpu.model_runner", "Graph capturing finished in %.0f secs, took 0.6 GiB", 7.4),
    ("v1.worker.gpu.model_runner", "Graph capturing finished in %.0f secs, took 0.1 GiB", 2.0),
    ("v1.engine.core", "init engine (profile, ...) took 30.00 s (compilation: %.2f s)", 12.5),
]


def say(lines: list) -> _vllm_log.Heard:
    with _vllm_log.listening() as heard:
        for name, text, value in lines:
            logger = logging.getLogger(f"vllm.{name}")
            logger.setLevel(logging.INFO)
            logger.info(text, value)
    return heard


def test_phases_are_heard_and_added_up() -> None:
    heard = say(LINES)
    assert heard.seconds == {"weights_s": 4.25, "graph_capture_s": 9.0, "compile_s": 12.5}
    assert heard.from_cache == 1.0
    assert say([LINES[0], LINES[-1]]).from_cache == 0.0
    assert say(LINES[:1]).from_cache is None


@pytest.fixture
def toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CUDA folder that is the only one found; what is written into it is its release."""
    (tmp_path / "bin").mkdir()
    compiler = tmp_path / "bin" / "nvcc"
    compiler.write_text(f'#!/bin/sh\necho "Cuda compilation tools, release $(cat {tmp_path}/v)"\n')
    compiler.chmod(0o755)
    for name in ("CUDA_PATH", "VLLM_DISABLED_KERNELS", "VLLM_USE_DEEP_GEMM", "LD_PRELOAD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("release", "deep_gemm"), [("13.0, V13.0.1", None), ("12.9", None), ("12.8", "0")]
)
def test_kernels_compiled_on_first_use_need_a_compiler(
    toolkit: Path, release: str, deep_gemm: str | None
) -> None:
    (toolkit / "v").write_text(release)
    assert _vllm_environment.environment(True).get("VLLM_USE_DEEP_GEMM") == deep_gemm


def test_without_the_packages_their_kernels_are_not_chosen(
    toolkit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_vllm_environment, "nvcc", lambda: None)
    variables = _vllm_environment.environment(True)
    assert variables["VLLM_USE_DEEP_GEMM"] == "0" and "LD_PRELOAD" not in variables
    assert "FlashInferCutlassMxfp8LinearKernel" in variables["VLLM_DISABLED_KERNELS"]
    monkeypatch.setenv("VLLM_USE_DEEP_GEMM", "1")
    assert _vllm_environment.environment(True)["VLLM_USE_DEEP_GEMM"] == "1"


def served_with(kernels: dict[str, list[str]]) -> Description:
    """What vLLM would say of a compressed-tensors checkpoint with these kernels."""
    return Description(
        engine="vllm",
        version="0",
        quantization="compressed-tensors",
        dtype="bfloat16",
        kernels=kernels,
        attention=None,
        kv_cache_dtype="auto",
        weights_bytes=1,
        kv_cache_bytes=1,
        kv_cache_tokens=1,
        max_model_len=1,
        max_concurrency=1,
        arguments={},
    )


def test_a_weight_only_kernel_is_no_w8a8(tmp_path: Path) -> None:
    base = models.write_model(tmp_path / "m")
    files = checkpoint.read(models.write_compressed(tmp_path / "tiny-FP8-W8A8", base))
    served = served_with(
        kernels={"down_proj": ["CompressedTensorsW8A8Fp8/CutlassFP8ScaledMMLinearKernel"]}
    )
    _vllm_facts.check_served(files, served, allow_fallback=False)
    marlin = {"down_proj": ["CompressedTensorsW8A16Fp8/MarlinFP8ScaledMMLinearKernel"]}
    _vllm_facts.check_served(files, replace(served, kernels=marlin), allow_fallback=True)
    with pytest.raises(WrongCheckpoint, match="quantizes no activations"):
        _vllm_facts.check_served(files, replace(served, kernels=marlin), allow_fallback=False)


def test_tokens_where_layers_share_the_blocks() -> None:
    cache = SimpleNamespace(num_gpu_blocks=100, block_size=16, kv_cache_size_tokens=400)
    alike = [{"kv_bytes_per_token": 8.0, "kv_cache_bytes": 1600 * 8}]
    assert _kv_cache_tokens(cache, alike) == 1600
    shared = [{"kv_bytes_per_token": 24.0, "kv_cache_bytes": 1600 * 8}]
    assert _kv_cache_tokens(cache, shared) == 400


def test_a_contradiction_fails_the_record(tmp_path: Path) -> None:
    base = checkpoint.read(models.write_model(tmp_path / "m"))
    served = served_with(kernels={})
    with pytest.raises(WrongCheckpoint, match="declares no quantization"):
        session.check_method(base, served, VllmEngine)


@pytest.mark.parametrize("served_as", ["gptq", "auto_gptq", "gptq_marlin"])
def test_vllm_has_names_of_its_own_for_a_method(served_as: str) -> None:
    assert VllmEngine.method(served_as) == "gptq" and VllmEngine.method(None) is None


@pytest.mark.parametrize("table", ["embed_tokens", "word_embeddings", "embed_in", "wte"])
def test_embeddings_of_any_name_need_no_kernel(base: Path, tmp_path: Path, table: str) -> None:
    files = checkpoint.read(models.write_compressed(tmp_path / "tiny-FP8-W8A8", base))
    served = served_with(
        kernels={"qkv_proj": ["Fp8/Kernel"], table: ["UnquantizedEmbeddingMethod"]}
    )
    _vllm_facts.check_served(files, served, allow_fallback=True)
    served.kernels["qkv_proj"] = ["UnquantizedLinearMethod"]
    with pytest.raises(WrongCheckpoint, match="qkv_proj is compressed"):
        _vllm_facts.check_served(files, served, allow_fallback=True)


def test_an_image_part_that_is_left_out_spares_no_text_layers(base: Path, tmp_path: Path) -> None:
    """Both have a `q_proj`; that of the text is compressed, so its kernel must be."""
    folder = models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"]["ignore"] += ["model.vision_tower.layers.0.self_attn.q_proj"]
    (folder / "config.json").write_text(json.dumps(config))
    served = served_with(kernels={"qkv_proj": ["UnquantizedLinearMethod"]})
    with pytest.raises(WrongCheckpoint, match="qkv_proj is compressed"):
        _vllm_facts.check_served(checkpoint.read(folder), served, allow_fallback=True)


def test_on_a_processor_it_is_served_with_the_cache_it_was_measured_with() -> None:
    """Left alone vLLM takes nine tenths of the memory."""
    served = {"arguments": {"kv_cache_memory_bytes": 1 << 30}}
    measured = performance("INT8-W8A8", 1, 1, served=served)[0]
    line = _vllm_facts.serve_command(measured, "there")
    assert line == "vllm serve there --max-model-len 1024 --kv-cache-memory-bytes 1073741824"
    gpu = {**measured.machine, "gpus": [GPU]}
    on_gpu = measured.model_copy(update={"machine": gpu})
    assert _vllm_facts.serve_command(on_gpu, "there") == "vllm serve there --max-model-len 1024"


def test_a_scheme_that_is_a_dtype_is_deployed_in_it() -> None:
    """Left alone vLLM serves a float32 checkpoint in 16 bits."""
    measured = performance("FP32", 1, 1, served={"arguments": {"dtype": "float32"}})[0]
    gpu = measured.model_copy(update={"machine": {**measured.machine, "gpus": [GPU]}})
    line = _vllm_facts.serve_command(gpu, "there")
    assert line == "vllm serve there --dtype float32 --max-model-len 1024"
