"""The main job: compress a model with every scheme, serve each checkpoint, measure, compare.

    python pipeline.py --model_id demo --schemes all
    python pipeline.py --model_id llama3_8b --schemes INT4-W4A16,FP8-W8A8

What is compressed already is reused. Each checkpoint is loaded once (once a round with `--rounds`).
A scheme that fails is a row with its reason and the rest go on; the exit code is 1 then.
"""

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import benchmark
import score
from checkpoints import checkpoint, models
from compress import Settings
from compressing import reuse
from core import arguments, cli, plugins
from core.engine import Options
from core.errors import UserError
from core.measure import Workload
from quality.questions import Questions, Tasks, jobs

if TYPE_CHECKING:
    from core.records import Record
    from running.child import Emit
    from running.session import Job

SEED_SCHEMES = (
    "FP8-W8A8", "INT8-W8A16", "INT8-W8A8", "INT8-W8A16-RTN", "INT4-W4A16", "INT4-W4A16-AWQ",
)  # fmt: skip
GROUPS = {
    "all": lambda: list(SEED_SCHEMES),
    "every": lambda: [plugins.shown("schemes", stem) for stem in plugins.names("schemes")],
}
COMPRESSION_TIMEOUT_S = 24 * 3600.0
COMPRESSION_LIBRARIES = ("transformers", "llmcompressor", "datasets")


def choose(text: str) -> list[str]:
    """Scheme names from `all` (the base and the six classic ones), `every`, or a comma list.

    Raises `UserError` for a name that does not exist. The base always comes first.
    """
    if text in GROUPS:
        wanted = GROUPS[text]()
    else:
        parts = [part for part in text.split(",") if part.strip()]
        wanted = [plugins.shown("schemes", plugins.find("schemes", part)) for part in parts]
    return ["BASE", *dict.fromkeys(name for name in wanted if name != "BASE")]


def check(
    model_id: str, schemes: list[str], settings: Settings, output_dir: Path, named: bool
) -> dict[str, str]:
    """Say what is known to fail before the first scheme starts.

    Raises `UserError` for a scheme that was asked for by name (`named`) and cannot be made; of
    `all` such schemes are returned with the reason and the others go on.
    """
    import compress

    checkpoint.read(models.folder(model_id))
    lost, predicted = {}, 0
    missing = reuse.missing(model_id, schemes, output_dir)
    for scheme in schemes:
        if scheme not in missing:
            if scheme != "BASE":
                _reused(model_id, scheme, settings, output_dir)
            continue
        try:
            predicted += compress.plan(scheme, model_id, settings, output_dir).predicted_bytes
        except UserError as problem:
            if named:
                raise
            lost[scheme] = str(problem)
    free = shutil.disk_usage(output_dir).free if output_dir.is_dir() else predicted
    if predicted > free:
        need, have = predicted / 2**30, free / 2**30
        raise UserError(f"the checkpoints will take {need:.1f} GiB, {have:.1f} GiB are free")
    return lost


def _reused(model_id: str, scheme: str, settings: Settings, output_dir: Path) -> None:
    """Check a checkpoint that is there. Other settings are only told: making it takes hours."""
    other = reuse.made_otherwise(model_id, scheme, asdict(settings), output_dir)
    if not plugins.load("schemes", scheme).calibration:  # neither text nor chance are in it
        other = [key for key in other if key == "ignore"]
    if other:
        path = models.checkpoint_path(model_id, scheme, output_dir)
        cli.say(f"{path}: reused, though made with another {', '.join(other)}", "yellow")


def compress_missing(
    model_id: str,
    schemes: list[str],
    settings: Settings,
    output_dir: Path,
    run_id: str,
    progress: Callable[[str], None],
) -> dict[str, str]:
    """Compress what is not there yet, each in a clean child; returns why those that failed did."""
    from running import child, measuring

    lost = {}
    for scheme in reuse.missing(model_id, schemes, output_dir):
        progress(f"{scheme}: compressing")

        def on_event(event: Any, scheme: str = scheme) -> None:
            progress(f"{scheme}: {event}")

        log = measuring.LOGS / f"compress-{models.model_name(model_id)}-{scheme}-{run_id}.log"
        arguments = (scheme, model_id, settings, output_dir)
        reason = child.run(_compress, arguments, log, COMPRESSION_TIMEOUT_S, on_event)
        if reason:
            lost[scheme] = f"{reason} (log: {log})"
    return lost


def _compress(
    emit: "Emit", scheme: str, model_id: str, settings: Settings, output_dir: Path
) -> None:
    """The child's side of one compression."""
    import compress

    def progress(step: str, done: int, total: int) -> None:
        emit(f"{step}, {done / total:.0%}")

    compress.compress(scheme, model_id, settings, output_dir, False, progress)


