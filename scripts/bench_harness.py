"""Does our harness cost anything? Offline throughput here against `vllm bench throughput`.

    python scripts/bench_harness.py --batch 64 --rounds 3

The same checkpoint, request count, lengths, sampling (vLLM's command samples at temperature 1) and
engine settings, alternating, both with the engine
in the measuring process. Ours is the `batch` measure; vLLM's is its own command, which times one
pass after loading. Prints one line a run and the ratio of medians.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
KV_CACHE_BYTES = 1 << 30


def theirs(model: Path, batch: int, read: int, write: int, folder: Path) -> float:
    """Output tokens per second by `vllm bench throughput`."""
    from core import plugins

    result = folder / "throughput.json"
    line = [
        sys.executable, "-m", "vllm.entrypoints.cli.main", "bench", "throughput",
        "--model", str(model), "--dataset-name", "random", "--random-input-len", str(read),
        "--random-output-len", str(write), "--random-range-ratio", "0", "--num-prompts", str(batch),
        "--num-warmups", str(batch), "--enforce-eager", "--no-enable-prefix-caching",
        "--max-model-len", str(read + write + 8), "--distributed-executor-backend", "uni",
        "--kv-cache-memory-bytes", str(KV_CACHE_BYTES), "--max-num-seqs", "256",
        "--output-json", str(result),
    ]  # fmt: skip
    environment = {**os.environ, **plugins.load("engines", "vllm").environment()}
    del environment["TQDM_DISABLE"]  # its throughput command divides by what its bar counted
    done = subprocess.run(line, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    found = json.loads(result.read_text())
    return float(found["num_requests"] * write / found["elapsed_time"])


def ours(model: Path, batch: int, read: int, write: int, folder: Path) -> float:
    """Output tokens per second by the `batch` measure, one timed pass after its warm-up."""
    line = [
        sys.executable, str(ROOT / "benchmark.py"), "--model", str(model), "--enforce_eager",
        "--batch_sizes", str(batch), "--prompt_tokens", str(read), "--max_new_tokens", str(write),
        "--max_model_len", str(read + write + 8), "--num_prompts", "1", "--temperature", "1.0",
        "--repeats", "1",
        "--kv_cache_memory_bytes", str(KV_CACHE_BYTES), "--json",
    ]  # fmt: skip
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True)
    made = json.loads(done.stdout.splitlines()[-1])
    batch_record = next(record for record in made if record["measure"] == "batch")
    return float(batch_record["figures"]["output_tokens_per_s"]["value"])


def main(
    model: Annotated[Path, typer.Option(help="checkpoint folder")] = ROOT / "demo" / "model",
    batch: Annotated[int, typer.Option(help="requests")] = 64,
    prompt_tokens: Annotated[int, typer.Option(help="tokens of each prompt")] = 128,
    max_new_tokens: Annotated[int, typer.Option(help="tokens generated for each")] = 128,
    rounds: Annotated[int, typer.Option(help="runs of each")] = 3,
) -> None:
    """Offline throughput, ours and vLLM's own, side by side."""
    found: dict[str, list[float]] = {"vllm bench": [], "ours": []}
    for _ in range(rounds):
        for name, run in (("vllm bench", theirs), ("ours", ours)):
            with tempfile.TemporaryDirectory() as folder:
                speed = run(model.resolve(), batch, prompt_tokens, max_new_tokens, Path(folder))
            found[name].append(speed)
            print(f"{name:12} {speed:8.0f} output tokens/s", flush=True)
    medians = {name: statistics.median(speeds) for name, speeds in found.items()}
    print(f"ours / vllm bench = {medians['ours'] / medians['vllm bench']:.3f}")


if __name__ == "__main__":
    typer.run(main)
