"""What `compress.py` prints: the list of schemes, the plan, progress, the result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.markup import escape
from rich.text import Text

from compressing.preflight import Plan
from core import cli, machine, plugins
from core.words import bits_text, percent, size


def scheme_rows() -> list[dict[str, Any]]:
    """Every scheme's data and this machine's verdict, in the registry's order."""
    here = machine.probe()
    rows = []
    for stem in plugins.names("schemes"):
        scheme = plugins.load("schemes", stem)
        verdict = scheme.verdict(here.compute_capability, here.cpu_flags)
        rows.append(
            {
                "name": plugins.shown("schemes", stem),
                "summary": scheme.summary,
                "weight_bits": scheme.weight_bits,
                "activation_bits": scheme.activation_bits,
                "method": scheme.method,
                "calibration": scheme.calibration,
                "format": scheme.storage.format,
                "scales": scheme.storage.shared,
                "bits_per_weight": round(scheme.storage.bits_per_weight(), 3),
                "served_here": verdict.kind,
                "reason": verdict.reason,
            }
        )
    return rows


SERVED = {"native": "yes", "fallback": "fallback", "none": "no"}


def print_schemes(as_json: bool) -> None:
    """The registry as a table (or JSON), with what this machine can serve."""
    from rich.table import Table

    rows = scheme_rows()
    if as_json:
        return cli.print_json(rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in (
        "scheme",
        "weights",
        "activations",
        "method",
        "calibrated",
        "bits/weight",
        "served",
    ):
        right = heading in ("weights", "activations", "bits/weight")
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    reasons: dict[str, list[str]] = {}
    for row in rows:
        bits = [f"{row['weight_bits']} bit", f"{row['activation_bits']} bit"]
        text = "yes" if row["calibration"] else "-"
        per_weight = bits_text(row["bits_per_weight"])
        served = SERVED[row["served_here"]]
        table.add_row(row["name"], *bits, row["method"], text, per_weight, served)
        if served != "yes":
            reasons.setdefault(row["reason"], []).append(row["name"])
    cli.out.print(table)
    cli.out.print(f"\nserved: by vLLM on this machine ({machine.probe().device})", highlight=False)
    for reason, names in reasons.items():
        cli.out.print(f"not {', '.join(names)}: {reason}", highlight=False)
    return None


def print_plan(plan: Plan, as_json: bool) -> None:
    """What will be done, before it is: on stderr, or as JSON when that is all that was asked."""
    if as_json:
        return cli.print_json(plan.as_json())
    facts = plan.as_json()
    kinds = ", ".join(f"{count} {kind}" for kind, count in facts["layers"].items())
    ratio = plan.predicted_bytes / plan.base_bytes
    cli.say(f"{plan.scheme}: {len(plan.layers)} layers ({kinds})")
    cli.say(f"  left out: {', '.join(plan.ignored) or 'nothing'}")
    cli.say(
        f"  {bits_text(plan.bits_per_weight)} bits per weight, {size(plan.base_bytes)} -> "
        f"{size(plan.predicted_bytes)} ({percent(ratio)}), at least {size(plan.memory_bytes)} "
        "of memory"
    )
    served = SERVED[plan.serving.kind]
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
            bar.update(task, description=escape(step), completed=done, total=total)

        yield report


def print_result(manifest: dict[str, Any], as_json: bool) -> None:
    """Where the checkpoint is and what it cost."""
    phases = ", ".join(
        f"{name.removesuffix('_s')} {s:.1f} s" for name, s in manifest["phases"].items()
    )
    peak = size(manifest["peak_memory_bytes"]["main"])
    cli.say(f"verified; {manifest['wall_s']:.1f} s ({phases}), peak memory {peak}")
    if as_json:
        return cli.print_json(manifest)
    return cli.out.print(Text(cli.one_line(f"wrote {manifest['path']}")), highlight=False)
