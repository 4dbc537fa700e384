"""Does our harness cost anything? Offline throughput here against `vllm bench throughput`.

    python scripts/bench_harness.py --batch 64 --rounds 8

Both time the same loaded engine, in turn: ours is the `batch` measure, theirs the function behind
`vllm bench throughput` (`vllm.benchmarks.throughput.run_vllm`), with the same number of requests,
lengths and sampling (temperature 1, as theirs has it). Two processes would differ by more than the
harness does: on a shared machine by 15 % from run to run. Prints one line a round and the ratio of
medians.
"""

import os
import random
import statistics
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated
from unittest.mock import patch

import typer

if TYPE_CHECKING:
    from core.measure import Loaded, Workload
    from engines.vllm import VllmEngine

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def theirs(engine: "VllmEngine", workload: "Workload") -> float:
    """Output tokens per second by vLLM's own command, on the engine that is loaded."""
    from vllm import LLM
    from vllm.benchmarks.datasets import SampleRequest
    from vllm.benchmarks.throughput import run_vllm

    requests = [
        SampleRequest(
            prompt={
                "prompt_token_ids": random.choices(engine.vocabulary, k=workload.prompt_tokens)
            },
            prompt_len=workload.prompt_tokens,
            expected_output_len=workload.max_new_tokens,
        )
        for _ in range(workload.batch_size)
    ]
    with patch.object(LLM, "from_engine_args", lambda arguments: engine.llm):
        seconds, _ = run_vllm(requests, 1, SimpleNamespace(enable_lora=False), do_profile=False)
    return float(workload.batch_size * workload.max_new_tokens / seconds)


def ours(loaded: "Loaded", workload: "Workload") -> float:
    """Output tokens per second by the `batch` measure, one timed pass after its warm-up."""
    from measures.batch import MEASURE

    figures = MEASURE.figures(MEASURE.run(loaded, workload))
    return figures["output_tokens_per_s"].value


def main(
    model: Annotated[Path, typer.Option(help="checkpoint folder")] = ROOT / "demo" / "model",
    batch: Annotated[int, typer.Option(help="requests")] = 64,
    prompt_tokens: Annotated[int, typer.Option(help="tokens of each prompt")] = 128,
    max_new_tokens: Annotated[int, typer.Option(help="tokens generated for each")] = 128,
    rounds: Annotated[int, typer.Option(help="passes of each")] = 8,
) -> None:
    """Offline throughput, ours and vLLM's own, side by side."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from core.engine import Options
    from core.measure import Loaded, Workload
    from engines.vllm import VllmEngine

    options = Options(enforce_eager=True, max_model_len=prompt_tokens + max_new_tokens + 8)
    workload = Workload(
        batch_size=batch,
        prompt_tokens=prompt_tokens,
        max_new_tokens=max_new_tokens,
        repeats=1,
        temperature=1.0,
    )
    speeds_by_name: dict[str, list[float]] = {"vllm bench": [], "ours": []}
    with VllmEngine(model, options) as engine:
        loaded = Loaded(engine, engine.describe(), {}, 0)
        for _ in range(rounds):
            speeds_by_name["ours"].append(ours(loaded, workload))
            speeds_by_name["vllm bench"].append(theirs(engine, workload))
            print("  ".join(f"{name} {speeds[-1]:6.0f}" for name, speeds in speeds_by_name.items()))
    medians = {name: statistics.median(speeds) for name, speeds in speeds_by_name.items()}
    print(f"output tokens/s, ours / vllm bench = {medians['ours'] / medians['vllm bench']:.3f}")


if __name__ == "__main__":
    typer.run(main)
