"""What `analyze.py` prints below a checkpoint's overview: a section for each thing asked."""

from collections.abc import Callable
from functools import partial
from statistics import median_high
from typing import Any

from core import cli
from core.words import size
from inspection.data import EngineRun, Inspection
from inspection.numeric import WeightErrors
from inspection.sensitivity import Sensitivity
from inspection.target import Answer
from reporting.console.lines import line, table

MOST_ROWS = 8  # of a table


def printers(inspection: Inspection, everything: bool) -> list[Callable[[], None]]:
    """Printers of an inspection's sections; long tables are cut unless `everything` is asked."""
    sections: list[Callable[[], None]] = []
    if inspection.numeric:
        sections.append(partial(_numeric, inspection.numeric, everything))
    if inspection.sensitivity:
        sections.append(partial(_sensitivity, inspection.sensitivity, everything))
    if inspection.targets:
        sections.append(partial(_targets, inspection.targets))
    if inspection.runtime:
        sections.append(partial(_runtime, inspection.runtime))
    return sections


def _numeric(errors: WeightErrors, everything: bool) -> None:
    line(f"Weights against {errors.base}, worst first", "bold")
    if errors.folded:
        line(f"  not compared one by one: {errors.folded}")
        line("  (see the outputs of whole layers below)")
        return
    if not errors.layers:
        line("  no layer is compressed")
        return
    headings = ("  layer", "SQNR dB", "rel. error", "cosine", "unused levels", "saturated")
    rows = [
        (
            f"  {layer.module}",
            _decibel(layer.sqnr_db),
            f"{layer.relative_error:.2%}",
            f"{layer.cosine:.5f}",
            f"{layer.unused_levels:.1%}",
            f"{layer.saturated:.2%}",
        )
        for layer in (errors.layers if everything else errors.layers[:MOST_ROWS])
    ]
    table(headings, rows)
    middle = median_high(layer.relative_error for layer in errors.layers)
    line(f"  {len(errors.layers)} layers, median relative error {middle:.2%}")


def _decibel(sqnr_db: float | None) -> str:
    return "equal" if sqnr_db is None else f"{sqnr_db:.2f}"


def _sensitivity(sensitivity: Sensitivity, everything: bool) -> None:
    tokens = f"{sensitivity.tokens:,} tokens"
    line(f"Sensitivity: KL to the base on {tokens}, one unit at a time", "bold")
    units = sensitivity.units
    whole = sum(unit.kl for unit in units) or 1
    outputs = ["outputs SQNR dB"] if any(unit.sqnr_db is not None for unit in units) else []
    rows = [
        (
            f"  {unit.name}",
            f"{unit.kl:.2e}",
            f"{unit.kl / whole:.0%}",
            f"+{size(unit.extra_bytes)}",
            *([_decibel(unit.sqnr_db)] if outputs else []),
        )
        for unit in (units if everything else units[:MOST_ROWS])
    ]
    if units:
        table(("  compressed alone", "KL nats/token", "share", "16-bit costs", *outputs), rows)
    line(f"  all layers together: {sensitivity.total:.2e} nats a token")
    if sensitivity.leave:
        spared = sum(unit.kl for unit in sensitivity.leave) / whole
        line(
            f"  leave at 16 bits: {sensitivity.leave_share:.0%} more bytes "
            f"(+{size(sensitivity.leave_extra_bytes)}) spare {spared:.0%} of it:"
        )
        options = " ".join(f"--ignore '{entry}'" for entry in sensitivity.ignore)
        cli.show_command(f"    compress.py ... {options}")


def kernels(answer: Answer) -> str:
    """What kernels there are: native, fallback, no kernel."""
    return answer.kind if answer.kind != "none" else "no kernel"


def _targets(answers: list[Answer]) -> None:
    for answer in answers:
        gpus = answer.tensor_parallel_size
        split = f" on {gpus} GPUs" if gpus > 1 else ""
        colour = {"native": "green", "fallback": "yellow"}[answer.kind] if answer.runs else "red"
        stopped = answer.problems and answer.kind != "none"
        word = f"will not run, though kernels are {answer.kind}" if stopped else kernels(answer)
        line(
            f"Target {answer.target}{split}: {word}, {answer.reason} (kernels of {answer.alike})",
            f"bold {colour}",
        )
        for problem in answer.problems:
            line(f"  ! {problem}", "red")
        if answer.parsed_by and not answer.problems:
            line(f"  its config is taken by {answer.parsed_by}")


def _runtime(run: EngineRun) -> None:
    line("In the engine", "bold")
    if run.checkpoint.served:
        _served(run.checkpoint.served)
    bases = run.base.answers if run.base else []
    for number, answer in enumerate(run.checkpoint.answers):
        line(f"  > {answer['prompt']}", "bold")
        line(f"    this: {_first_words(answer)}")
        if number < len(bases):
            line(f"    base: {_first_words(bases[number])}")
    if run.agreement is not None:
        line(f"  {run.agreement:.0%} of the tokens are the base's up to the first difference")


def _served(served: dict[str, Any]) -> None:
    """What the engine says of itself."""
    line(
        f"  {served['engine']} {served['version']}: {served['quantization'] or 'dense'}, "
        f"activations {served['dtype']}, attention {served['attention']}, "
        f"KV cache {served['kv_cache_dtype']}"
    )
    line(
        f"  weights {size(served['weights_bytes'])}, KV cache {size(served['kv_cache_bytes'])} "
        f"= {served['kv_cache_tokens']:,} tokens, {served['max_concurrency']:.1f} requests of "
        f"{served['max_model_len']:,}"
    )
    for kind, names in served["kernels"].items():
        line(f"  {kind:<14} {', '.join(names)}")


def _first_words(answer: dict[str, Any]) -> str:
    return " ".join(answer["text"].split())[:110]
