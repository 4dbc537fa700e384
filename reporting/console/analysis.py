"""What `analyze.py` prints: a screenful for one checkpoint, a table for several."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.markup import escape

from core import cli
from core.words import size
from reporting.console.analysis_lines import line, row, table
from reporting.console.quantities import count

FEW = 8  # rows of a long table, findings of a kind
MANY = 12


@contextmanager
def progress() -> Iterator[Callable[[str, str, int, int], None]]:
    """A spinner on stderr; yields a function of what, step, done and total."""
    with cli.err.status("reading") as status:

        def show(what: str, step: str, done: int, total: int) -> None:
            status.update(escape(cli.printable(f"{what}: {step} ({done + 1}/{total})")))

        yield show


def show(result: dict[str, Any], everything: bool) -> None:
    """One checkpoint, all that was looked at."""
    verdict(result)
    if result.get("overview"):
        _overview(result["overview"])
    findings(result["findings"], everything)
    for key, printer in SECTIONS.items():
        if result.get(key):
            cli.out.print()
            printer(result[key], everything)


def said(result: dict[str, Any]) -> str:
    """As declared, or how much is not; of a scheme, which declares nothing, whether it runs."""
    number = len(result["findings"])
    if result.get("targets") and not result.get("overview"):
        one = result["targets"][0]
        return f"{'runs' if one['runs'] else 'will not run'} on {one['target']}: {_kernel(one)}"
    return f"{number} finding{'s' if number > 1 else ''}" if number else "as declared"


def verdict(result: dict[str, Any]) -> None:
    """The headline: what is said of it, in red where something was found."""
    name = escape(cli.printable(result["name"]))
    colour = "red" if result["findings"] else "green"
    cli.out.print(
        f"[bold]{name}[/bold]  [bold {colour}]{escape(said(result))}[/bold {colour}]",
        highlight=False,
    )


def _overview(found: dict[str, Any]) -> None:
    for group in found["groups"] or [f"not quantized ({found['format']})"]:
        line(f"  {group}")
    if found["kv_cache"]:
        line(f"  KV cache {found['kv_cache']}, scales stored")
    if found["ignore"]:
        line(f"  left as they are: {', '.join(found['ignore'])}")
    smaller, against = _smaller(found), "the base" if found["base_bytes"] else "at 16 bits"
    quantized = found["quantized_bits_per_weight"]
    within = f" ({quantized:.2f} in quantized layers)" if quantized else ""
    line(
        f"  {count(found['parameters'])} weights, {size(found['nbytes'])} in "
        f"{len(found['files'])} file{'s' if len(found['files']) > 1 else ''}, "
        f"{found['bits_per_weight']:.2f} bits a weight{within}"
        + (f", {smaller} smaller than {against}" if smaller else "")
    )
    line(f"  {_model(found)}")
    shown = table("  layers", "<stored as", "number", "shape", "bits/weight", "size", "share")
    for kind in found["kinds"]:
        shapes = [" x ".join(map(str, shape)) for shape in kind["shapes"]]
        row(
            shown,
            f"  {kind['name']}",
            kind["stored"],
            kind["layers"],
            ", ".join(shapes[:2]) + (", ..." if len(shapes) > 2 else ""),
            f"{kind['bits_per_weight']:.2f}",
            size(kind["nbytes"]),
            f"{kind['nbytes'] / max(found['nbytes'], 1):.0%}",
        )
    cli.out.print(shown)
    parts = [f"{dtype} {size(number)}" for dtype, number in found["bytes_by_dtype"].items()]
    line(f"  bytes by dtype: {', '.join(parts)}")
    for note in found["notes"]:
        line(f"  note: {note}", "dim")


def _smaller(found: dict[str, Any]) -> str | None:
    """`1.64x`; None for what is as large as what it is compared with."""
    times = f"{found['compression']:.2f}x"
    return None if times == "1.00x" else times


def _model(found: dict[str, Any]) -> str:
    config = found["config"]
    names = config.get("architectures") or [config["model_type"]]
    parts = [str(names[0])[:60] if isinstance(names, list) else str(names)[:60]]
    if "num_hidden_layers" in config and "hidden_size" in config:
        parts.append(f"{config['num_hidden_layers']} layers of {config['hidden_size']}")
    if "max_position_embeddings" in config:
        parts.append(f"context {config['max_position_embeddings']}")
    parts.append(found["tokenizer"] or "no tokenizer")
    parts.append("chat template" if found["chat_template"] else "no chat template")
    parts.append("generation config" if found["generation"] else "no generation config")
    return ", ".join(parts)


def findings(found: list[dict[str, str]], everything: bool) -> None:
    """What is not as declared (targets tell theirs); one line a reason unless all are asked."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for one in (one for one in found if one["kind"] != "target"):
        key = one["module"] if everything else ""
        grouped.setdefault((one["reason"], key), []).append(one["module"])
    shown = list(grouped.items())
    for (reason, _), modules in shown if everything else shown[:MANY]:
        named = [module for module in modules if module]
        text = f"{', '.join(named[:2])}: {reason}" if named else reason
        if len(named) > 2:
            text = f"{named[0]} and {len(named) - 1} more: {reason}"
        line(f"  ! {text}", "red")
    if len(shown) > MANY and not everything:
        line(f"  ! and {len(shown) - MANY} more (--all shows them)", "red")


