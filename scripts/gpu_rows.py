"""The numbers of scripts/gpu_table.py as Markdown tables, fit for a terminal and for a page."""

from collections.abc import Iterator
from typing import Any

EXPLAIN_BEYOND, GIB = 0.10, 1 << 30


def rows(summary: dict[str, Any]) -> Iterator[str]:
    """The lines of both tables, and below them what needs a word."""
    yield "| scheme | compress s | load s | disk GiB | weights GiB | KV tokens | peak GiB |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for scheme, load in summary["loads"].items():
        yield _row([scheme, *_sizes(load, summary["compressions"].get(scheme, {}).get("wall_s"))])
    yield ""
    yield "| scheme | in/out | users | tok/s | of BASE | published | decode roof | prefill roof |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|"
    for line in summary["lines"]:
        yield _row(_speeds(line))
    if any(map(differs, summary["lines"])):
        yield f"* more than {EXPLAIN_BEYOND:.0%} from the published ratio"
    for failure in summary["failed"]:
        yield f"{failure['scheme']} {failure['measure']}: {failure['reason']}"
    for mark in summary["marks"].values():
        yield str(mark["note"])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _sizes(load: dict[str, float], compress_s: float | None) -> list[str]:
    """Cells of one scheme: seconds to compress and load, what it takes on disk and in memory."""
    return [
        _number(compress_s),
        _number(load.get("load_s"), 1, 1),
        _number(load.get("checkpoint_bytes"), 1 / GIB, 2),
        _number(load.get("weights_bytes"), 1 / GIB, 2),
        _number(load.get("kv_cache_tokens")),
        _number(load.get("peak_bytes"), 1 / GIB, 1),
    ]


def _speeds(line: dict[str, Any]) -> list[str]:
    """Cells of one scheme at one load; `~` where the repeats do not show a difference from BASE."""
    against = _number(line["ratio"], 1, 2, "x") if line["separated"] is not False else "~"
    return [
        line["scheme"],
        f"{line['prompt_tokens']}/{line['max_new_tokens']}",
        str(line["users"]),
        _number(line["output_tokens_per_s"]),
        against,
        _number(line["published"], 1, 2, "x") + (" *" if differs(line) else ""),
        _number(line["decode_share"], 100, 0, " %"),
        _number(line["prefill_share"], 100, 0, " %"),
    ]


def differs(line: dict[str, Any]) -> bool:
    """Whether a ratio is further from the published one than may stand without a reason."""
    ratio, published = line["ratio"], line["published"]
    return bool(ratio and published and abs(ratio / published - 1) > EXPLAIN_BEYOND)


def _number(value: float | None, factor: float = 1, digits: int = 0, unit: str = "") -> str:
    return "-" if value is None else f"{value * factor:,.{digits}f}{unit}"
