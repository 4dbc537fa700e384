"""What scoring costs: `score.py` for all checkpoints against one `lm_eval` command for each.

    python scripts/bench_score.py --limit 250

Both score the demo model and its six classic schemes, those that this machine can serve, on the
demo's four tasks. Ours also takes perplexity and divergence, and loads each checkpoint once. Prints
a line per command and the ratio of the wall times.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
LENGTH = 1024


def timed(what: str, line: list[str], folder: Path, **environment: str) -> float:
    """Wall seconds of a command, which must end well."""
    started = time.monotonic()
    done = subprocess.run(
        line, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
    )
    seconds = time.monotonic() - started
    print(f"{what:40} {seconds:7.1f} s", flush=True)
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    return seconds


def theirs(model: str, limit: int, folder: Path) -> float:
    """One `lm_eval --model vllm` command for the four tasks."""
    arguments = f"pretrained={model},add_bos_token=True,enforce_eager=True,max_model_len={LENGTH}"
    line = [
        sys.executable,
        "-m",
        "lm_eval",
        "run",
        "--model",
        "vllm",
        "--model_args",
        arguments,
        "--tasks",
        "demo_gsm8k,demo_hellaswag,demo_piqa,demo_arc_easy",
        "--limit",
        str(limit),
        "--batch_size",
        "auto",
        "--include_path",
        str(ROOT / "demo" / "tasks"),
        "--output_path",
        str(folder / "theirs"),
        "--log_samples",
    ]
    return timed(f"lm_eval {Path(model).name}", line, folder, VLLM_CPU_KVCACHE_SPACE="1")


def main(
    limit: Annotated[int, typer.Option(help="documents of each task")] = 250,
    theirs_too: Annotated[bool, typer.Option(help="run lm_eval as well")] = True,
) -> None:
    """Compare the two ways."""
    from checkpoints import models
    from compressing.missing import CLASSIC
    from core import plugins
    from core.machine import probe

    here = probe()
    served = [
        name
        for name in CLASSIC
        if plugins.load("schemes", name).verdict(here.compute_capability, here.cpu_flags).kind
        == "native"
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in served:
            line = [
                sys.executable,
                str(ROOT / "compress.py"),
                "--compression_type",
                name,
                "--model_id",
                "demo",
                "--num_calibration_samples",
                "64",
                "--max_sequence_length",
                "256",
            ]
            timed(f"(compressing {name})", line, folder)
        paths = [str(models.DEMO_PATH), *(str(folder / f"demo-{name}") for name in served)]
        model_options = [text for path in ["demo", *paths[1:]] for text in ("--model", path)]
        line = [
            sys.executable,
            str(ROOT / "score.py"),
            *model_options,
            "--limit",
            str(limit),
            "--enforce_eager",
            "--max_model_len",
            str(LENGTH),
        ]
        seconds = timed(f"score.py, {len(paths)} checkpoints, all of it", line, folder)
        if theirs_too:
            total = sum(theirs(path, limit, folder) for path in paths)
            print(f"{seconds / total:.2f} of lm_eval's {total:.0f} s for {len(paths)} checkpoints")


if __name__ == "__main__":
    typer.run(main)
