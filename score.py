"""Score the quality of checkpoints against their base: lm-eval tasks, perplexity, divergence.

    python score.py --model llama3_8b-INT4-W4A16 --base llama3_8b
    python score.py --model demo --model demo-INT4-W4A16 --tasks demo --limit 100

Each checkpoint is loaded once for everything. The base is scored first where its records are not
there yet. Each measure leaves a record in eval_results/, beside lm-eval's own files.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from checkpoints import checkpoint, models
from core import arguments, cli
from core.engine import Options
from core.errors import UserError
from quality.questions import (
    DEFAULT_TASKS,
    DEMO_TASKS,
    Prompts,
    Questions,
    Tasks,
    Text,
    digest,
    jobs,
    read_pairs,
    window,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.records import Record
    from quality.comparison import Scored
    from running.session import Job

RESULTS = Path("eval_results")
DIVERGENCE_TOKENS = 16384
DIVERGENCE_WINDOW = 512


def ask(
    base: Path,
    options: Options,
    *,
    tasks: str | None,
    num_fewshot: int | None,
    limit: int,
    apply_chat_template: bool,
    include_path: Path | None,
    data_dir: Path,
    text: str | None,
    perplexity_tokens: int,
    divergence_tokens: int,
    prompts_file: Path | None,
    add_bos_token: bool = True,
    log_samples: bool = True,
    window_tokens: int | None = None,
    stride: int | None = None,
    metrics: tuple[Path, ...] = (),
    max_new_tokens: int = Prompts.max_new_tokens,
    confirm_run_unsafe_code: bool = False,
) -> Questions:
    """What to ask a base and its checkpoints, everything named being there.

    Raises `UserError` for a task that does not exist or whose data is not there, a text, prompts or
    a metric that cannot be read, and windows that do not fit.
    """
    from core import texts
    from measures import references
    from quality import tasks as lm_eval_tasks

    if models.random_mark(base) and (tasks, text, prompts_file) != ("none", "none", None):
        raise UserError(
            f"{base.name}: {models.NO_QUALITY}; --tasks none --text none measures speed"
        )
    if apply_chat_template and not models.has_chat_template(base):
        raise UserError(f"--apply_chat_template: {base.name} has no chat template")
    demo = base.resolve() == models.DEMO_PATH
    names: tuple[str, ...] = DEMO_TASKS if demo else DEFAULT_TASKS
    if tasks not in (None, "none"):
        names = lm_eval_tasks.expand(str(tasks))
    asked = Tasks(
        names=names,
        num_fewshot=num_fewshot,
        limit=limit or None,
        add_bos_token=add_bos_token,
        apply_chat_template=apply_chat_template,
        log_samples=log_samples,
        include_path=str(include_path) if include_path else None,
        data_dir=str(data_dir),
        confirm_run_unsafe_code=confirm_run_unsafe_code,
    )
    longest = options.max_model_len or checkpoint.read(base).context_length
    length = window(window_tokens, longest)
    if stride is not None and not 1 <= stride < length:
        raise UserError(f"--stride {stride} is not between 1 and the window of {length} tokens")
    source = text or ("demo" if demo else "wikitext")
    text_digest = digest(texts.text(source, data_dir).encode()) if source != "none" else ""
    whole = Text(
        source=source,
        digest=text_digest,
        window=length,
        stride=stride or length - 1,
        tokens=perplexity_tokens or None,
        add_bos_token=add_bos_token,
        data_dir=str(data_dir),
    )
    short = min(DIVERGENCE_WINDOW, length)
    part = replace(whole, window=short, stride=short - 1, tokens=divergence_tokens)
    pairs = read_pairs(prompts_file) if prompts_file else ()
    references.check_metrics(metrics, bool(pairs))
    if tasks != "none":
        lm_eval_tasks.build(asked)
    return Questions(
        tasks=asked if tasks != "none" else None,
        text=whole if source != "none" else None,
        divergence=part if source != "none" and divergence_tokens else None,
        prompts=Prompts(
            pairs=pairs,
            max_new_tokens=max_new_tokens,
            metrics=tuple(map(str, metrics)),
            metric_digests=tuple(digest(path.read_bytes()) for path in metrics),
        )
        if pairs
        else None,
    )


def score(
    pairs: list[models.Pair],
    asked: Questions,
    engine: str,
    options: Options,
    results: Path,
    allow_fallback: bool,
    progress: "Callable[[str], None]",
) -> "list[Scored]":
    """Score checkpoints, each on one load, its base before it; the base is in the result too.

    A base that was not asked for itself keeps the records it has, where settings are the same.
    """
    from core import records
    from quality.comparison import Scored
    from running import measuring

    run_id = records.new_run_id()
    folders = {"performance": results, "quality": results}
    bases: dict[Path, list[Record]] = {}
    found = []
    for each in sorted(pairs, key=lambda each: each.mine.path != each.base.path):
        fingerprint = checkpoint.read(each.base.path).fingerprint

        def measure(identity: models.Identity, wanted: "list[Job]") -> "list[Record]":
            def step(name: str) -> None:
                progress(f"{identity.model}-{identity.scheme}: {name}")

            return measuring.measure(
                identity, engine, options, wanted, folders, run_id, allow_fallback, step
            )

        if each.base.path not in bases:
            wanted = jobs(asked, fingerprint, engine, options, True)
            kept = (
                {}
                if each.mine.path == each.base.path
                else measuring.earlier(each.base, engine, options, wanted, results)
            )
            left = [job for job in wanted if job not in kept]
            base = [*kept.values(), *(measure(each.base, left) if left else [])]
            bases[each.base.path] = base
            found.append(Scored(base=base, mine=base))
        if each.mine.path != each.base.path:
            mine = measure(each.mine, jobs(asked, fingerprint, engine, options, False))
            found.append(Scored(base=bases[each.base.path], mine=mine))
    return found


def check(options: Options, engine: str, pairs: list[models.Pair]) -> None:
    """Raise `UserError` for what the engine would refuse only after minutes."""
    from running import session

    session.check_dtype(options.dtype, engine)
    bases = {each.base.path for each in pairs}
    if len({checkpoint.read(path).context_length for path in bases}) > 1:
        raise UserError("the bases of these checkpoints differ in context length: score them apart")


def main(
    model: Annotated[
        list[str], typer.Option("--model", help="checkpoint folder or `demo`; may be repeated")
    ],
    base: Annotated[
        str | None, typer.Option("--base", help="their base; by default what they were made from")
    ] = None,
    tasks: arguments.TaskNames = None,
    num_fewshot: arguments.NumFewshot = None,
    limit: arguments.Limit = 250,
    add_bos_token: Annotated[
        bool, typer.Option("--add_bos_token/--no_add_bos_token", help="begin every text with BOS")
    ] = True,
    apply_chat_template: arguments.ApplyChatTemplate = False,
    log_samples: Annotated[
        bool, typer.Option("--log_samples/--no_log_samples", help="leave every prompt and answer")
    ] = True,
    include_path: arguments.IncludePath = None,
    data_dir: arguments.DataDir = Path(Tasks.data_dir),
    confirm_run_unsafe_code: Annotated[
        bool, typer.Option("--confirm_run_unsafe_code", help="let tasks run what the model wrote")
    ] = False,
    text: arguments.TextSource = None,
    window_tokens: Annotated[
        int | None, typer.Option("--window", help="tokens of a window; by default up to 2048")
    ] = None,
    stride: Annotated[
        int | None, typer.Option("--stride", help="tokens between windows; by default no overlap")
    ] = None,
    perplexity_tokens: arguments.PerplexityTokens = 0,
    divergence_tokens: arguments.DivergenceTokens = DIVERGENCE_TOKENS,
    prompts_file: arguments.PromptsFile = None,
    metric: Annotated[
        list[Path] | None,
        typer.Option("--metric", help="a Python file with score(generated, reference)"),
    ] = None,
    max_new_tokens: arguments.MaxNewTokens = Prompts.max_new_tokens,
    margin: arguments.Margin = "1",
    engine: arguments.EngineName = "vllm",
    dtype: arguments.Dtype = Options.dtype,
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
    """Score the quality of checkpoints against their base."""
    from quality.comparison import parse_margins
    from reporting.console import performance, quality

    options = Options(
        dtype=dtype,
        max_model_len=max_model_len,
        tensor_parallel_size=tensor_parallel_size,
        gpu_memory_utilization=gpu_memory_utilization,
        enforce_eager=enforce_eager,
        kv_cache_memory_bytes=kv_cache_memory_bytes,
        trust_remote_code=trust_remote_code,
    )
    margins = parse_margins(margin)
    pairs = [models.pair(name, base) for name in dict.fromkeys(model)]
    check(options, engine, pairs)
    asked = ask(
        pairs[0].base.path,
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
        add_bos_token=add_bos_token,
        log_samples=log_samples,
        window_tokens=window_tokens,
        stride=stride,
        metrics=tuple(metric or ()),
        max_new_tokens=max_new_tokens,
        confirm_run_unsafe_code=confirm_run_unsafe_code,
    )
    if not jobs(asked, "", engine, options, True):
        raise UserError("nothing is asked: --tasks none, --text none and no --prompts_file")
    with performance.progress("scoring") as step:
        scored = score(pairs, asked, engine, options, results_dir, allow_fallback, step)
    compared = quality.show(scored, margins, results_dir, json_)
    failed = any(record.status == "failed" for each in scored for record in each.mine)
    if failed or (asked.tasks and any(found.unpaired for found in compared)):
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
