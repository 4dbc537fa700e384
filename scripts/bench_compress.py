"""What compress.py costs over a bare llmcompressor script: wall time and peak memory.

    python scripts/bench_compress.py --rounds 3

Both compress the demo model with INT4-W4A16 from the same calibration text, alternating, each in a
fresh process. Prints one line a run and the ratio of medians.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parent.parent
SAMPLES, LENGTH = 128, 512
BARE = f"""
import json
from transformers import AutoModelForCausalLM, AutoTokenizer
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.gptq import GPTQModifier
MODEL, OUT = "{ROOT}/demo/model", "bare"
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="auto")
tokenizer = AutoTokenizer.from_pretrained(MODEL)
with open("{ROOT}/demo/data/ultrachat_calibration.jsonl") as lines:
    chats = [json.loads(line)["messages"] for line in lines][:{SAMPLES}]
texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
data = Dataset.from_dict({{"text": texts}}).map(
    lambda row: tokenizer(row["text"], max_length={LENGTH}, truncation=True,
                          add_special_tokens=False), remove_columns=["text"])
recipe = GPTQModifier(targets="Linear", scheme="W4A16", ignore=["lm_head"])
oneshot(model=model, dataset=data, recipe=recipe, max_seq_length={LENGTH},
        num_calibration_samples={SAMPLES})
model.save_pretrained(OUT, save_compressed=True)
tokenizer.save_pretrained(OUT)
"""
OURS = [
    str(ROOT / "compress.py"),
    "--compression_type",
    "INT4-W4A16",
    "--model_id",
    "demo",
    "--num_calibration_samples",
    str(SAMPLES),
    "--max_sequence_length",
    str(LENGTH),
]


def measure(arguments: list[str]) -> tuple[float, float]:
    """Wall seconds and peak MiB of one Python process, run in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        watch = (
            "import json, resource, subprocess, sys, time\n"
            "t = time.perf_counter()\n"
            "subprocess.run([sys.executable, *sys.argv[1:]], check=True, capture_output=True)\n"
            "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024\n"
            "print(json.dumps([time.perf_counter() - t, peak]))"
        )
        line = [sys.executable, "-c", watch, *arguments]
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True)
    seconds, peak = json.loads(done.stdout)
    return float(seconds), float(peak)


def main(rounds: Annotated[int, typer.Option(help="runs of each")] = 3) -> None:
    """Time compress.py and a bare oneshot script side by side."""
    runs: dict[str, list[tuple[float, float]]] = {"bare": [], "compress.py": []}
    for _ in range(rounds):
        for name, arguments in (("bare", ["-c", BARE]), ("compress.py", OURS)):
            runs[name].append(measure(arguments))
            seconds, peak = runs[name][-1]
            print(f"{name:12} {seconds:6.1f} s  {peak:7.0f} MiB", flush=True)
    for column, unit in ((0, "wall time"), (1, "peak memory")):
        bare, ours = (statistics.median(r[column] for r in runs[n]) for n in runs)
        print(f"{unit}: compress.py / bare = {ours / bare:.3f}")


if __name__ == "__main__":
    typer.run(main)
