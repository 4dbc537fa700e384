"""What the timed measures share: sending requests, keeping every time, computing figures."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from core.engine import Completion, TokenIds
from core.errors import UserError
from core.measure import OPEN_SIZE, Loaded, Quantity, Raw, ServedBase, Values, Workload
from core.options import Seed, option
from core.stats import Estimate, estimate
from measures._windows import read_entries

QUANTITIES = {
    "output_tokens_per_s": Quantity(
        unit="tokens/s", better="higher", title="tokens/s", in_summary=True, chart="{}"
    ),
    "total_tokens_per_s": Quantity(unit="tokens/s", better="higher"),
    "tpot_s": Quantity(unit="s", better="lower", title="time per token", shown_in="ms"),
    "ttft_s": Quantity(unit="s", better="lower", title="first token", shown_in="ms"),
    "e2e_latency_s": Quantity(unit="s", better="lower", title="latency", shown_in="ms"),
    "total_s": Quantity(unit="s", better="lower", title="total time"),
}
STEP = "tpot_s"
AUTO, NONE = "auto", "none"
LENGTH_TOLERANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """The load every checkpoint gets, as the command line takes it."""

    batch_sizes: Annotated[
        str,
        option(
            "requests sent together, like 1,8,32; auto finds a middle load and saturation; none"
        ),
    ] = AUTO
    num_prompts: Annotated[int, option("requests sent one at a time", min=1)] = Workload.requests
    prompt_tokens: Annotated[int, option("tokens of each prompt", min=1)] = Workload.prompt_tokens
    max_new_tokens: Annotated[int, option("tokens generated for each", min=1)] = (
        Workload.max_new_tokens
    )
    repeats: Annotated[int, option("timed repeats; an interval needs two", min=1)] = (
        Workload.repeats
    )
    temperature: Annotated[float, option("0 is greedy", min=0.0)] = Workload.temperature
    top_p: Annotated[float, option("nucleus sampling", min=0.0, max=1.0)] = Workload.top_p
    prompts_file: Annotated[Path | None, option('JSON list of {"prompt": ...} to use instead')] = (
        None
    )
    seed: Seed = Workload.seed

    def sizes(self) -> list[int]:
        """`1,8,32` as numbers, `auto` as one left open, none for `none`.

        Raises `UserError` for anything else.
        """
        if self.batch_sizes in (AUTO, NONE):
            return [OPEN_SIZE] if self.batch_sizes == AUTO else []
        try:
            sizes = [int(part) for part in self.batch_sizes.split(",") if part.strip()]
        except ValueError:
            sizes = []
        if not sizes or min(sizes) < 1:
            raise UserError(
                f"--batch_sizes wants numbers like 1,8,32, auto or none, not {self.batch_sizes!r}"
            )
        return sorted(set(sizes))


def plan(options: LoadOptions, base: ServedBase) -> list[Workload]:
    """One job with the load that was asked for.

    Raises `UserError` for a load that does not fit the context, and prompts that cannot be read.
    """
    if options.top_p <= 0:
        raise UserError("--top_p must be above 0 (1 keeps every token)")
    workload = Workload(
        requests=options.num_prompts,
        prompt_tokens=options.prompt_tokens,
        max_new_tokens=options.max_new_tokens,
        repeats=options.repeats,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
        texts=read_prompts(options.prompts_file),
    )
    tokens = workload.prompt_tokens + workload.max_new_tokens
    if not workload.texts and tokens > base.context_length:
        raise UserError(
            f"{workload.prompt_tokens} prompt tokens and {workload.max_new_tokens} new ones do not "
            f"fit {base.context_length} tokens of context"
        )
    return [workload]


def read_prompts(path: Path | None) -> tuple[str, ...]:
    """The prompts of a JSON file: a list of `{"prompt": ...}` objects or of strings."""
    if path is None:
        return ()
    entries = read_entries(path)
    prompts = [e.get("prompt") if isinstance(e, dict) else e for e in entries]
    usable = tuple(p for p in prompts if isinstance(p, str) and p)
    if not usable or len(usable) < len(entries):
        raise UserError(f'{path}: wants a list of {{"prompt": "..."}} objects')
    return usable


Send = Callable[[Loaded, list[TokenIds], Workload], list[Completion]]


class InvalidLoad(Exception):
    """The engine did not do the work it was asked to, so its time means nothing."""


def timed(loaded: Loaded, workload: Workload, count: int, send: Send) -> Raw:
    """Warm up once at the measured load, then time `repeats` rounds of `count` requests."""
    send(loaded, loaded.prompts(count, workload), workload)
    repeats: list[list[list[float]]] = []
    for _ in range(workload.repeats):
        loaded.tick(1 + len(repeats), 1 + workload.repeats)
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
        generated, wanted = len(completion.token_ids), workload.max_new_tokens
        if abs(generated - wanted) > LENGTH_TOLERANCE * wanted:
            raise InvalidLoad(f"a request gave {generated} tokens where {wanted} were asked for")


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
    output_tokens = sum(r["output_tokens"] for r in requests)
    prompt_tokens = sum(r["prompt_tokens"] for r in requests)
    result = {
        "output_tokens_per_s": output_tokens / window,
        "total_tokens_per_s": (output_tokens + prompt_tokens) / window,
        "ttft_s": statistics.median(r["first_token_s"] - r["sent_s"] for r in requests),
        "e2e_latency_s": statistics.median(r["last_token_s"] - r["sent_s"] for r in requests),
    }
    gaps = [
        (r["last_token_s"] - r["first_token_s"]) / (r["output_tokens"] - 1)
        for r in requests
        if r["output_tokens"] > 1
    ]
    return result | ({"tpot_s": statistics.median(gaps)} if gaps else {})


def total(requests: str) -> Callable[[dict[str, Any], Values], Values]:
    """Seconds one repeat took: all its tokens over its throughput; `requests` is the setting."""

    def derive(settings: dict[str, Any], figures: Values) -> Values:
        rate = figures.get("output_tokens_per_s")
        count, tokens = settings.get(requests), settings.get("max_new_tokens")
        return {"total_s": count * tokens / rate} if rate and count and tokens else {}

    return derive
