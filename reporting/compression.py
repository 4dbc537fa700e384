"""What `compress.py` prints: the list of schemes, the plan, progress, the result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from core import cli, machine, plugins

MIB = 1 << 20


def _bytes(number: int) -> str:
    return (
        f"{number / MIB:,.1f} MiB"
        if number < 10 * 1024 * MIB
        else f"{number / MIB / 1024:,.1f} GiB"
    )


def scheme_rows() -> list[dict[str, Any]]:
    """Every scheme's data and this machine's verdict, in the registry's order."""
    here = machine.probe()
    rows = []
    for stem in plugins.names("schemes"):
        scheme = plugins.load("schemes", stem)
        verdict = scheme.verdict(here.compute_capability, here.cpu_flags)
        rows.append({
            "name": plugins.shown("schemes", stem),
            "summary": scheme.summary,
            "weight_bits": scheme.weight_bits,
            "activation_bits": scheme.activation_bits,
            "method": scheme.method,
            "calibration": scheme.calibration,
            "format": scheme.storage.format,
            "bits_per_weight": round(scheme.storage.bits_per_weight(), 3),
            "served_here": verdict.kind,
            "reason": verdict.reason,
        })  # fmt: skip
    return rows


def print_schemes(as_json: bool) -> None:
    """The registry as a table (or JSON), with what this machine can serve."""
    from rich.table import Table

    rows = scheme_rows()
    if as_json:
        return cli.print_json(rows)
    table = Table(title=f"Schemes, and whether vLLM serves them on {machine.probe().device}")
    for heading in ("scheme", "weights and activations", "method", "calibration", "bits/weight"):
        table.add_column(heading, justify="right" if heading == "bits/weight" else "left")
    table.add_column("served here")
    marks = {
        "native": "[green]yes[/green]",
        "fallback": "[yellow]fallback[/yellow]",
        "none": "[red]no[/red]",
    }
    for row in rows:
        needed = "yes" if row["calibration"] else "-"
        bits = f"{row['bits_per_weight']:.2f}"
        why = "" if row["served_here"] == "native" else f" ({row['reason']})"
        served = marks[row["served_here"]] + why
        table.add_row(row["name"], row["summary"], row["method"], needed, bits, served)
    return cli.out.print(table)


def print_plan(plan: Any, settings: Any, as_json: bool) -> None:
    """What will be done, before it is: on stderr, or as JSON when that is all that was asked."""
    if as_json:
        return cli.print_json(plan.as_json())
    facts = plan.as_json()
    kinds = ", ".join(f"{count} {kind}" for kind, count in facts["layers"].items())
    ratio = plan.predicted_bytes / plan.base_bytes
    cli.say(f"{plan.scheme}: {len(plan.layers)} layers ({kinds})")
    cli.say(f"  left out: {', '.join(plan.ignored) or 'nothing'}")
    cli.say(
        f"  {plan.bits_per_weight:.2f} bits per weight, {_bytes(plan.base_bytes)} -> "
        f"{_bytes(plan.predicted_bytes)} ({ratio:.0%}), at least {_bytes(plan.memory_bytes)} of memory"
    )
    served = {"native": "yes", "fallback": "only by fallback", "none": "no"}[plan.serving.kind]
    return cli.say(f"  served by vLLM on this machine: {served} ({plan.serving.reason})")


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar with the time left over the whole calibration; yields `progress(step, done, total)`."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=cli.err, transient=True) as bar:
        task = bar.add_task("loading libraries and weights", total=None)

        def report(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total)

        yield report


def print_result(made: dict[str, Any], as_json: bool) -> None:
    """Where the checkpoint is and what it cost."""
    phases = ", ".join(f"{name.removesuffix('_s')} {s:.1f} s" for name, s in made["phases"].items())
    peak = _bytes(made["peak_memory_bytes"]["main"])
    cli.say(f"verified; {made['wall_s']:.1f} s ({phases}), peak memory {peak}")
    if as_json:
        return cli.print_json(made)
    return cli.out.print(f"wrote {made['path']}", highlight=False)
