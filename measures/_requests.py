"""What the timed measures share: sending requests, keeping every time, reckoning with them."""

import statistics
from collections.abc import Callable, Iterable
from typing import Any

from core.engine import Completion, TokenIds
from core.measure import Loaded, Raw, Unit, Workload
from core.stats import Estimate, estimate

UNITS = {
    "output_tokens_per_s": Unit(unit="tokens/s", better="higher"),
    "total_tokens_per_s": Unit(unit="tokens/s", better="higher"),
    "ttft_s": Unit(unit="s", better="lower"),
    "tpot_s": Unit(unit="s", better="lower"),
    "e2e_latency_s": Unit(unit="s", better="lower"),
}
LENGTH_TOLERANCE = 0.05

Send = Callable[[Loaded, list[TokenIds], Workload], list[Completion]]


class InvalidLoad(Exception):
    """The engine did not do the work it was asked to, so its time means nothing."""


def timed(loaded: Loaded, workload: Workload, count: int, send: Send) -> Raw:
    """Warm up once at the measured load, then time `repeats` rounds of `count` requests."""
    send(loaded, loaded.prompts(count, workload), workload)
    repeats = []
    for _ in range(workload.repeats):
        loaded.tick()
        completions = send(loaded, loaded.prompts(count, workload), workload)
        _check_lengths(completions, workload)
        repeats.append([_row(completion) for completion in completions])
    return {"columns": COLUMNS, "repeats": repeats}


COLUMNS = ("prompt_tokens", "output_tokens", "sent_s", "first_token_s", "last_token_s")


def _row(completion: Completion) -> list[float]:
    """One request as the numbers named by `COLUMNS`."""
    return [
        completion.prompt_tokens,
        len(completion.token_ids),
        completion.sent_s,
        completion.first_token_s,
        completion.last_token_s,
    ]


def _check_lengths(completions: Iterable[Completion], workload: Workload) -> None:
    for completion in completions:
        made, asked = len(completion.token_ids), workload.max_new_tokens
        if abs(made - asked) > LENGTH_TOLERANCE * asked:
            raise InvalidLoad(f"a request gave {made} tokens where {asked} were asked for")


def figures(raw: Raw) -> dict[str, Estimate]:
    """Throughput over each repeat's window, and the median request's latencies, over repeats.

    ttft = first token - sent; e2e = last token - sent; tpot = (e2e - ttft) / (output tokens - 1),
    undefined for one token. Windows run from the first request sent to the last token received.
    """
    per_repeat = [
        _repeat([dict(zip(raw["columns"], row, strict=True)) for row in rows])
        for rows in raw["repeats"]
    ]
    return {name: estimate([repeat[name] for repeat in per_repeat]) for name in per_repeat[0]}


def _repeat(requests: list[dict[str, Any]]) -> dict[str, float]:
    window = max(r["last_token_s"] for r in requests) - min(r["sent_s"] for r in requests)
    made = sum(r["output_tokens"] for r in requests)
    read = sum(r["prompt_tokens"] for r in requests)
    result = {
        "output_tokens_per_s": made / window,
        "total_tokens_per_s": (made + read) / window,
        "ttft_s": statistics.median(r["first_token_s"] - r["sent_s"] for r in requests),
        "e2e_latency_s": statistics.median(r["last_token_s"] - r["sent_s"] for r in requests),
    }
    gaps = [
        (r["last_token_s"] - r["first_token_s"]) / (r["output_tokens"] - 1)
        for r in requests
        if r["output_tokens"] > 1
    ]
    return result | ({"tpot_s": statistics.median(gaps)} if gaps else {})
