"""What the engine of transformers costs, and which of the ways transformers answers in is faster.

    python scripts/bench_transformers.py --rounds 9

Three answer the same prompts of mixed lengths, each in a process of its own, in turns whose order
changes from round to round: the engine; a bare loop around `model.generate` (one padded batch);
`generate_batch`, transformers' continuous batching, without shared blocks and with a manager that
lives on. In one process the threads of continuous batching would slow the others. Prints the
medians of their seconds, what the middle half of them spans, and the medians of the ratios within a
round, with their 95 % intervals (bootstrapped); then the same of processor seconds, which say more
where others use the machine, with `--threads 1`: several threads wait for each other by spinning.
"""

import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from engines.transformers import TransformersEngine

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
Prompts = list[list[int]]
Times = tuple[float, float]  # seconds of the clock and of processors that one pass took


def bare(engine: "TransformersEngine", prompts: Prompts, new: int) -> None:
    """One padded batch, as a script of twenty lines answers it."""
    import torch
    from transformers import GenerationConfig

    batch = engine.tokenizer.pad({"input_ids": prompts}, return_tensors="pt")
    config = GenerationConfig(max_new_tokens=new, do_sample=False, pad_token_id=3)
    with torch.inference_mode():
        engine.model.generate(**batch.to(engine.model.device), generation_config=config).tolist()


def continuous(engine: "TransformersEngine", prompts: Prompts, new: int) -> None:
    """transformers' own scheduler, over a cache in blocks."""
    from transformers import ContinuousBatchingConfig, GenerationConfig

    answers = engine.model.generate_batch(
        prompts,
        GenerationConfig(max_new_tokens=new, do_sample=False, pad_token_id=3, eos_token_id=-1),
        ContinuousBatchingConfig(allow_block_sharing=False, max_memory_percent=0.1),
        persistent_manager=True,
    )
    lengths = {len(answer.generated_tokens) for answer in answers.values()}
    if len(answers) != len(prompts) or lengths != {new}:
        raise RuntimeError(f"{len(answers)} answers of {lengths} tokens")


def ours(engine: "TransformersEngine", prompts: Prompts, new: int) -> None:
    """The engine, as measures call it."""
    from core.engine import Sampling

    engine.generate(prompts, Sampling(max_new_tokens=new))


WAYS: dict[str, Callable[[Any, Prompts, int], None]] = {
    "engine": ours, "bare": bare, "generate_batch": continuous,
}  # fmt: skip


def work(way: str, model: Path, options: dict[str, Any], threads: int, asked: Connection) -> None:
    """A process of one of `WAYS`: answers prompts and says how long it took, until told None."""
    import torch

    from core.engine import Options
    from engines.transformers import TransformersEngine

    if threads:
        torch.set_num_threads(threads)
    with TransformersEngine(model, Options(**options)) as engine:
        while task := asked.recv():
            begun, used = time.perf_counter(), time.process_time()
            WAYS[way](engine, *task)
            asked.send((time.perf_counter() - begun, time.process_time() - used))


def shown(size: int, times: dict[str, list[Times]]) -> None:
    """Two lines for each way at one batch size: seconds of the clock, and of processors."""
    for number, clock in enumerate(("seconds", "processor seconds")):
        bare = [taken[number] for taken in times["bare"]]
        for way, passes in times.items():
            taken = [both[number] for both in passes]
            low, _, high = statistics.quantiles(taken, n=4)
            ratios = [a / b for a, b in zip(taken, bare, strict=True)]
            print(
                f"batch {size:3}  {way:15} {statistics.median(taken):7.3f} {clock} "
                f"(middle half {low:.3f} to {high:.3f})  {statistics.median(ratios):.3f} of bare "
                "({:.3f} to {:.3f})".format(*interval(ratios)),
                flush=True,
            )


def interval(values: list[float]) -> tuple[float, float]:
    """Ends of the median's 95 % interval, bootstrapped."""
    draw = random.Random(0)
    drawn = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(1000))
    return drawn[25], drawn[974]


def main(
    model: Annotated[Path, typer.Option(help="checkpoint folder")] = ROOT / "demo" / "model",
    batches: Annotated[str, typer.Option(help="requests at once")] = "1,8,32",
    longest: Annotated[int, typer.Option(help="tokens of the longest prompt")] = 256,
    max_new_tokens: Annotated[int, typer.Option(help="tokens generated for each")] = 64,
    rounds: Annotated[int, typer.Option(help="passes of each")] = 15,
    dtype: Annotated[str, typer.Option(help="auto, bfloat16, float16 or float32")] = "auto",
    ways: Annotated[str, typer.Option(help="what is timed, `bare` among it")] = ",".join(WAYS),
    threads: Annotated[int, typer.Option(help="of each process; 0: as many as torch takes")] = 0,
) -> None:
    """The engine, a bare loop and continuous batching, side by side."""
    draw, context = random.Random(0), multiprocessing.get_context("spawn")
    asked: dict[str, Connection] = {}
    for way in ways.split(","):
        asked[way], theirs = context.Pipe()
        task = (way, model, {"dtype": dtype}, threads, theirs)
        context.Process(target=work, args=task, daemon=True).start()
    for size in map(int, batches.split(",")):
        lengths = [draw.randint(longest // 8, longest) for _ in range(size)]
        prompts = [draw.choices(range(8, 1000), k=length) for length in lengths]
        times: dict[str, list[Times]] = {way: [] for way in asked}
        for number in range(rounds + 1):
            for way in draw.sample(list(asked), len(asked)):
                asked[way].send((prompts, max_new_tokens))
                times[way].append(asked[way].recv())
            if not number:  # the warm-up
                times = {way: [] for way in asked}
        shown(size, times)
    for way in asked:
        asked[way].send(None)


if __name__ == "__main__":
    typer.run(main)