def _numeric(found: dict[str, Any], everything: bool) -> None:
    layers = found["layers"]
    line(f"Weights against {found['base']}, worst first", "bold")
    if found["folded"]:
        line(f"  not compared one by one: {found['folded']}")
        line("  (see the outputs of whole layers below)")
        return
    shown = table("  layer", "SQNR dB", "rel. error", "cosine", "unused levels", "saturated")
    for layer in layers if everything else layers[:FEW]:
        sqnr = "equal" if layer["sqnr_db"] is None else f"{layer['sqnr_db']:.2f}"
        row(
            shown,
            f"  {layer['module']}",
            sqnr,
            f"{layer['relative_error']:.2%}",
            f"{layer['cosine']:.5f}",
            f"{layer['unused_levels']:.1%}",
            f"{layer['saturated']:.2%}",
        )
    cli.out.print(shown)
    middle = sorted(layer["relative_error"] for layer in layers)[len(layers) // 2]
    line(f"  {len(layers)} layers, median relative error {middle:.2%}")


def _sensitivity(found: dict[str, Any], everything: bool) -> None:
    units = found["units"]
    line(f"Sensitivity: KL to the base on {found['tokens']:,} tokens, one unit at a time", "bold")
    whole = sum(unit["kl"] for unit in units)
    outputs = any(unit["sqnr_db"] is not None for unit in units)
    shown = table(
        "  compressed alone",
        "KL nats/token",
        "share",
        "16-bit costs",
        *(["outputs SQNR dB"] if outputs else []),
    )
    for unit in units if everything else units[:FEW]:
        cells = [f"{unit['kl']:.2e}", f"{unit['kl'] / (whole or 1):.0%}"]
        cells.append(f"+{size(unit['extra_bytes'])}")
        if outputs:
            cells.append("equal" if unit["sqnr_db"] is None else f"{unit['sqnr_db']:.2f}")
        row(shown, f"  {unit['name']}", *cells)
    if units:
        cli.out.print(shown)
    line(f"  all layers together: {found['total_kl']:.2e} nats a token")
    if found["leave"]:
        mine = [unit["kl"] for unit in units if unit["layers"] in found["leave"]]
        line(
            f"  leave at 16 bits: {found['leave_share']:.0%} more bytes "
            f"(+{size(found['leave_extra_bytes'])}) spare {sum(mine) / (whole or 1):.0%} of it:"
        )
        line("    compress.py ... " + " ".join(f"--ignore '{name}'" for name in found["ignore"]))


def _kernel(one: dict[str, Any]) -> str:
    return str(one["kind"]) if one["kind"] != "none" else "no kernel"


def _targets(found: list[dict[str, Any]], everything: bool) -> None:
    for one in found:
        split = f" on {one['tensor_parallel_size']} GPUs" if one["tensor_parallel_size"] > 1 else ""
        how = {"native": "green", "fallback": "yellow"}[one["kind"]] if one["runs"] else "red"
        stands = one["problems"] and one["kind"] != "none"
        word = f"will not run, though kernels are {one['kind']}" if stands else _kernel(one)
        cli.out.print(
            f"Target {escape(one['target'])}{split}: [bold {how}]{word}[/bold {how}], "
            f"{escape(one['reason'])} (kernels of {escape(one['alike'])})",
            highlight=False,
        )
        for problem in one["problems"]:
            line(f"  ! {problem}", "red")
        if one["parsed_by"] and not one["problems"]:
            line(f"  its config is taken by {one['parsed_by']}")


def _runtime(found: dict[str, Any], everything: bool) -> None:
    served = found["served"]
    line("In the engine", "bold")
    if served:
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
        for kind, kernels in served["kernels"].items():
            line(f"  {kind:<14} {', '.join(kernels)}")
    bases = found["base_answers"] or []
    for number, mine in enumerate(found["answers"]):
        line(f"  > {mine['prompt']}", "bold")
        line(f"    this: {' '.join(mine['text'].split())[:110]}")
        if number < len(bases):
            line(f"    base: {' '.join(bases[number]['text'].split())[:110]}")
    if found["agreement"] is not None:
        line(f"  {found['agreement']:.0%} of the tokens are the base's up to the first difference")


SECTIONS: dict[str, Callable[[Any, bool], None]] = {
    "numeric": _numeric,
    "sensitivity": _sensitivity,
    "targets": _targets,
    "runtime": _runtime,
}


def listing(results: list[dict[str, Any]]) -> None:
    """Several checkpoints, one line each, then whatever is wrong with any."""
    shown = table("checkpoint", "<verdict", "<format", "bits/weight", "size", "smaller")
    for result in results:
        found = result.get("overview")
        if found:
            group = found["groups"][0].partition(",")[0] if found["groups"] else "dense"
            row(
                shown,
                result["name"],
                said(result),
                group,
                f"{found['bits_per_weight']:.2f}",
                size(found["nbytes"]),
                _smaller(found) or "-",
            )
        else:
            row(shown, result["name"], said(result), "-", "-", "-", "-")
    cli.out.print(shown)
    for result in results:
        if result["findings"] or any(result.get(key) for key in SECTIONS):
            cli.out.print()
            verdict(result)
            findings(result["findings"], False)
            for key, printer in SECTIONS.items():
                if result.get(key):
                    printer(result[key], False)
