"""Records for tests of reports: a model whose figures the test chooses."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.records import Figure, Record, Subject
from core.stats import estimate

MACHINE: dict[str, Any] = {
    "cpu": "AMD EPYC", "cores": 2, "gpus": [], "driver": None, "os": "Linux", "python": "3.11.7",
    "libraries": {"vllm": "0.32.0", "torch": "2.13.0"}, "git_commit": "abc123",
}  # fmt: skip
OPTIONS: dict[str, Any] = {
    "dtype": "auto", "max_model_len": 1024, "tensor_parallel_size": 1, "enforce_eager": False,
    "gpu_memory_utilization": 0.9, "kv_cache_memory_bytes": None, "max_num_seqs": 256,
    "trust_remote_code": False, "seed": 0,
}  # fmt: skip
COLUMNS = ["prompt_tokens", "output_tokens", "sent_s", "first_token_s", "last_token_s"]
KERNELS = {
    "BASE": "UnquantizedLinearMethod",
    "INT8-W8A8": "X/CPUInt8ScaledMMLinearKernel",
    "INT4-W4A16": "X/CPUWNA16LinearKernel",
}
EVIL = "<img src=x onerror=alert(1)>|`*_$x^2$"
TASKS = ("demo_arc_easy", "demo_hellaswag")
GPU = {
    "index": 0,
    "name": "NVIDIA L4",
    "uuid": "GPU-1",
    "memory_bytes": 24 << 30,
    "compute_capability": [8, 9],
}


TURNS = {"BASE": 0, "INT8-W8A8": 1, "INT4-W4A16": 2}  # rounds do not move schemes alike


def figure(values: Sequence[float], unit: str, better: str) -> Figure:
    """A figure of one load, with its repeats."""
    made = estimate(list(values))
    return Figure.model_validate({"unit": unit, "better": better, **vars(made)})


def record(
    scheme: str,
    measure: str,
    figures: dict[str, Figure],
    raw: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    **changes: Any,
) -> Record:
    """A finished vLLM record of the model `tiny`; `changes` replace any of its fields."""
    model = changes.pop("model", "tiny")
    kernel = KERNELS.get(scheme, "X/SomeKernel")
    base = scheme == "BASE"
    fields: dict[str, Any] = {
        "run_id": "20260101T000000Z-000001",
        "kind": "performance",
        "measure": measure,
        "status": "ok",
        "engine": "vllm",
        "options": OPTIONS,
        "raw": raw,
        "machine": MACHINE,
        "subject": Subject(
            model=model,
            scheme=scheme,
            path=model if base else f"{model}-{scheme}",
            fingerprint=f"f-{scheme}",
            bytes=1000,
            format="dense" if base else "packed",
            revision=None,
            manifest={} if base else {"model": model, "scheme": scheme, "recipe": []},
        ),
        "served": {"engine": "vllm", "kernels": {"qkv_proj": [kernel]}, "names_kernels": True},
        "settings": {
            "requests": 5,
            "batch_size": 8,
            "prompt_tokens": 128,
            "max_new_tokens": 64,
            "repeats": 3,
            "temperature": 0.0,
            "top_p": 1.0,
            "seed": 0,
            "texts": [],
            **(settings or {}),
        },
        "figures": figures,
        "command": ["pipeline.py", "--model_id", model],
        "started": "2026-01-01T00:00:00+00:00",
        "ended": "2026-01-01T00:01:00+00:00",
    }
    return Record.model_validate({**fields, **changes})


def speed(
    scheme: str, tokens_per_s: Sequence[float], batch: int | None = None, **changes: Any
) -> Record:
    """A `sequential` record, or a `batch` one of a size; latencies follow from the throughput."""
    users = batch or 1
    latency = [64 * users / rate for rate in tokens_per_s]
    rows = [[[128, 64, 0.0, 0.1 * s, s] for _ in range(5)] for s in latency]
    figures = {
        "output_tokens_per_s": figure(tokens_per_s, "tokens/s", "higher"),
        "total_tokens_per_s": figure([3 * t for t in tokens_per_s], "tokens/s", "higher"),
        "ttft_s": figure([0.1 * s for s in latency], "s", "lower"),
        "e2e_latency_s": figure(latency, "s", "lower"),
        "tpot_s": figure([0.9 * s / 63 for s in latency], "s", "lower"),
    }
    return record(
        scheme,
        "batch" if batch else "sequential",
        figures,
        {"columns": COLUMNS, "repeats": rows},
        {"batch_size": batch or 5},
        **changes,
    )


def memory(scheme: str, weights: float, **changes: Any) -> Record:
    sizes = {
        "checkpoint_bytes": weights,
        "weights_bytes": weights,
        "kv_cache_bytes": 1 << 30,
        "peak_bytes": 2 << 30,
        "loading_peak_bytes": 1 << 30,
        "inference_peak_bytes": 2 << 30,
    }
    figures = {name: figure([value], "bytes", "lower") for name, value in sizes.items()}
    figures["kv_cache_tokens"] = figure([524288], "tokens", "higher")
    figures["max_concurrency"] = figure([512], "requests", "higher")
    return record(scheme, "memory", figures, {}, **changes)


def load(scheme: str, seconds: float = 4.0, **changes: Any) -> Record:
    figures = {
        "load_s": figure([seconds], "s", "lower"),
        "page_cache": figure([1.0], "share", "none"),
    }
    return record(scheme, "load", figures, {}, **changes)


def performance(
    scheme: str, rate: float, weights: float, spread: float = 0.01, rounds: int = 3, **changes: Any
) -> list[Record]:
    """Every performance record of a scheme, a load a round, around `rate` tokens/s."""
    turn = TURNS.get(scheme, sum(map(ord, scheme)))
    records = []
    for number in range(1, rounds + 1):
        factor = 1 + spread * ((turn + number) % 3 - 1)
        sizes = {8: 4 * rate * factor, 32: 10 * rate * factor}
        records += [
            load(scheme, round=number, **changes),
            speed(scheme, [rate * factor], round=number, **changes),
            *(speed(scheme, [r], size, round=number, **changes) for size, r in sizes.items()),
            memory(scheme, weights, round=number, **changes),
        ]
    return records


def quality(
    scheme: str, accuracy: float = 0.7, kl: float = 0.0, documents: int = 400, **changes: Any
) -> list[Record]:
    """Quality records: the same documents for all; lower `accuracy` loses some of the base's."""
    tasks, figures = {}, {}
    for task in TASKS:
        rng = random.Random(task)
        order = [rng.random() for _ in range(documents)]
        scores = [float(place < accuracy) for place in order]
        names = [f"{n:012x}" for n in range(documents)]
        tasks[task] = {
            "primary": "acc_norm,none",
            "n_shot": 5,
            "version": 1.0,
            "documents": names,
            "scores": {"acc_norm,none": scores},
            "higher_is_better": {"acc_norm": True},
            "aggregated": {"acc_norm,none": sum(scores) / documents},
        }
        mean = sum(scores) / documents
        figures[f"{task}/acc_norm,none"] = Figure(
            value=mean,
            values=[mean],
            unit="fraction",
            better="higher",
            low=mean - 0.02,
            high=mean + 0.02,
        )
    kind: dict[str, Any] = {"kind": "quality", **changes}
    divergence = {
        "kl_mean": figure([kl], "nats", "lower"),
        "top1_agreement": figure([1 - kl], "fraction", "higher"),
    }
    references = {"rouge_l": figure([0.8], "1", "higher"), "bleu": figure([40.0], "1", "higher")}
    texts = {
        "generated": ["<script>alert('answer')</script> the lake", "two"],
        "documents": ["a", "b"],
        "scores": {"rouge_l": [0.9, 0.7]},
    }
    return [
        record(scheme, "harness", figures, {"tasks": tasks, "files": [], "generated": 0}, **kind),
        record(
            scheme,
            "perplexity",
            {"perplexity": figure([5 + kl], "1", "lower")},
            {"nll": [100.0 * (1 + kl), 110.0 * (1 + kl)], "tokens": [60, 60]},
            **kind,
        ),
        record(scheme, "divergence", divergence, {}, **kind),
        record(scheme, "references", references, texts, **kind),
    ]


