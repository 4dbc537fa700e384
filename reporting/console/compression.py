"""What `compress.py` prints: the list of schemes, the plan, the result."""

from typing import Any

from compressing.preflight import Plan
from core import cli, machine, plugins
from core.words import bits_text, percent, size
from reporting.console.lines import table


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
    rows = scheme_rows()
    if as_json:
        return cli.print_json(rows)
    headings = (
        "scheme", "weights", "activations", "<method", "<calibrated", "bits/weight", "<served"
    )  # fmt: skip
    table(headings, [_listed(row) for row in rows], important="served")
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if SERVED[row["served_here"]] != "yes":
            reasons.setdefault(row["reason"], []).append(row["name"])
    cli.show("")
    cli.show(f"served: by vLLM on this machine ({machine.probe().device})")
    for reason, names in reasons.items():
        cli.show(f"not {', '.join(names)}: {reason}")
    return None


def _listed(row: dict[str, Any]) -> tuple[str, ...]:
    """A scheme as a row of the list."""
    return (
        row["name"],
        f"{row['weight_bits']} bit",
        f"{row['activation_bits']} bit",
        row["method"],
        "yes" if row["calibration"] else "-",
        bits_text(row["bits_per_weight"]),
        SERVED[row["served_here"]],
    )


def print_plan(plan: Plan, dry_run: bool, as_json: bool) -> None:
    """What will be done, before it is: of a dry run it is the result, else it goes to stderr."""
    facts = plan.as_json()
    if as_json and dry_run:
        return cli.print_json(facts)
    tell = cli.show if dry_run else cli.say
    kinds = ", ".join(f"{count} {kind}" for kind, count in facts["layers"].items())
    ratio = plan.predicted_bytes / plan.base_bytes
    tell(f"{plan.scheme}: {len(plan.layers)} layers ({kinds})")
    tell(f"  left out: {', '.join(plan.ignored) or 'nothing'}")
    gpu = f" and, on a GPU, {size(plan.gpu_bytes)} of its" if plan.gpu_bytes else ""
    tell(
        f"  {bits_text(plan.bits_per_weight)} bits per weight, {size(plan.base_bytes)} -> "
        f"{size(plan.predicted_bytes)} ({percent(ratio)}), at least {size(plan.memory_bytes)} "
        f"of memory{gpu}"
    )
    served = SERVED[plan.serving.kind]
    return tell(f"  served by vLLM on this machine: {served} ({plan.serving.reason})")


def print_result(manifest: dict[str, Any], as_json: bool) -> None:
    """Where the checkpoint is and what it cost."""
    phases = ", ".join(
        f"{name.removesuffix('_s')} {s:.1f} s" for name, s in manifest["phases"].items()
    )
    peak = size(manifest["peak_memory_bytes"]["main"])
    cli.say(f"verified; {manifest['wall_s']:.1f} s ({phases}), peak memory {peak}")
    if as_json:
        return cli.print_json(manifest)
    return cli.show(f"wrote {manifest['path']}")
