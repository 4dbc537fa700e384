"""Measure one checkpoint on one engine: load time, memory, latency, throughput.

    python benchmark.py --model llama3_8b-INT8-W8A8 --dtype float16
    python benchmark.py --model demo --batch_sizes 1,8,32 --json

The checkpoint is loaded once, in a clean process. Each measure leaves a record in perf_results/.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from checkpoints import checkpoint, models
from core import arguments, cli
from core.engine import Options
from core.errors import UserError
from core.measure import Workload
from quality.questions import read_entries

if TYPE_CHECKING:
    from running.session import Job

RESULTS = Path("perf_results")


def jobs(workload: Workload, batch_sizes: list[int]) -> "list[Job]":
    """Every performance measure in order: memory comes last, so that its peak is over all."""
    batches = [("batch", replace(workload, batch_size=size)) for size in batch_sizes]
    return [("load", workload), ("sequential", workload), *batches, ("memory", workload)]


def parse_batch_sizes(text: str) -> list[int]:
    """`1,8,32` as numbers. Raises `UserError` for anything else."""
    try:
        sizes = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise UserError(f"--batch_sizes wants numbers like 1,8,32, not {text!r}")
    return sorted(set(sizes))


def read_prompts(path: Path | None) -> tuple[str, ...]:
    """The prompts of a JSON file: a list of `{"prompt": ...}` objects or of strings."""
    if path is None:
        return ()
    listed = read_entries(path)
    prompts = [e.get("prompt") if isinstance(e, dict) else e for e in listed]
    texts = tuple(p for p in prompts if isinstance(p, str) and p)
    if not texts or len(texts) < len(listed):
        raise UserError(f'{path}: wants a list of {{"prompt": "..."}} objects')
    return texts


def main(
    model: Annotated[str, typer.Option("--model", help="checkpoint folder, or `demo`")],
    dtype: arguments.Dtype = Options.dtype,
    engine: arguments.EngineName = "vllm",
    batch_sizes: arguments.BatchSizes = str(Workload.batch_size),
    num_prompts: arguments.NumPrompts = Workload.requests,
    prompt_tokens: arguments.PromptTokens = Workload.prompt_tokens,
    max_new_tokens: arguments.MaxNewTokens = Workload.max_new_tokens,
    repeats: arguments.Repeats = Workload.repeats,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, help="0 is greedy")
    ] = Workload.temperature,
    top_p: Annotated[
        float, typer.Option("--top_p", min=0.0, max=1.0, help="nucleus sampling")
    ] = Workload.top_p,
    prompts_file: Annotated[
        Path | None,
        typer.Option("--prompts_file", help='JSON list of {"prompt": ...} to use instead'),
    ] = None,
    seed: arguments.Seed = Workload.seed,
    max_model_len: arguments.MaxModelLen = None,
    tensor_parallel_size: arguments.TensorParallelSize = Options.tensor_parallel_size,
    gpu_memory_utilization: arguments.GpuMemoryUtilization = Options.gpu_memory_utilization,
    kv_cache_memory_bytes: arguments.KvCacheMemoryBytes = None,
    enforce_eager: arguments.EnforceEager = False,
    allow_fallback: arguments.AllowFallback = False,
    trust_remote_code: arguments.TrustRemoteCode = False,
    results_dir: arguments.ResultsDir = RESULTS,
    json_: arguments.Json = False,
) -> None:
    """Measure load time, memory, latency and throughput of one checkpoint."""
    from core import records
    from reporting.console import performance
    from running import measuring

    options = Options(
        dtype=dtype,
        max_model_len=max_model_len,
        tensor_parallel_size=tensor_parallel_size,
        gpu_memory_utilization=gpu_memory_utilization,
        enforce_eager=enforce_eager,
        kv_cache_memory_bytes=kv_cache_memory_bytes,
        trust_remote_code=trust_remote_code,
    )
    workload = Workload(
        requests=num_prompts,
        prompt_tokens=prompt_tokens,
        max_new_tokens=max_new_tokens,
        repeats=repeats,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        texts=read_prompts(prompts_file),
    )
    sizes = parse_batch_sizes(batch_sizes)
    options = replace(options, max_num_seqs=max(options.max_num_seqs, *sizes))
    wanted = jobs(workload, sizes)
    check(model, engine, options, workload)
    with performance.progress(model) as step:
        made = measuring.measure(
            models.identify(model),
            engine,
            options,
            wanted,
            dict.fromkeys(("performance", "quality"), results_dir),
            records.new_run_id(),
            allow_fallback,
            step,
        )
    performance.show(made, results_dir, json_)
    if any(record.status != "ok" for record in made):
        raise typer.Exit(cli.FAILED)


def check(model: str, engine: str, options: Options, workload: Workload) -> None:
    """Raise `UserError` for what the engine would refuse only after minutes."""
    from core.machine import probe
    from running import session

    session.check_dtype(options.dtype, engine)
    gpus = len(probe().gpus)
    if gpus and options.tensor_parallel_size > gpus:
        asked = options.tensor_parallel_size
        raise UserError(f"--tensor_parallel_size {asked}: this machine shows {gpus} GPUs")
    if workload.top_p <= 0:
        raise UserError("--top_p must be above 0 (1 keeps every token)")
    longest = options.max_model_len or checkpoint.read(models.folder(model)).context_length
    asked = workload.prompt_tokens + workload.max_new_tokens
    if not workload.texts and asked > longest:
        raise UserError(
            f"{workload.prompt_tokens} prompt tokens and {workload.max_new_tokens} new ones do not "
            f"fit {longest} tokens of context"
        )


app = cli.application(main)

if __name__ == "__main__":
    app()
