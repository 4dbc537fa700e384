"""What this card can do at most: measured copy bandwidth and matrix rates.

    python scripts/roofline.py --output roofline.json

A copy of a large tensor counts bytes read and written; a product of two square matrices counts
2 n^3 operations, on random data (zeros run faster). Medians of ten calls, on a GPU by its own
clock (CUDA events), so that starting a kernel from Python is not in them. FP8 adds up fast, as the
engine's kernels do. Decoding is bound by the first, prefill by the second: `scripts/gpu_table.py`
compares records with them.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to find ``core`` when run by path

from core import cli
from core.errors import UserError
from running import child

SIZES = {"cuda": (4 << 30, 8192), "cpu": (256 << 20, 1024)}  # bytes copied, side of the matrices
WARM_UP, TIMES = 3, 10


def main(
    output: Annotated[Path | None, typer.Option("--output", help="JSON file to write")] = None,
    device: Annotated[
        str, typer.Option("--device", help="cuda or cpu; by default what is here")
    ] = "",
) -> None:
    """Measure copy bandwidth and matrix rates of this machine."""
    import torch

    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if chosen not in SIZES or (chosen == "cuda" and not torch.cuda.is_available()):
        raise UserError(f"--device {chosen!r}: this machine has no such device")
    rates = probe(torch, chosen)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(rates, indent=1) + "\n", encoding="utf-8")
    cli.print_json(rates)


def probe(torch: Any, device: str) -> dict[str, Any]:
    """`copy_bytes_per_s` and `matrix_flops_per_s` by number format; what does not run is absent."""
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    nbytes, side = SIZES[device]
    rates = {}
    for kind, product in products(torch, device, side).items():
        try:
            rates[kind] = 2 * side**3 / timed(torch, device, product)
        except (RuntimeError, NotImplementedError, AttributeError) as problem:
            cli.say(f"{kind}: not on this device ({child.sentence(problem)})", "dim")
    return {
        "device": name,
        "torch": torch.__version__,
        "copy_bytes": nbytes,
        "copy_bytes_per_s": 2 * nbytes / timed(torch, device, copier(torch, device, nbytes)),
        "matrix_side": side,
        "matrix_flops_per_s": rates,
    }


def copier(torch: Any, device: str, nbytes: int) -> Callable[[], Any]:
    """A copy of `nbytes` random bytes from one place of the device's memory to another."""
    source = torch.randint(0, 255, (nbytes,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def products(torch: Any, device: str, side: int) -> dict[str, Callable[[], Any]]:
    """A square product per number format, its operands made when it is first called."""
    matrices: dict[str, Any] = {}

    def operands(kind: str) -> Any:
        if kind not in matrices:
            matrices.clear()  # one format's matrices at a time
            a, b = (torch.randn(side, side, device=device) for _ in range(2))
            if kind == "int8":
                matrices[kind] = [(m * 40).clamp(-127, 127).to(torch.int8) for m in (a, b)]
            else:
                dtype = torch.bfloat16 if kind == "bf16" else torch.float8_e4m3fn
                matrices[kind] = [a.to(dtype), b.to(dtype)]
        return matrices[kind]

    def bf16() -> Any:
        a, b = operands("bf16")
        return a @ b

    def int8() -> Any:
        a, b = operands("int8")
        return torch._int_mm(a, b.t())

    def fp8() -> Any:
        a, b = operands("fp8")
        return torch._scaled_mm(
            a,
            b.t(),
            scale_a=scale,
            scale_b=scale,
            out_dtype=torch.bfloat16,
            use_fast_accum=device == "cuda",
        )

    scale = torch.ones((), device=device)
    return {"bf16": bf16, "int8": int8, "fp8": fp8}


def timed(torch: Any, device: str, work: Callable[[], Any]) -> float:
    """Median seconds of one call, after warm-up."""
    for _ in range(WARM_UP):
        work()
    clock = _device_clock if device == "cuda" else _wall_clock
    return statistics.median(clock(torch, work))


def _device_clock(torch: Any, work: Callable[[], Any]) -> list[float]:
    """Calls are queued one behind the other, and the device notes when each begins and ends."""
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(TIMES + 1)]
    marks[0].record()
    for mark in marks[1:]:
        work()
        mark.record()
    torch.cuda.synchronize()
    return [a.elapsed_time(b) / 1000 for a, b in pairwise(marks)]


def _wall_clock(torch: Any, work: Callable[[], Any]) -> list[float]:
    marks = [time.perf_counter()]
    for _ in range(TIMES):
        work()
        marks.append(time.perf_counter())
    return [b - a for a, b in pairwise(marks)]


app = cli.application(main)

if __name__ == "__main__":
    app()
