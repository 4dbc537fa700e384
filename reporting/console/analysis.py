"""What `analyze.py` prints: a screenful for one checkpoint, a table for several."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from checkpoints.consistency import Finding
from core import cli
from core.machine import command_line
from core.words import bits_text, several, size
from inspection.data import Inspection
from inspection.overview import LayerKind, Overview
from reporting.console import analysis_sections
from reporting.console import progress as drawing
from reporting.console.lines import line, table
from reporting.console.quantities import count
from running.progress import Turn

MOST_REASONS = 12  # of findings
READING = "reading"


@contextmanager
def progress() -> Iterator[Callable[[str, str, int, int], None]]:
    """Draws progress on stderr; yields a function of what, step, done and total."""
    with drawing.progress("analyze.py", READING) as told:

        def show(what: str, step: str, done: int, total: int) -> None:
            if told.turn.subject != what:
                told.begin(Turn(subject=what))
            of = f", {done + 1} of {total}" if total > 1 else ""
            told.step(READING, detail=f"{step}{of}")

        yield show


def show(inspection: Inspection, everything: bool) -> None:
    """One checkpoint, all that was looked at."""
    headline(inspection)
    if inspection.overview:
        _overview(inspection.overview)
    findings(inspection.findings, everything)
    for section in analysis_sections.printers(inspection, everything):
        cli.out.print()
        section()


def summary(inspection: Inspection) -> str:
    """As declared, or how much is not; of a scheme, which declares nothing, whether it runs."""
    number = len(inspection.findings)
    if inspection.targets and not inspection.overview:
        answer = inspection.targets[0]
        runs = "runs" if answer.runs else "will not run"
        return f"{runs} on {answer.target}: {analysis_sections.kernels(answer)}"
    return several(number, "finding") if number else "as declared"


def headline(inspection: Inspection) -> None:
    """Name and summary, in red where something was found."""
    colour = "red" if inspection.findings else "green"
    line(f"{inspection.name}  {summary(inspection)}", f"bold {colour}")


def _overview(overview: Overview) -> None:
    for group in overview.groups or [f"not quantized ({overview.format})"]:
        line(f"  {group}")
    if overview.kv_cache:
        line(f"  KV cache {overview.kv_cache}, scales stored")
    if overview.ignore:
        line(f"  left as they are: {', '.join(overview.ignore)}")
    line(f"  {_sizes(overview)}")
    line(f"  {_model(overview)}")
    _kinds(overview.kinds, overview.nbytes)
    parts = [f"{dtype} {size(number)}" for dtype, number in overview.bytes_by_dtype.items()]
    line(f"  bytes by dtype: {', '.join(parts)}")
    for note in overview.notes:
        line(f"  note: {note}", "dim")


def _sizes(overview: Overview) -> str:
    """Weights, bytes, bits, and how many times smaller than without compression."""
    times, against = _times_smaller(overview), "the base" if overview.base_bytes else "at 16 bits"
    quantized = overview.quantized_bits
    return (
        f"{count(overview.parameters)} weights, {size(overview.nbytes)} in "
        f"{several(len(overview.files), 'file')}, "
        f"{bits_text(overview.bits_per_weight)} bits a weight"
        + (f" ({bits_text(quantized)} in quantized layers)" if quantized else "")
        + (f", {times} smaller than {against}" if times else "")
    )


def _times_smaller(overview: Overview) -> str | None:
    """`1.64x`; None for what is as large as what it is compared with."""
    times = f"{overview.compression:.2f}x"
    return None if times == "1.00x" else times


def _model(overview: Overview) -> str:
    config = overview.config
    names = config.get("architectures") or [config["model_type"]]
    parts = [str(names[0])[:60] if isinstance(names, list) else str(names)[:60]]
    if "num_hidden_layers" in config and "hidden_size" in config:
        parts.append(f"{config['num_hidden_layers']} layers of {config['hidden_size']}")
    if "max_position_embeddings" in config:
        parts.append(f"context {config['max_position_embeddings']}")
    parts.append(overview.tokenizer or "no tokenizer")
    parts.append("chat template" if overview.chat_template else "no chat template")
    parts.append("generation config" if overview.generation else "no generation config")
    return ", ".join(parts)


def _kinds(kinds: list[LayerKind], nbytes: int) -> None:
    """The table of layers by kind; shares are of `nbytes`."""
    headings = ("  layers", "<stored as", "number", "<shape", "bits/weight", "size", "share")
    table(headings, [_kind(kind, nbytes) for kind in kinds])


def _kind(kind: LayerKind, nbytes: int) -> tuple[object, ...]:
    shapes = [" x ".join(map(str, shape)) for shape in kind.shapes]
    return (
        f"  {kind.name}",
        kind.stored,
        kind.layers,
        ", ".join(shapes[:2]) + (", ..." if len(shapes) > 2 else ""),
        bits_text(kind.bits),
        size(kind.nbytes),
        f"{kind.nbytes / max(nbytes, 1):.0%}",
    )


def findings(all_: list[Finding], everything: bool) -> None:
    """What is not as declared, one line a reason unless everything is asked.

    Findings about targets are left out: the section on targets says them.
    """
    grouped: dict[tuple[str, str], list[str]] = {}
    for finding in all_:
        if finding.kind != "target":
            key = finding.module if everything else ""
            grouped.setdefault((finding.reason, key), []).append(finding.module)
    reasons = list(grouped.items())
    for (reason, _), modules in reasons if everything else reasons[:MOST_REASONS]:
        named = [module for module in modules if module]
        text = f"{', '.join(named[:2])}: {reason}" if named else reason
        if len(named) > 2:
            text = f"{named[0]} and {len(named) - 1} more: {reason}"
        line(f"  ! {text}", "red")
    if len(reasons) > MOST_REASONS and not everything:
        line(f"  ! and {len(reasons) - MOST_REASONS} more (--all shows them)", "red")


def more(inspections: list[Inspection]) -> None:
    """The commands that show one of several in full, and what really runs."""
    name = min(inspections, key=lambda inspection: inspection.overview is None).name
    if len(inspections) > 1:
        cli.say(f"`{command_line('analyze.py', name)}` shows one in full", "dim")
    engine = command_line("analyze.py", name, "--engine", "vllm")
    cli.say(f"`{engine}` loads it and says what really runs", "dim")


def listing(inspections: list[Inspection]) -> None:
    """Several checkpoints, one line each, then whatever is wrong with any."""
    headings = ("checkpoint", "<verdict", "<format", "bits/weight", "size", "smaller")
    rows = [(each.name, summary(each), *_cells(each.overview)) for each in inspections]
    table(headings, rows)
    for inspection in inspections:
        sections = analysis_sections.printers(inspection, False)
        if inspection.findings or sections:
            cli.out.print()
            headline(inspection)
            findings(inspection.findings, False)
            for section in sections:
                section()


def _cells(overview: Overview | None) -> list[str]:
    """Format, bits a weight, size, and how many times smaller it is."""
    if overview is None:
        return ["-"] * 4
    group = overview.groups[0].partition(",")[0] if overview.groups else "dense"
    bits = bits_text(overview.bits_per_weight)
    return [group, bits, size(overview.nbytes), _times_smaller(overview) or "-"]
