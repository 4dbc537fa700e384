"""A checkpoint without a kernel on this machine: its quality is scored all the same."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checkpoints import models
from core.engine import Options
from core.measure import Job
from core.records import load_all
from measures.divergence import DivergenceOptions
from running import jobs, serving
from running.run import Run
from tests import conftest
from tests.real.conftest import RealRun, verdict

pytestmark = pytest.mark.real
REFUSED = ("INT8-W8A16", "INT4-W4A8")


@pytest.mark.skipif(any(verdict(s) != "none" for s in REFUSED), reason="they are served here")
def test_every_scheme_has_a_verdict(
    real_run: RealRun, tmp_path: Path, process: conftest.Run
) -> None:
    for scheme in REFUSED:
        (tmp_path / f"demo-{scheme}").symlink_to(real_run.folder / f"demo-{scheme}")
    small = ("--limit", 20, "--perplexity_tokens", 2048, "--divergence_tokens", 2048)
    load = ("--batch_sizes", 2, "--num_prompts", 1, "--max_new_tokens", 4, "--prompt_tokens", 8)
    line = ("--model_id", "demo", "--schemes", ",".join(REFUSED), "--tasks", "demo_piqa")
    eager = ("--enforce_eager", "--max_model_len", 512, "--rounds", 1, "--repeats", 1)
    done = process("pipeline.py", *line, *small, *load, *eager)
    assert done.returncode == 0, done.stderr
    of = {
        r.subject.scheme: r for r in load_all(tmp_path / "eval_results") if r.measure == "harness"
    }
    assert {of[s].engine for s in REFUSED} == {"vllm", "transformers"}
    assert of["INT8-W8A16"].served and of["INT8-W8A16"].served["emulated"]
    assert "On transformers, next to BASE on transformers" in done.stdout
    timed = [r for r in load_all(tmp_path / "perf_results") if r.subject.scheme in REFUSED]
    assert {r.status for r in timed} == {"unsupported"}
    report = json.loads(process("report.py", "--json").stdout)
    assert report["schemes"]["INT8-W8A16"]["quality"]["verdict"] in ("pass", "undecided", "fail")
    other = report["on_other_engines"]["transformers"]["INT4-W4A8"]
    assert other["quality"]["verdict"] in ("pass", "undecided", "fail")


def divergence(service: serving.Service, checkpoint: str, dtype: str, reference: str) -> float:
    """Nats over a text from a reference file, which a checkpoint writes where there is none."""
    options = Options(enforce_eager=True, max_model_len=512, dtype=dtype)
    run = Run(engine="vllm", options=options, results=Path(), eval_results=Path())
    asked: dict[str, Any] = {"divergence": DivergenceOptions(divergence_tokens=4096)}
    (planned,) = jobs.plan(asked, run.base(models.folder("demo")))
    writes = not Path(reference).exists()
    job = Job("divergence", replace(planned.settings, reference=reference, is_base=writes))
    serving.of = lambda *_: service
    outcome = run.load(models.identify(checkpoint), [job], lambda *_: None, Path()).of(job)
    assert outcome.raw is not None, outcome.reason
    return float(sum(outcome.raw["kl_sum"]))


def compare(checkpoint: str) -> None:
    """In a process of its own: prints how far rounding to 16 bits and the kernel lead."""
    decompressed = serving.Service(engine="vllm", decompressed=True)
    divergence(decompressed, checkpoint, "float32", "of_32_bits.npz")
    rounding = divergence(decompressed, checkpoint, "bfloat16", "of_32_bits.npz")
    divergence(decompressed, checkpoint, "bfloat16", "of_16_bits.npz")
    kernel = divergence(serving.Service(engine="vllm"), checkpoint, "bfloat16", "of_16_bits.npz")
    print(json.dumps([rounding, kernel]))


@pytest.mark.skipif(verdict("INT4-W4A16") != "native", reason="no 4-bit kernel on this machine")
def test_decompressed_weights_answer_as_the_kernel_does(real_run: RealRun, tmp_path: Path) -> None:
    """No further from it than the same weights in 16 bits are from themselves in 32."""
    checkpoint = str(real_run.folder / "demo-INT4-W4A16")
    call = f"from tests.real.test_engine_auto import compare; compare({checkpoint!r})"
    environment = {**os.environ, "PYTHONPATH": str(conftest.ROOT)}
    line = [sys.executable, "-c", call]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rounding, kernel = json.loads(done.stdout.splitlines()[-1])
    assert 0 < kernel <= rounding
