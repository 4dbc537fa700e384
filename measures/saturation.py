"""How many requests at once saturate an engine: a short ramp over powers of two, without records.

A run asks for it where batch sizes are left open (`--batch_sizes auto`), on the base alone, before
anything is measured: schemes win and lose at different loads, so every checkpoint gets a middle
one and saturation, and all the same ones. Prompts and answers are a quarter as long as in the load
itself, which keeps the shares of reading and answering and takes a quarter of the time.
"""

from dataclasses import replace

from core.engine import TokenIds
from core.measure import Loaded, Measure, Quantity, Raw, Shown, Workload
from core.stats import Estimate, estimate

GAIN = 1.10  # over every smaller number of requests: far above what passes differ by
SHORTER = 4
WARM_UP_TOKENS = 2
Points = list[tuple[int, float]]  # requests sent together, output tokens/s; sizes double


def run(loaded: Loaded, workload: Workload) -> Raw:
    """`points`, up to what the scheduler and the KV cache take at the load's full length."""
    points: Points = []
    size = 1
    while size <= loaded.engine.options.max_num_seqs and rising(points):
        prompts = loaded.prompts(size, workload)
        tokens = sum(len(prompt) + workload.max_new_tokens for prompt in prompts)
        if tokens > loaded.description.kv_cache_tokens:
            break
        loaded.tick()
        points.append((size, _tokens_per_s(loaded, prompts, workload)))
        size *= 2
    return {"points": points}


def _tokens_per_s(loaded: Loaded, prompts: list[TokenIds], workload: Workload) -> float:
    """One pass after a short one, whose kernels may be compiled for the new size."""
    short = [prompt[: _shorter(len(prompt))] for prompt in prompts]
    sampling = replace(workload.sampling, max_new_tokens=_shorter(workload.max_new_tokens))
    loaded.engine.generate(short, replace(sampling, max_new_tokens=WARM_UP_TOKENS))
    answers = loaded.engine.generate(short, sampling)
    window = max(a.last_token_s for a in answers) - min(a.sent_s for a in answers)
    return sum(len(answer.token_ids) for answer in answers) / window


def _shorter(tokens: int) -> int:
    return max(1, tokens // SHORTER)


def rising(points: Points) -> bool:
    """Whether one of the last two doublings gained: a single one may fail to, as from 1 to 2."""
    return len(points) < 2 or points[-1][0] < 4 * saturation(points)


def saturation(points: Points) -> int:
    """The largest number of requests at which throughput is clearly above that of all smaller."""
    best_size, best_rate = 1, 0.0
    for size, rate in points:
        if rate > GAIN * best_rate:
            best_size, best_rate = size, rate
    return best_size


def batch_sizes(saturated: int) -> list[int]:
    """A middle load, the power of two near the geometric mean of 1 and saturation, and that."""
    exponent = saturated.bit_length() - 1
    return sorted({2 ** ((exponent + 1) // 2), saturated})


def figures(raw: Raw) -> dict[str, Estimate]:
    """The number of requests at saturation."""
    return {"requests": estimate([float(saturation(raw["points"]))])}


MEASURE = Measure(
    summary="requests sent together at which throughput stops to grow, to choose batch sizes by",
    kind="performance",
    quantities={"requests": Quantity(unit="requests", better="none")},
    run=run,
    figures=figures,
    shown=Shown(doing="finding batch sizes"),
)
