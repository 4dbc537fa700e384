"""The main job: compress a model with every scheme, serve each checkpoint, measure, compare.

    python pipeline.py --model_id demo --schemes all
    python pipeline.py --model_id llama3_8b --schemes INT4-W4A16,FP8-W8A8

What is compressed already is reused. Each checkpoint is loaded once. A scheme that fails is a row
with its reason and the rest go on; the exit code is 1 then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import benchmark
from compress import Settings
from core import arguments, checkpoint, cli, models, plugins
from core.engine import Options
from core.errors import UserError
from core.measure import Workload

if TYPE_CHECKING:
    from core.child import Emit
    from core.records import Record
    from core.session import Job

SEED_SCHEMES = (
    "FP8-W8A8", "INT8-W8A16", "INT8-W8A8", "INT8-W8A16-RTN", "INT4-W4A16", "INT4-W4A16-AWQ",
)  # fmt: skip
COMPRESSION_TIMEOUT_S = 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A scheme whose checkpoint could not be made, and why."""

    scheme: str
    reason: str


def choose(text: str) -> list[str]:
    """Scheme names from `all` (the base and the six classic ones), `every`, or a comma list.

    Raises `UserError` for a name that does not exist. The base always comes first.
    """
    if text == "all":
        wanted = list(SEED_SCHEMES)
    elif text == "every":
        wanted = [plugins.shown("schemes", stem) for stem in plugins.names("schemes")]
    else:
        parts = [part for part in text.split(",") if part.strip()]
        wanted = [plugins.shown("schemes", plugins.find("schemes", part)) for part in parts]
    return ["BASE", *dict.fromkeys(name for name in wanted if name != "BASE")]


def check(model_id: str, schemes: list[str], settings: Settings, output_dir: Path) -> None:
    """Everything that can be known to fail is said before the first scheme starts."""
    import compress

    checkpoint.read(models.folder(model_id))
    for scheme in schemes:
        if scheme != "BASE" and not _made(model_id, scheme, output_dir):
            compress.plan(scheme, model_id, settings, output_dir)


def _made(model_id: str, scheme: str, output_dir: Path) -> bool:
    """Whether the checkpoint is there and was made from these very weights."""
    path = models.checkpoint_path(model_id, scheme, output_dir)
    if not (path / models.MANIFEST).is_file():
        return False
    base = checkpoint.read(models.folder(model_id)).fingerprint
    made_from = checkpoint.read_json(path / models.MANIFEST).get("base", {}).get("fingerprint")
    if made_from != base:
        raise UserError(
            f"{path} was made from other weights than {model_id} has now: remove it, or compress "
            f"again with `compress.py --compression_type {scheme} --model_id {model_id} --force`"
        )
    return True


def compress_missing(
    model_id: str, schemes: list[str], settings: Settings, output_dir: Path, run_id: str,
    progress: Callable[[str], None],
) -> list[Failure]:  # fmt: skip
    """Compress what is not there yet, each in a clean child; returns those that failed."""
    from core import child

    failures = []
    for scheme in schemes:
        if scheme == "BASE" or _made(model_id, scheme, output_dir):
            continue
        progress(f"{scheme}: compressing")

        def on_event(event: Any, scheme: str = scheme) -> None:
            progress(f"{scheme}: {event}")

        log = benchmark.LOGS / f"compress-{models.model_name(model_id)}-{scheme}-{run_id}.log"
        arguments = (scheme, model_id, settings, output_dir)
        ended = child.run(_compress, arguments, log, COMPRESSION_TIMEOUT_S, on_event)
        if ended.reason:
            failures.append(Failure(scheme=scheme, reason=f"{ended.reason} (log: {log})"))
    return failures


def _compress(
    emit: "Emit", scheme: str, model_id: str, settings: Settings, output_dir: Path
) -> None:
    """The child's side of one compression."""
    import compress

    def progress(step: str, done: int, total: int) -> None:
        emit(f"{step}, {done / total:.0%}")

    compress.compress(scheme, model_id, settings, output_dir, False, progress)


