"""The exact `vllm serve` command of a checkpoint, with the options it was measured with."""

import shlex
from typing import Any

from checkpoints.models import DEMO, DEMO_PATH
from core.plugins import ROOT
from core.records import Record
from reporting.deciding.candidate import BASE, Candidate

DEFAULTS: dict[str, Any] = {
    "dtype": "auto",
    "max_model_len": None,
    "tensor_parallel_size": 1,
    "gpu_memory_utilization": 0.9,
    "max_num_seqs": 256,
    "kv_cache_memory_bytes": None,
    "enforce_eager": False,
    "trust_remote_code": False,
}


def serve_command(candidate: Candidate, budget: int | None = None) -> str:
    """A line for the shell; options at vLLM's own defaults are left out.

    A memory budget on a GPU becomes `--gpu-memory-utilization`. Measured without prefix caching,
    which a server does well to have on: it is left at its default.
    """
    record = candidate.newest
    options = {**record.options}
    gpus = record.machine.get("gpus") or []
    memory = gpus[0].get("memory_bytes") if gpus else None
    if budget is not None and memory:
        options["gpu_memory_utilization"] = min(0.95, int(100 * budget / memory) / 100)
    if not gpus:
        options.pop("gpu_memory_utilization", None)
    words = ["vllm", "serve", folder(record)]
    for name, default in DEFAULTS.items():
        value = options.get(name, default)
        if value == default or value is None:
            continue
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [flag, str(value)]
    return shlex.join(words)


def folder(record: Record) -> str:
    """The checkpoint's folder as seen from the checkout; the demo's base is inside it."""
    subject = record.subject
    if subject.model == DEMO and subject.scheme == BASE:
        return str(DEMO_PATH.relative_to(ROOT))
    return subject.path
