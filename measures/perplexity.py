"""Perplexity of a text in sliding windows: exp of the mean negative log-likelihood per token."""

from core.measure import Loaded, Measure, Raw, Unit
from core.stats import Estimate, estimate
from measures import _windows
from quality.questions import Text

CHUNK = 16  # windows sent at once


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
            told = scores.logprobs[window.first - 1 :]
            nll.append(-float(told.sum(dtype="float64")))
            tokens.append(len(told))
        loaded.tick()
    return {"nll": nll, "tokens": tokens, "begins_with": loaded.engine.start_ids[0]}


def figures(raw: Raw) -> dict[str, Estimate]:
    """Weighted by tokens; the interval draws windows with replacement. NaN raises ValueError."""
    from quality.paired import ratio_of_sums

    value, low, high = ratio_of_sums(raw["nll"], raw["tokens"]).exp()
    return {
        "perplexity": estimate([value]).within(low, high),
        "scored_tokens": estimate([float(sum(raw["tokens"]))]),
    }


MEASURE = Measure(
    summary="perplexity of a text in sliding windows",
    kind="quality",
    units={
        "perplexity": Unit(unit="1", better="lower"),
        "scored_tokens": Unit(unit="tokens", better="none"),
    },
    run=run,
    figures=figures,
    modules=("numpy",),
)
