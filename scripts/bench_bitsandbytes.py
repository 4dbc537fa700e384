"""bitsandbytes' three formats in our engine and in a bare script: texts, memory and speed.

    python scripts/bench_bitsandbytes.py --rounds 9

The bare script loads the base with transformers' `BitsAndBytesConfig` and loops around
`model.generate`; the engine loads the checkpoint that compress.py makes of it. Each lives in a
process of its own, and they answer the same prompts greedily, one at a time, in turns whose order
changes from round to round. Prints how many answers are the same, bytes of weights with their
scales and tables, the peak of each process, and the medians of seconds with that of the ratios
within a round and its 95 % interval (bootstrapped): by the clock, and of the processor's time, that
others on the machine spoil less (`OMP_NUM_THREADS=1` counts no waiting threads).
"""

import json
import multiprocessing
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any

import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
FORMATS: dict[str, dict[str, Any]] = {
    "BNB-NF4": {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": "bfloat16",
    },
    "BNB-FP4": {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "fp4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": "bfloat16",
    },
    "BNB-INT8": {"load_in_8bit": True},
}
Answer = Callable[[list[str], int], list[str]]


def bare(scheme: str, base: Path, checkpoint: Path) -> tuple[Any, Answer]:
    """The model and what answers, as a script of twenty lines has them; warnings switched off."""
    import logging

    import torch
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        BitsAndBytesConfig,
        GenerationConfig,
    )

    config = BitsAndBytesConfig(**FORMATS[scheme])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype="auto", quantization_config=config, device_map={"": device}
    )
    tokenizer = AutoTokenizer.from_pretrained(base)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    model.generation_config = GenerationConfig(pad_token_id=tokenizer.eos_token_id)

    def answer(prompts: list[str], new: int) -> list[str]:
        texts = []
        for prompt in prompts:
            chat = [{"role": "user", "content": prompt}]
            inputs = tokenizer.apply_chat_template(
                chat, add_generation_prompt=True, return_dict=True, return_tensors="pt"
            ).to(device)
            with torch.inference_mode():
                ids = model.generate(**inputs, max_new_tokens=new, do_sample=False)
            written = ids[0, inputs["input_ids"].shape[1] :]
            texts.append(tokenizer.decode(written, skip_special_tokens=True))
        return texts

    return model, answer


def ours(scheme: str, base: Path, checkpoint: Path) -> tuple[Any, Answer]:
    """The engine's model, and the engine as measures call it."""
    from core.engine import Options, Sampling
    from engines.transformers import TransformersEngine

    engine = TransformersEngine(checkpoint, Options()).__enter__()

    def answer(prompts: list[str], new: int) -> list[str]:
        sampling, texts = Sampling(max_new_tokens=new), []
        for prompt in prompts:
            (done,) = engine.generate([engine.encode_chat(prompt)], sampling)
            texts.append(engine.decode(done.token_ids))
        return texts

    return engine.model, answer


WAYS = {"engine": ours, "bare": bare}


def work(way: str, scheme: str, base: Path, checkpoint: Path, asked: Connection) -> None:
    """A process of one of `WAYS`: texts, seconds and bytes for prompts, until told None."""
    from engines._storage import weights_bytes
    from engines._transformers_bitsandbytes import tensors

    model, answer = WAYS[way](scheme, base, checkpoint)
    while task := asked.recv():
        begun, used = time.perf_counter(), time.process_time()
        texts = answer(*task)
        taken = time.perf_counter() - begun, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        asked.send((texts, taken, weights_bytes(model, tensors(model)), peak))


def compare(scheme: str, base: Path, folder: Path, task: tuple[list[str], int], rounds: int) -> str:
    """One format: a line of figures."""
    context, draw = multiprocessing.get_context("spawn"), random.Random(0)
    ways: dict[str, Connection] = {}
    for way in WAYS:
        ways[way], theirs = context.Pipe()
        checkpoint = folder / f"{base.name if base != ROOT / 'demo/model' else 'demo'}-{scheme}"
        arguments = (way, scheme, base, checkpoint, theirs)
        context.Process(target=work, args=arguments, daemon=True).start()
    times: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    last: dict[str, Any] = {}
    for number in range(rounds + 1):  # the first warms up
        for way in draw.sample(list(WAYS), len(WAYS)):
            ways[way].send(task)
            last[way] = ways[way].recv()
            times[way] += [last[way][1]] if number else []
    for asked in ways.values():
        asked.send(None)
    same = sum(a == b for a, b in zip(last["engine"][0], last["bare"][0], strict=True))
    speed = [
        _ratio([t[place] for t in times["engine"]], [t[place] for t in times["bare"]])
        for place in (0, 1)
    ]
    weights, peaks = ([last[way][place] for way in ("engine", "bare")] for place in (2, 3))
    return (
        f"{scheme:9} {same} of {len(task[0])} texts the same; weights {weights[0]:,} and "
        f"{weights[1]:,} B ({weights[0] / weights[1]:.4f}); peak {peaks[0] / 2**20:.0f} and "
        f"{peaks[1] / 2**20:.0f} MiB ({peaks[0] / peaks[1]:.3f}); {speed[0]}; of the processor's "
        f"time {speed[1]}"
    )


def _ratio(engine: list[float], bare: list[float]) -> str:
    """Medians of seconds, and of their ratios with its interval."""
    draw, ratios = random.Random(0), [a / b for a, b in zip(engine, bare, strict=True)]
    drawn = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(1000))
    return (
        f"{statistics.median(engine):.3f} and {statistics.median(bare):.3f} s, "
        f"{statistics.median(ratios):.3f} ({drawn[25]:.3f} to {drawn[974]:.3f})"
    )


def main(
    model_id: Annotated[str, typer.Option(help="model folder, or demo")] = "demo",
    prompts: Annotated[int, typer.Option(help="how many")] = 20,
    max_new_tokens: Annotated[int, typer.Option(help="tokens generated for each")] = 32,
    rounds: Annotated[int, typer.Option(help="passes of each")] = 9,
) -> None:
    """Engine and bare script, format by format."""
    from checkpoints import models

    base = models.folder(model_id)
    texts = json.loads((ROOT / "demo" / "data" / "prompts.json").read_text(encoding="utf-8"))
    task = ([text["prompt"] for text in texts[:prompts]], max_new_tokens)
    with tempfile.TemporaryDirectory() as folder:
        for scheme in FORMATS:
            line = ["--compression_type", scheme, "--model_id", model_id, "--output_dir", folder]
            subprocess.run(
                [sys.executable, str(ROOT / "compress.py"), *line], check=True, capture_output=True
            )
            print(compare(scheme, base, Path(folder), task, rounds), flush=True)


if __name__ == "__main__":
    typer.run(main)
