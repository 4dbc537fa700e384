"""Perplexity of a text in sliding windows: exp of the mean negative log-likelihood per token."""

import math
from dataclasses import dataclass, replace
from typing import Annotated

from core.errors import UserError
from core.measure import Loaded, Measure, Paired, Quantity, Raw, ServedBase, Shown
from core.options import option
from core.stats import Estimate, estimate
from measures import _windows
from measures._windows import Text

CHUNK = 16  # windows sent at once


@dataclass(frozen=True, kw_only=True)
class PerplexityOptions(_windows.TextOptions):
    """The text, how much of it, and how far windows overlap."""

    stride: Annotated[int | None, option("tokens between windows; by default no overlap")] = None
    perplexity_tokens: Annotated[int, option("tokens of the text to use; 0 is all", min=0)] = 0


def plan(options: PerplexityOptions, base: ServedBase) -> list[Text]:
    """One job, none without a text. Raises `UserError` for windows that do not fit."""
    window = _windows.window(options.window, base.context_length)
    stride = window - 1 if options.stride is None else options.stride
    if not 1 <= stride < window:
        raise UserError(f"--stride {stride} is not between 1 and the window of {window} tokens")
    text = _windows.settings(options, base)
    if text is None:
        return []
    return [replace(text, stride=stride, tokens=options.perplexity_tokens or None)]


def run(loaded: Loaded, settings: Text) -> Raw:
    """Negative log-likelihood (nats, summed) and scored tokens of each window.

    Raises ValueError for a text without tokens to score.
    """
    windows = _windows.cut(loaded.engine, settings)
    if not windows:
        raise ValueError(f"{settings.source} has no token to score")
    nll, tokens = [], []
    for start in range(0, len(windows), CHUNK):
        chunk = windows[start : start + CHUNK]
        for window, scores in zip(chunk, loaded.engine.score([w.ids for w in chunk]), strict=True):
            logprobs = scores.logprobs[window.first - 1 :]
            nll.append(-float(logprobs.sum(dtype="float64")))
            tokens.append(len(logprobs))
        loaded.tick(len(nll), len(windows))
    return {"nll": nll, "tokens": tokens, "begins_with": loaded.engine.start_ids[0]}


def figures(raw: Raw) -> dict[str, Estimate]:
    """Weighted by tokens; the interval draws windows with replacement. NaN raises ValueError."""
    from quality.paired import ratio_of_sums

    value, low, high = ratio_of_sums(raw["nll"], raw["tokens"]).exp()
    return {
        "perplexity": estimate([value]).within(low, high),
        "scored_tokens": estimate([float(sum(raw["tokens"]))]),
    }


def compare(base: Raw, compressed: Raw) -> dict[str, Paired]:
    """Own over the base's perplexity, on the same windows."""
    from quality.paired import ratio_of_sums

    if base["tokens"] != compressed["tokens"]:
        return {}
    excess = [a - b for a, b in zip(compressed["nll"], base["nll"], strict=True)]
    return {"perplexity_ratio": ratio_of_sums(excess, compressed["tokens"]).exp()}


MEASURE = Measure(
    summary="perplexity of a text in sliding windows",
    kind="quality",
    quantities={
        "perplexity": Quantity(
            unit="1",
            better="lower",
            title="perplexity",
            in_summary=True,
            chart="perplexity",
            from_zero=False,
            change="shown",
        ),
        "scored_tokens": Quantity(unit="tokens", better="none", change="shown"),
    },
    run=run,
    figures=figures,
    modules=("numpy",),
    options=PerplexityOptions,
    plan=plan,
    paired={"perplexity_ratio": Quantity(unit="x", better="lower", title="perplexity / BASE")},
    compare=compare,
    asked=lambda settings: settings.get("tokens") or math.inf,
    raw_types={"nll": list[float], "tokens": list[float]},
    shown=Shown(
        place=11,
        headline="perplexity",
        headline_title="perplexity",
        dataset=lambda settings: str(settings.get("source") or "text"),
    ),
)
