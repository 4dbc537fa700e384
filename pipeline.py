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
from core import checkpoint, cli, models, plugins
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
        made += benchmark.measure(
            subject, engine, options, wanted, results, run_id, allow_fallback,
            lambda step, scheme=scheme: progress(f"{scheme}: {step}"),
        )  # fmt: skip
    return made


def main(
    model_id: Annotated[str, typer.Option("--model_id", help="model folder, or `demo` for the built-in model")] = "llama3_8b",
    schemes: Annotated[str, typer.Option("--schemes", help="all (base and the six classic schemes), every, or names with commas")] = "all",
    engine: Annotated[str, typer.Option("--engine", help="what serves the checkpoints: vllm or fake")] = "vllm",
    num_calibration_samples: Annotated[int, typer.Option("--num_calibration_samples", min=1, help="documents to calibrate on")] = Settings.num_calibration_samples,
    max_sequence_length: Annotated[int, typer.Option("--max_sequence_length", min=1, help="tokens kept of each document")] = Settings.max_sequence_length,
    calibration: Annotated[str | None, typer.Option("--calibration", help="ultrachat, demo or FILE.jsonl")] = Settings.calibration,
    dtype: Annotated[str, typer.Option("--dtype", help="activations: auto, bfloat16, float16, float32")] = Options.dtype,
    batch_sizes: Annotated[str, typer.Option("--batch_sizes", help="requests sent together, like 1,8,32")] = str(Workload.batch_size),
    num_prompts: Annotated[int, typer.Option("--num_prompts", min=1, help="requests sent one at a time")] = Workload.requests,
    prompt_tokens: Annotated[int, typer.Option("--prompt_tokens", min=1, help="tokens of each prompt")] = Workload.prompt_tokens,
    max_new_tokens: Annotated[int, typer.Option("--max_new_tokens", min=1, help="tokens generated for each")] = Workload.max_new_tokens,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="timed repeats")] = Workload.repeats,
    seed: Annotated[int, typer.Option("--seed", help="chooses calibration text and prompts")] = 0,
    max_model_len: Annotated[int | None, typer.Option("--max_model_len", help="longest request in tokens")] = None,
    tensor_parallel_size: Annotated[int, typer.Option("--tensor_parallel_size", min=1, help="GPUs to split the model over")] = Options.tensor_parallel_size,
    enforce_eager: Annotated[bool, typer.Option("--enforce_eager", help="no torch.compile, no CUDA graphs: loads faster, answers slower")] = False,
    allow_fallback: Annotated[bool, typer.Option("--allow_fallback", help="measure schemes this GPU runs only weight-only")] = False,
    trust_remote_code: Annotated[bool, typer.Option("--trust_remote_code", help="run Python code shipped with the model")] = False,
    output_dir: Annotated[Path, typer.Option("--output_dir", help="folder in which checkpoints are made")] = Path(),
    results_dir: Annotated[Path, typer.Option("--results_dir", help="where records go")] = benchmark.RESULTS,
    json_: Annotated[bool, typer.Option("--json", help="print the records as one JSON document")] = False,
) -> None:  # fmt: skip
    """Compress a model with every scheme, serve each checkpoint, measure and compare."""
    from core import records, session
    from reporting import performance

    settings = Settings(
        num_calibration_samples=num_calibration_samples, max_sequence_length=max_sequence_length,
        calibration=calibration, seed=seed, trust_remote_code=trust_remote_code,
    )  # fmt: skip
    options = Options(
        dtype=dtype, max_model_len=max_model_len, tensor_parallel_size=tensor_parallel_size,
        enforce_eager=enforce_eager, trust_remote_code=trust_remote_code,
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