def start_server(engine: str) -> None:
    """One fork server for both halves, so that neither llmcompressor nor vLLM is imported twice."""
    from core import child

    chosen = plugins.load("engines", engine)
    modules = (*chosen.modules, "transformers", "llmcompressor", "datasets")
    quiet = {"LLM_COMPRESSOR_LOG_LEVEL": "ERROR"}
    child.start_server(
        modules, {**chosen.environment(), **quiet}, benchmark.LOGS / "fork_server.log"
    )


def measure_all(
    model_id: str, schemes: list[str], engine: str, options: Options, wanted: "list[Job]",
    output_dir: Path, results: Path, run_id: str, allow_fallback: bool,
    progress: Callable[[str], None],
) -> "list[Record]":  # fmt: skip
    """Measure every checkpoint, each loaded once, in the order given."""
    made = []
    for scheme in schemes:
        path = models.checkpoint_path(model_id, scheme, output_dir)
        subject = model_id if scheme == "BASE" else str(path)

        def step(name: str, scheme: str = scheme) -> None:
            progress(f"{scheme}: {name}")

        made += benchmark.measure(
            subject, engine, options, wanted, results, run_id, allow_fallback, step
        )
    return made


def main(
    model_id: arguments.ModelId = "llama3_8b",
    schemes: Annotated[
        str,
        typer.Option(
            "--schemes", help="all (base and the six classic schemes), every, or names with commas"
        ),
    ] = "all",
    engine: arguments.EngineName = "vllm",
    num_calibration_samples: arguments.Samples = Settings.num_calibration_samples,
    max_sequence_length: arguments.Length = Settings.max_sequence_length,
    calibration: arguments.Calibration = Settings.calibration,
    dtype: arguments.Dtype = Options.dtype,
    batch_sizes: arguments.BatchSizes = str(Workload.batch_size),
    num_prompts: arguments.NumPrompts = Workload.requests,
    prompt_tokens: arguments.PromptTokens = Workload.prompt_tokens,
    max_new_tokens: arguments.MaxNewTokens = Workload.max_new_tokens,
    repeats: arguments.Repeats = Workload.repeats,
    seed: arguments.Seed = 0,
    max_model_len: arguments.MaxModelLen = None,
    tensor_parallel_size: arguments.TensorParallelSize = Options.tensor_parallel_size,
    kv_cache_memory_bytes: arguments.KvCacheMemoryBytes = None,
    enforce_eager: arguments.EnforceEager = False,
    allow_fallback: arguments.AllowFallback = False,
    trust_remote_code: arguments.TrustRemoteCode = False,
    output_dir: arguments.OutputDir = Path(),
    results_dir: arguments.ResultsDir = benchmark.RESULTS,
    json_: arguments.Json = False,
) -> None:
    """Compress a model with every scheme, serve each checkpoint, measure and compare."""
    from core import records, session
    from reporting import performance

    settings = Settings(
        num_calibration_samples=num_calibration_samples, max_sequence_length=max_sequence_length,
        calibration=calibration, seed=seed, trust_remote_code=trust_remote_code,
    )  # fmt: skip
    options = Options(
        dtype=dtype, max_model_len=max_model_len, tensor_parallel_size=tensor_parallel_size,
        enforce_eager=enforce_eager, kv_cache_memory_bytes=kv_cache_memory_bytes,
        trust_remote_code=trust_remote_code,
    )  # fmt: skip
    workload = Workload(
        requests=num_prompts, prompt_tokens=prompt_tokens, max_new_tokens=max_new_tokens,
        repeats=repeats, seed=seed,
    )  # fmt: skip
    chosen = choose(schemes)
    wanted = benchmark.jobs(workload, benchmark.parse_batch_sizes(batch_sizes))
    session.check_dtype(dtype, engine)
    plugins.find("engines", engine)
    benchmark.check_lengths(model_id, options, workload)
    check(model_id, chosen, settings, output_dir)
    run_id = records.new_run_id()
    with performance.progress(model_id) as step:
        start_server(engine)
        failures = compress_missing(model_id, chosen, settings, output_dir, run_id, step)
        lost = {failure.scheme for failure in failures}
        there = [scheme for scheme in chosen if scheme not in lost]
        made = measure_all(
            model_id, there, engine, options, wanted, output_dir, results_dir, run_id,
            allow_fallback, step,
        )  # fmt: skip
    performance.show(made, results_dir, json_, {f.scheme: f.reason for f in failures})
    if failures or any(record.status == "failed" for record in made):
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