def run(
    model_id: str,
    schemes: list[str],
    settings: Settings,
    engine: str,
    options: Options,
    wanted: "list[Job]",
    asked: Questions,
    output_dir: Path,
    results: dict[str, Path],
    allow_fallback: bool,
    lost: dict[str, str],
    rounds: int,
    progress: Callable[[str], None],
) -> "list[Record]":
    """Compress what is missing, then measure everything; returns the records, all saved.

    `lost` are schemes known to be impossible, with the reason; they and those whose compression
    fails leave failed records.
    """
    from core import records
    from running import measuring, session

    run_id = records.new_run_id()
    left = [scheme for scheme in schemes if scheme not in lost]
    libraries = COMPRESSION_LIBRARIES if reuse.missing(model_id, left, output_dir) else ()
    everything = [*wanted, *jobs(asked, "", engine, options, True)]
    session.prepare(engine, everything, measuring.LOGS, libraries)
    lost = lost | compress_missing(model_id, left, settings, output_dir, run_id, progress)
    given_up = [
        record
        for scheme, reason in lost.items()
        for record in measuring.give_up(
            models.model_name(model_id),
            scheme,
            models.checkpoint_path(model_id, scheme, output_dir),
            engine,
            options,
            wanted,
            results,
            run_id,
            f"not compressed: {reason}",
        )
    ]
    made = measuring.measure_all(
        model_id,
        [scheme for scheme in left if scheme not in lost],
        engine,
        options,
        wanted,
        asked,
        output_dir,
        results,
        run_id,
        allow_fallback,
        rounds,
        progress,
    )
    return made + given_up


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
    rounds: arguments.Rounds = 1,
    seed: arguments.Seed = 0,
    max_model_len: arguments.MaxModelLen = None,
    tensor_parallel_size: arguments.TensorParallelSize = Options.tensor_parallel_size,
    gpu_memory_utilization: arguments.GpuMemoryUtilization = Options.gpu_memory_utilization,
    kv_cache_memory_bytes: arguments.KvCacheMemoryBytes = None,
    enforce_eager: arguments.EnforceEager = False,
    allow_fallback: arguments.AllowFallback = False,
    trust_remote_code: arguments.TrustRemoteCode = False,
    tasks: arguments.TaskNames = None,
    num_fewshot: arguments.NumFewshot = None,
    limit: arguments.Limit = 250,
    apply_chat_template: arguments.ApplyChatTemplate = False,
    include_path: arguments.IncludePath = None,
    data_dir: arguments.DataDir = Path(Tasks.data_dir),
    text: arguments.TextSource = None,
    perplexity_tokens: arguments.PerplexityTokens = 0,
    divergence_tokens: arguments.DivergenceTokens = score.DIVERGENCE_TOKENS,
    prompts_file: arguments.PromptsFile = None,
    margin: arguments.Margin = "1",
    output_dir: arguments.OutputDir = Path(),
    results_dir: arguments.ResultsDir = benchmark.RESULTS,
    eval_results_dir: arguments.EvalResultsDir = score.RESULTS,
    json_: arguments.Json = False,
) -> None:
    """Compress a model with every scheme, serve each checkpoint, measure and compare."""
    from quality.comparison import parse_margins
    from reporting.console import outcome, performance

    settings = Settings(
        num_calibration_samples=num_calibration_samples,
        max_sequence_length=max_sequence_length,
        calibration=calibration,
        seed=seed,
        trust_remote_code=trust_remote_code,
    )
    options = Options(
        dtype=dtype,
        max_model_len=max_model_len,
        tensor_parallel_size=tensor_parallel_size,
        enforce_eager=enforce_eager,
        gpu_memory_utilization=gpu_memory_utilization,
        kv_cache_memory_bytes=kv_cache_memory_bytes,
        trust_remote_code=trust_remote_code,
    )
    workload = Workload(
        requests=num_prompts,
        prompt_tokens=prompt_tokens,
        max_new_tokens=max_new_tokens,
        repeats=repeats,
        seed=seed,
    )
    chosen, sizes = choose(schemes), benchmark.parse_batch_sizes(batch_sizes)
    options = replace(options, max_num_seqs=max(options.max_num_seqs, *sizes))
    benchmark.check(model_id, engine, options, workload)
    parse_margins(margin)
    lost = check(model_id, chosen, settings, output_dir, schemes not in GROUPS)
    asked = score.ask(
        models.folder(model_id),
        options,
        tasks=tasks,
        num_fewshot=num_fewshot,
        limit=limit,
        apply_chat_template=apply_chat_template,
        include_path=include_path,
        data_dir=data_dir,
        text=text,
        perplexity_tokens=perplexity_tokens,
        divergence_tokens=divergence_tokens,
        prompts_file=prompts_file,
    )
    wanted = benchmark.jobs(workload, sizes)
    results = {"performance": results_dir, "quality": eval_results_dir}
    with performance.progress(model_id) as step:
        made = run(
            model_id,
            chosen,
            settings,
            engine,
            options,
            wanted,
            asked,
            output_dir,
            results,
            allow_fallback,
            lost,
            rounds,
            step,
        )
    outcome.show(made, models.model_name(model_id), list(results.values()), margin, json_)
    if any(record.status == "failed" for record in made):
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
