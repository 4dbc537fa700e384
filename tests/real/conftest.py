"""One real run for all tests of this folder: every scheme compressed, every checkpoint served."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import plugins
from core.machine import probe
from core.records import Record, load_all
from core.scheme import Scheme
from tests.conftest import ROOT


def verdict(name: str) -> str:
    """Whether this machine serves a scheme: native, fallback or none."""
    here = probe()
    scheme: Scheme = plugins.load("schemes", name)
    return scheme.verdict(here.compute_capability, here.cpu_flags).kind


DOCUMENTS = 60  # of each task
CALIBRATION = ("--num_calibration_samples", "16", "--max_sequence_length", "128")


@dataclass(frozen=True)
class RealRun:
    """Where `pipeline.py --schemes every` ran on the demo model, and what it left."""

    folder: Path
    output: str
    exit_code: int
    records: list[Record]
    quality: list[Record]

    def of(self, scheme: str) -> dict[str, Record]:
        """Performance records of one scheme by measure."""
        return {r.measure: r for r in self.records if r.subject.scheme == scheme}

    def quality_of(self, scheme: str) -> dict[str, Record]:
        """Quality records of one scheme by measure."""
        return {r.measure: r for r in self.quality if r.subject.scheme == scheme}


@pytest.fixture(scope="session")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> RealRun:
    """`python pipeline.py --model_id demo --schemes every --engine vllm` in an empty folder."""
    folder = tmp_path_factory.mktemp("real")
    line = [
        sys.executable,
        str(ROOT / "pipeline.py"),
        "--model_id",
        "demo",
        "--schemes",
        "every",
        "--engine",
        "vllm",
        *CALIBRATION,
        "--enforce_eager",
        "--max_model_len",
        "1024",
        "--prompt_tokens",
        "32",
        "--max_new_tokens",
        "16",
        "--num_prompts",
        "2",
        "--batch_sizes",
        "4",
        "--rounds",
        "1",
        "--repeats",
        "2",
        "--limit",
        str(DOCUMENTS),
        "--divergence_tokens",
        "8192",
        "--perplexity_tokens",
        "8192",
    ]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, env={**os.environ})
    found = [load_all(folder / name) for name in ("perf_results", "eval_results")]
    return RealRun(folder, done.stdout + done.stderr, done.returncode, *found)