def analysis(scheme: str, reasons: Sequence[str] = (), layers: int = 4, **changes: Any) -> Record:
    """What `analyze.py --save` found: a kind of layer, two dtypes, `layers` against the base."""
    raw = {
        "name": f"tiny-{scheme}",
        "findings": [{"kind": "format", "module": "a.b", "reason": why} for why in reasons],
        "overview": {
            "bits_per_weight": 8.25,
            "bytes_by_dtype": {"I8": 6 << 20, "BF16": 1 << 20},
            "kinds": [
                {
                    "name": "qkv_proj",
                    "stored": "INT8 channel",
                    "layers": layers,
                    "bits_per_weight": 8.12,
                    "nbytes": 6 << 20,
                }
            ],
        },
        "numeric": {
            "base": "tiny",
            "folded": None,
            "layers": [
                {
                    "module": f"model.layers.{n}.mlp.up_proj",
                    "sqnr_db": 30.0 + n,
                    "relative_error": 0.03,
                }
                for n in range(layers)
            ],
        },
    }
    bits = {"bits_per_weight": figure([8.25], "bits", "lower")}
    return record(scheme, "analysis", bits, raw, kind="quality", served=None, **changes)


def write(folder: Path, made: list[Record]) -> Path:
    """Save records below `folder`, performance and quality together; returns it."""
    for one in made:
        home = folder / f"{one.subject.model}-{one.subject.scheme}"
        home.mkdir(parents=True, exist_ok=True)
        number = len(list(home.iterdir()))
        path = home / f"{one.measure}-20260101T000000Z-{number:06x}.json"
        path.write_text(one.model_dump_json())
    return folder


Run = Callable[..., Any]


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs report.py in the test's own folder and this process: `report("--history")`."""
    from typer.testing import CliRunner

    from report import app

    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(word) for word in arguments])


def typical(**changes: Any) -> list[Record]:
    """Base, a lossless faster INT8, a lossy INT4 that is faster still, an unsupported FP8."""
    failed: dict[str, Any] = {
        "status": "unsupported",
        "served": None,
        "figures": {},
        "raw": None,
        "reason": "FP8-W8A8 is not served natively here: no kernel",
    }
    gone = [r.model_copy(update=failed) for r in performance("FP8-W8A8", 1, 1, **changes)]
    return [
        *performance("BASE", 300, 10 << 20, **changes),
        *quality("BASE", **changes),
        *performance("INT8-W8A8", 400, 6 << 20, **changes),
        *quality("INT8-W8A8", 0.7, 0.002, **changes),
        *performance("INT4-W4A16", 600, 4 << 20, **changes),
        *quality("INT4-W4A16", 0.6, 0.08, **changes),
        *gone,
    ]
