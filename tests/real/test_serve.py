"""vLLM for real: every scheme this machine can serve is loaded, measured and answers."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from checkpoints import models
from checkpoints.checkpoint import read
from core import plugins
from core.machine import probe
from engines.vllm import VllmEngine
from measures.load import PHASES
from measures.saturation import batch_sizes
from tests.conftest import ROOT
from tests.real.conftest import RealRun, verdict

pytestmark = pytest.mark.real
MEASURES = {"load", "sequential", "batch", "memory"}


ALL = [plugins.shown("schemes", n) for n in plugins.names("schemes")]
SERVED = [name for name in ALL if verdict(name) == "native"]
REFUSED = [name for name in ALL if verdict(name) != "native"]


@pytest.mark.parametrize("name", SERVED)
def test_served_and_measured(real_run: RealRun, name: str) -> None:
    found = real_run.of(name)
    assert set(found) == MEASURES
    assert {r.status for r in found.values()} == {"ok"}, {r.reason for r in found.values()}
    memory = found["memory"].figures
    assert memory["weights_bytes"].value == pytest.approx(
        memory["checkpoint_bytes"].value, rel=0.15
    )
    assert memory["kv_cache_tokens"].value > 512
    if not probe().gpus:  # the cache is taken while loading, the libraries before it
        cache, peak = memory["kv_cache_bytes"].value, memory["peak_bytes"].value
        assert cache < peak < cache + (512 << 20) and memory["idle_bytes"].value > 256 << 20
    assert found["sequential"].figures["output_tokens_per_s"].value > 0
    load = {name: figure.value for name, figure in found["load"].figures.items()}
    parts = sum(load[name] for name in PHASES if name in load)
    assert "weights_s" in load and parts == pytest.approx(load["load_s"])


@pytest.mark.parametrize("name", REFUSED)
def test_no_kernel_is_a_row_that_says_so(real_run: RealRun, name: str) -> None:
    found = real_run.of(name)
    assert {r.status for r in found.values()} == {"unsupported"}
    assert all("not served natively" in (r.reason or "") for r in found.values())
    assert name in real_run.output


@pytest.mark.skipif(bool(probe().gpus), reason="the kernels of vLLM's CPU backend")
@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("BASE", "UnquantizedLinearMethod"),
        ("FP8-W8A8", "ScaledMMLinearKernel"),
        ("INT8-W8A8", "CPUInt8ScaledMMLinearKernel"),
        ("INT4-W4A16", "CPUWNA16LinearKernel"),
        ("INT4-W4A16-AWQ", "CPUWNA16LinearKernel"),
    ],
)
def test_kernels_are_told(real_run: RealRun, name: str, kernel: str) -> None:
    if name in REFUSED:
        pytest.skip(f"this processor has no kernel for {name}")
    served = real_run.of(name)["memory"].served
    assert served is not None
    for kind in ("qkv_proj", "gate_up_proj", "down_proj", "o_proj"):
        assert kernel in served["kernels"][kind][0]


@pytest.mark.skipif("FP8-W8A8-KV8" in REFUSED, reason="no FP8 KV cache on this machine")
def test_fp8_kv_cache_takes_half(real_run: RealRun) -> None:
    base, kv8 = (
        real_run.of(n)["memory"].figures["kv_cache_tokens"] for n in ("BASE", "FP8-W8A8-KV8")
    )
    assert kv8.value == pytest.approx(2 * base.value, rel=0.02)


def test_the_pipeline_went_on_to_the_end(real_run: RealRun) -> None:
    assert real_run.exit_code == 0, real_run.output[-3000:]
    assert {r.subject.scheme for r in real_run.records} == set(ALL)


def answers(model: str, folder) -> list[list[int]]:
    line = [sys.executable, str(ROOT / "vllm_test.py"), model, "--json", "--max_new_tokens", "24"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [one["token_ids"] for one in json.loads(done.stdout)["answers"]]


def test_batch_sizes_are_found_and_others_are_watched_on_all_cores(tmp_path: Path) -> None:
    """vLLM gains by batches, up to a limit."""
    line = [sys.executable, str(ROOT / "benchmark.py"), "--model", "demo", "--enforce_eager"]
    load = ["--prompt_tokens", "32", "--max_new_tokens", "32", "--num_prompts", "1"]
    done = subprocess.run(
        [*line, *load, "--max_model_len", "128", "--repeats", "1", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    sizes = {record["settings"]["batch_size"] for record in found if record["measure"] == "batch"}
    assert sizes == set(batch_sizes(max(sizes))) and max(sizes) >= 4
    cores = {record["contention"]["cores"] for record in found}
    assert cores == {len(os.sched_getaffinity(0))}


@pytest.mark.skipif(bool(probe().gpus), reason="OpenMP is preloaded for vLLM's CPU backend")
def test_a_forked_engine_is_bound_to_no_core() -> None:
    code = (
        "import os, torch; child = os.fork()\n"
        "if child == 0: print(sorted(os.sched_getaffinity(0)), flush=True); os._exit(0)\n"
        "os.waitpid(child, 0)"
    )
    environment = {**os.environ, **VllmEngine.environment()}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert json.loads(done.stdout) == sorted(os.sched_getaffinity(0))


def test_answers_are_the_reference_models(real_run: RealRun) -> None:
    """Greedy answers of the served base are those transformers computes from the same weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from measures.answers import PROMPTS

    tokenizer = AutoTokenizer.from_pretrained(models.DEMO_PATH)
    reference = AutoModelForCausalLM.from_pretrained(models.DEMO_PATH, dtype=torch.bfloat16)
    for prompt, served in zip(PROMPTS, answers("demo", real_run.folder), strict=True):
        messages = [{"role": "user", "content": prompt}]
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
        made = reference.generate(ids, max_new_tokens=24, do_sample=False)[0, ids.shape[1] :]
        same = [a == b for a, b in zip(made.tolist(), served, strict=False)]
        assert sum(same[:8]) >= 7, (tokenizer.decode(made), tokenizer.decode(served))


def test_demo_is_a_whole_checkpoint() -> None:
    assert read(models.DEMO_PATH).format == "dense"


def test_the_command_that_deploys_is_one_of_vllms(real_run: RealRun) -> None:
    """Its own parser takes every option, with the values the checkpoints were measured with."""
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = make_arg_parser(FlexibleArgumentParser())
    odd = {"dtype": "float16", "tensor_parallel_size": 2, "trust_remote_code": True}
    for record in real_run.of("BASE").values():
        for options in (record.options, {**record.options, **odd, "gpu_memory_utilization": 0.5}):
            asked = {**(record.served or {})["arguments"], "dtype": options["dtype"]}
            served = {**(record.served or {}), "arguments": asked}
            made = record.model_copy(update={"options": options, "served": served})
            line = VllmEngine.serve_command(made, "demo/model", 8 << 30)
            program, serve, folder, *words = shlex.split(str(line))
            taken = parser.parse_args(words)
            assert (program, serve, folder) == ("vllm", "serve", "demo/model")
            assert taken.dtype == options["dtype"]
            assert taken.max_model_len == options["max_model_len"]
            if not probe().gpus:
                arguments = (record.served or {})["arguments"]
                assert taken.kv_cache_memory_bytes == arguments["kv_cache_memory_bytes"]
