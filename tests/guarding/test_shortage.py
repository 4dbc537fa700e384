"""Where memory ran out a reason says what was needed, what there is and what would fit."""

import json
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core import machine
from core.engine import Options
from core.measure import Job, Workload
from guarding import shortage
from tests import models

CUDA = (
    "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity "
    "of 8.00 GiB of which 1.25 GiB is free. Process 7 has 6.70 GiB memory in use."
)
MPS = (
    "RuntimeError: MPS backend out of memory (MPS allocated: 8.00 GiB, other allocations: 1.00 GiB,"
    " max allowed: 9.00 GiB). Tried to allocate 256.00 MiB on private pool."
)
CPU = (
    "RuntimeError: [enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't "
    "allocate memory: you tried to allocate 4294967296 bytes. Error code 12"
)
NUMPY = "MemoryError: Unable to allocate 1.50 GiB for an array with shape (3,) and data type int8"
KILLED = "the process was killed by SIGKILL (most likely the system ran out of memory)"
HELD = (
    "ValueError: Free memory on device cuda:0 (3.95/7.9 GiB) on startup is less than desired GPU "
    "memory utilization (0.9, 7.11 GiB). Decrease GPU memory utilization or reduce GPU memory used"
)
LONGEST = (
    "ValueError: To serve at least one request with the model's max seq len (8192), (1.5 GiB KV "
    "cache is needed, which is larger than the available KV cache memory (0.5 GiB). Based on the "
    "available memory, the estimated maximum model length is 2720. Try increasing"
)
NO_CACHE = "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory"
BATCH = Job("batch", Workload(batch_size=64, prompt_tokens=96, max_new_tokens=32))
SERVED = {"weights_bytes": 1 << 20, "dtype": "bfloat16"}
WIDE = SERVED | {"dtype": "float32"}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """16,384 bytes of keys and values a token: 2 MiB a request of `BATCH`."""
    folder = models.write_model(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "num_hidden_layers": 16,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 64,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def load(model: Path, job: Job | None = None, **options: Any) -> shortage.Load:
    served = SERVED if job else None
    doing = "timing 64 users" if job else "loading"
    return shortage.Load(model, "vllm", Options(**options), served, doing, job)


def there_are(monkeypatch: pytest.MonkeyPatch, nbytes: int) -> None:
    monkeypatch.setattr(shortage, "memory_limit", lambda: nbytes)


@pytest.mark.parametrize(
    ("reason", "lead", "there"),
    [
        (CUDA, "out of memory while timing 64 users, which wanted 2.00 GiB more",
         "there are 8.00 GiB, of which 1.25 GiB were free"),
        (MPS, "out of memory while timing 64 users, which wanted 256 MiB more",
         "there are 9.00 GiB"),
        (CPU, "out of memory while timing 64 users, which wanted 4.00 GiB more",
         "there are 100 MiB"),
        (NUMPY, "out of memory while timing 64 users, which wanted 1.50 GiB more",
         "there are 100 MiB"),
        ("MemoryError: no message", "out of memory while timing 64 users", "there are 100 MiB"),
        (KILLED, f"{KILLED} while timing 64 users", "there are 100 MiB"),
    ],
)  # fmt: skip
def test_a_batch(
    monkeypatch: pytest.MonkeyPatch, model: Path, reason: str, lead: str, there: str
) -> None:
    there_are(monkeypatch, 100 << 20)
    said = (shortage.explained(reason, load(model, BATCH)) or "").split("; ")
    assert said[:3] == [
        lead,
        "the weights take 1.00 MiB, the keys and values of 64 requests of 128 tokens 128 MiB",
        there,
    ]
    assert said[3] == "at most 32 at once would fit: --batch_sizes 32"


@pytest.mark.parametrize(("mib", "count"), [(100, 32), (60, 16), (5, 1), (3, 0)])
def test_a_smaller_batch(
    monkeypatch: pytest.MonkeyPatch, model: Path, mib: int, count: int
) -> None:
    """Nine tenths of it are for weights of 1 MiB and requests of 2 MiB."""
    there_are(monkeypatch, mib << 20)
    said = shortage.explained(KILLED, load(model, BATCH)) or ""
    assert (f"--batch_sizes {count}" in said) == (count > 0)
    wide = shortage.explained(KILLED, replace(load(model, BATCH), served=WIDE)) or ""
    assert "64 requests of 128 tokens 256 MiB" in wide


def test_a_load(monkeypatch: pytest.MonkeyPatch, base: Path) -> None:
    """Schemes that this machine serves and whose weights fit are named with their size."""
    files = load(base).files
    predicted = dict((name, nbytes) for name, nbytes, _ in shortage._predicted(load(base)))
    assert predicted["INT8-W8A8"] < files.nbytes
    there_are(monkeypatch, int(predicted["INT8-W8A8"] / shortage.USABLE) + 1)
    said = shortage.explained("MemoryError: no message", load(base)) or ""
    assert said.startswith("out of memory while loading; the weights take ")
    assert "INT8-W8A8 (" in said or "FP8-W8A8 (" in said
    there_are(monkeypatch, 1)
    assert (shortage.explained(KILLED, load(base)) or "").endswith("there are 1 B")


def test_what_vllm_says_before_it_loads(base: Path) -> None:
    said = shortage.explained(HELD, load(base)) or ""
    assert "there are 7.90 GiB, of which 3.95 GiB were free" in said
    assert said.endswith("--gpu_memory_utilization 0.47 would fit beside what others hold")
    said = shortage.explained(LONGEST, load(base)) or ""
    assert "one request of full length 1.5 GiB more" in said and "0.5 GiB are left" in said
    assert said.endswith("--max_model_len 2720 would fit")
    assert (shortage.explained(NO_CACHE, load(base)) or "").startswith(
        "out of memory while loading"
    )


def test_weights_as_they_are_loaded(base: Path, tmp_path: Path) -> None:
    compressed = models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    served = (Options(), None, "loading", None)
    said = shortage.explained(KILLED, shortage.Load(compressed, "transformers", *served)) or ""
    assert "compressed and are decompressed" in said and "would fit" not in said
    narrow, wide = load(base), load(base, dtype="float32")
    assert shortage._weights(wide) == 2 * shortage._weights(narrow)


def test_the_limit_of_a_shell_counts(monkeypatch: pytest.MonkeyPatch, base: Path) -> None:
    there_are(monkeypatch, 1 << 40)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1 << 30, 1 << 30))
    assert "there are 1.00 GiB" in (shortage.explained(KILLED, load(base)) or "")
    assert machine.memory_limit() <= machine.probe().memory_bytes


@pytest.mark.parametrize("reason", [None, "InvalidLoad: a request gave 3 tokens", "no progress"])
def test_other_reasons_stay(base: Path, reason: str | None) -> None:
    assert shortage.explained(reason, load(base)) == reason


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    assert shortage.explained(KILLED, load(tmp_path / "gone")) == KILLED
