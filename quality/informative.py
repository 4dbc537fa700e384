"""Whether a task can show a loss at all: not where its base guesses, nor where all is easy for it.

A model whose base has 0 % has nothing to lose; compared with it any wreck passes.
"""

from dataclasses import dataclass

from core.stats import wilson
from core.words import significant

CEILING = 0.99  # a base this good finds a task too easy for a small loss to show
DIVERGENCE = "divergence"  # the measure that may contradict a pass, and its figures:
AGREEMENT, KL = "top1_agreement", "kl_mean"
LEAST_AGREEMENT = 0.85  # of the likeliest tokens: with fewer alike a pass is a contradiction
MOST_KL = 0.5  # nats, on average


@dataclass(frozen=True, kw_only=True)
class Uninformative:
    """Why a task is not judged, in short and with the likely cause."""

    short: str
    cause: str

    def __str__(self) -> str:
        return f"{self.short}; {self.cause}"


def at_chance(base: float, n: int, chance: float, margin: float, cut: int) -> Uninformative | None:
    """Why a base's mean score of `n` documents leaves nothing to lose; None where it does.

    Its 95 % interval (Wilson's) must lie above `chance`, and a loss of all above that must be more
    than the margin. `cut` prompts did not fit the context.
    """
    if wilson(base, n)[0] > chance and base - chance > margin:
        return None
    against = f", chance {_percent(chance)}" if chance else ""
    cause = (
        f"{cut} prompts were cut, see --max_model_len"
        if cut
        else "see --apply_chat_template and --num_fewshot"
    )
    return Uninformative(short=f"base at chance ({_percent(base)}{against})", cause=cause)


def at_ceiling(base: float) -> Uninformative | None:
    """Why a base's mean score leaves no room for a small loss to show; None where it does."""
    if base < CEILING:
        return None
    return Uninformative(
        short=f"base at its ceiling ({_percent(base)})", cause="too easy to lose anything small"
    )


def contradiction(figures: dict[str, float]) -> str:
    """What divergences say against a pass, in words; empty where they do not."""
    agreement, divergence = figures.get(AGREEMENT), figures.get(KL)
    if agreement is not None and agreement < LEAST_AGREEMENT:
        return f"its likeliest tokens are the base's in only {_percent(agreement)} of places"
    if divergence is not None and divergence > MOST_KL:
        return f"its predictions diverge from the base's by {significant(divergence)} nats a token"
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
