"""The terminal table of performance records: one row a checkpoint, what failed with its reason."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core import cli
from core.records import Figure, Record
from core.stats import Ratio, ratio
from core.words import over_what

MIB = 1 << 20


@contextmanager
def progress(subject: str) -> Iterator[Callable[[str], None]]:
    """A spinner on stderr that names the step; yields a function of the step's name."""
    with cli.err.status(f"{subject}: starting") as status:
        yield lambda step: status.update(f"{subject}: {step}")


def show(made: list[Record], results: Path, as_json: bool) -> None:
    """Print records: as JSON, or as a table with where they were saved."""
    if as_json:
        return cli.print_json([record.model_dump(mode="json") for record in made])
    print_table(made)
    return cli.say(f"{len(made)} records in {results}/")


def print_table(made: list[Record]) -> None:
    """One row per checkpoint; speed-ups only where the interval of the ratio excludes 1."""
    from rich.table import Table

    by_scheme: dict[str, list[Record]] = {}
    for record in made:
        by_scheme.setdefault(record.subject.scheme, []).append(record)
    batches = sorted({r.settings["batch_size"] for r in made if r.measure == "batch"})
    table = Table(box=None, pad_edge=False, header_style="bold")
    headings = [
        "scheme",
        "load s",
        "disk MiB",
        "weights MiB",
        "KV tokens",
        "peak MiB",
        "1 user tok/s",
        "ttft ms",
        "tpot ms",
    ]
    for heading in [*headings, *(f"batch {size} tok/s" for size in batches)]:
        table.add_column(heading, justify="left" if heading == "scheme" else "right", no_wrap=True)
    base = by_scheme.get("BASE", [])
    for scheme, mine in by_scheme.items():
        table.add_row(*_row(scheme, mine, base, batches))
    cli.out.print(table)
    _footnotes(made)


def _row(scheme: str, mine: list[Record], base: list[Record], batches: list[int]) -> list[str]:
    single = _find(mine, "sequential")
    cells = [
        _figure(_find(mine, "load"), "load_s"),
        _figure(_find(mine, "memory"), "checkpoint_bytes", 1 / MIB),
        _figure(_find(mine, "memory"), "weights_bytes", 1 / MIB),
        _figure(_find(mine, "memory"), "kv_cache_tokens", digits=0),
        _figure(_find(mine, "memory"), "peak_bytes", 1 / MIB, digits=0),
        _speed(single, _find(base, "sequential")),
        _figure(single, "ttft_s", 1000),
        _figure(single, "tpot_s", 1000),
    ]
    batch = [_speed(_find(mine, "batch", n), _find(base, "batch", n)) for n in batches]
    return [scheme, *cells, *batch]


def _find(made: list[Record], measure: str, batch_size: int | None = None) -> Record | None:
    """The latest finished record of a measure (at a batch size)."""
    fitting = [
        r
        for r in made
        if r.measure == measure
        and r.status == "ok"
        and batch_size in (None, r.settings["batch_size"])
    ]
    return fitting[-1] if fitting else None


def _figure(record: Record | None, name: str, factor: float = 1.0, digits: int = 2) -> str:
    if record is None or name not in record.figures:
        return "-"
    return f"{record.figures[name].value * factor:,.{digits}f}"


def _speed(record: Record | None, base: Record | None) -> str:
    """Tokens per second with its half-interval, and the ratio to the base where it is real."""
    if record is None:
        return "-"
    figure = record.figures["output_tokens_per_s"]
    text = f"{figure.value:,.0f}{_spread(figure)}"
    against = speed_ratio(record, base) if base is not None and base is not record else None
    if against is None:
        return text
    return f"{text} ({against.value:.2f}x)" if against.separated else f"{text} (~)"


def _spread(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f" ±{(figure.high - figure.low) / 2:,.0f}"


def speed_ratio(record: Record, base: Record) -> Ratio:
    """Throughput of one record over another's, from their repeats."""
    name = "output_tokens_per_s"
    return ratio(record.figures[name].values, base.figures[name].values)


def _footnotes(made: list[Record]) -> None:
    reasons = {(r.subject.scheme, r.reason) for r in made if r.status != "ok" and r.reason}
    for scheme, reason in sorted(reasons):
        cli.out.print(f"{scheme}: {reason}", highlight=False, markup=False)
    over = over_what(sorted({r.round for r in made if r.status == "ok"}))
    notes = [f"± is half of the 95 % interval over {over}"]
    if any(r.subject.scheme == "BASE" for r in made) and len({r.subject.scheme for r in made}) > 1:
        notes.append("(n.nnx): speed-up over BASE; (~): they do not tell them apart")
    cold = [r.figures["page_cache"].value for r in made if "page_cache" in r.figures]
    if cold:
        notes.append(f"load: {min(cold):.0%} or more of each checkpoint was in the page cache")
    unstable = sorted(
        {
            f"{r.subject.scheme} {r.measure}"
            for r in made
            for f in r.figures.values()
            if f.stability == "unstable"
        }
    )
    if unstable:
        notes.append(f"unstable, values vary by more than 8 %: {', '.join(unstable)}")
    for note in notes:
        cli.out.print(note, highlight=False, markup=False)
