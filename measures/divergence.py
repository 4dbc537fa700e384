"""How far a checkpoint's distributions are from its base's, on the same tokens.

The base writes the likeliest tokens of every place to a file once; every checkpoint reads its own
values for these very tokens. What the base keeps of its mass in them is `covered_mass`; the rest is
one more token to both, so the divergence is exact for a covered mass of 1 and a lower bound below.
"""

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from core.errors import UserError
from core.measure import Loaded, Measure, Quantity, Raw, ServedBase, Shown, Values
from core.options import option
from core.stats import Estimate, estimate
from core.words import significant
from measures import _windows
from measures._answers import NotFinite
from measures._windows import Text, digest

NANO = 1e-9  # nats: divergences are kept in whole numbers of these
REST = 1e-6  # a mass outside the likeliest tokens below this is rounding
COVERED = 0.99  # at a mean of 0.53 the divergence was half of the exact one
REFERENCES = "build/references"  # the bases' distributions
WINDOW = 512


@dataclass(frozen=True, kw_only=True)
class DivergenceOptions(_windows.TextOptions):
    """The text, and how much of it."""

    divergence_tokens: Annotated[
        int, option("tokens to compare distributions on; 0 for none", min=0)
    ] = 16384


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """The text to compare distributions on, and the base's distribution of it.

    `reference` is the file that the base (`is_base`) writes and every other checkpoint reads. Of
    each place it keeps the `top_k` likeliest tokens: 8 * tokens * top_k bytes.
    """

    text: Text
    reference: str
    is_base: bool
    top_k: int = 256


def plan(options: DivergenceOptions, base: ServedBase) -> list[Divergence]:
    """One job, none without a text or tokens; the reference file is named by `settings_for`."""
    text = _windows.settings(options, base) if options.divergence_tokens else None
    if text is None:
        return []
    window = min(WINDOW, text.window)
    part = replace(text, window=window, stride=window - 1, tokens=options.divergence_tokens)
    return [Divergence(text=part, reference="", is_base=False)]


def settings_for(settings: Divergence, base: ServedBase, is_base: bool) -> Divergence:
    """With the reference file, whose name says all that the base's distribution depends on."""
    depends = json.dumps([base.engine, asdict(base.options), asdict(settings.text)], sort_keys=True)
    path = f"{REFERENCES}/{base.fingerprint}-{digest(depends.encode())}.npz"
    return replace(settings, reference=path, is_base=is_base)


def run(loaded: Loaded, settings: Divergence) -> Raw:
    """Divergences per place and sums per window.

    Raises `UserError` when the base has not written its distribution of these very windows.
    """
    windows = [w for w in _windows.cut(loaded.engine, settings.text) if len(w.ids) > 2]
    if not windows:
        raise UserError(f"{settings.text.source} is too short to compare distributions on")
    if settings.is_base:
        _write(loaded, settings, windows)
    reference = _read(Path(settings.reference), windows)
    written = len(windows) if settings.is_base else 0
    rows: list[dict[str, Any]] = []
    for number, window in enumerate(windows):
        ids, logprobs, own_logprobs = (
            reference[f"{name}{number}"] for name in ("ids", "logprobs", "own")
        )
        scores = loaded.engine.score_distribution(window.ids, 1, ids)
        rows.append(_compare(window.first - 1, logprobs, own_logprobs, scores))
        loaded.tick(written + len(rows), written + len(windows))
    return {
        "kl_nanonats": [row["kl"] for row in rows],
        **{name: [row[name] for row in rows] for name in rows[0] if name != "kl"},
        "top_k": int(reference["ids0"].shape[1]),
    }


def _write(loaded: Loaded, settings: Divergence, windows: list[_windows.Window]) -> None:
    """Keep the base's likeliest tokens of every place; 8 bytes each."""
    import numpy as np

    arrays: dict[str, Any] = {}
    for number, window in enumerate(windows):
        scores = loaded.engine.score_distribution(window.ids, settings.top_k)
        arrays[f"ids{number}"] = scores.top_ids
        arrays[f"logprobs{number}"] = scores.top_logprobs
        arrays[f"own{number}"] = scores.logprobs
        arrays[f"tokens{number}"] = np.asarray(window.ids, np.int32)
        loaded.tick(number + 1, 2 * len(windows))
    final = Path(settings.reference)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_suffix(".partial.npz")
    np.savez(temporary, **arrays)
    temporary.rename(final)


def _read(path: Path, windows: list[_windows.Window]) -> Any:
    import numpy as np

    if not path.is_file():
        raise UserError(f"the base's distribution ({path}) is not there: the base comes first")
    reference = np.load(path, allow_pickle=False)
    same = f"tokens{len(windows)}" not in reference and all(
        f"tokens{n}" in reference and np.array_equal(reference[f"tokens{n}"], window.ids)
        for n, window in enumerate(windows)
    )
    if not same:
        raise UserError(
            f"the base read other tokens than this checkpoint ({path}): is its tokenizer another?"
        )
    return reference


def _compare(skip: int, logprobs: Any, own: Any, scores: Any) -> dict[str, Any]:
    """One window. Raises `NotFinite`."""
    import numpy as np

    p, q = logprobs[skip:].astype("float64"), scores.at_logprobs[skip:].astype("float64")
    if not (np.isfinite(p).all() and np.isfinite(q).all()):
        raise NotFinite("a log-probability is not a finite number")
    divergence = (np.exp(p) * (p - q)).sum(axis=1)
    rest_p, rest_q = (np.maximum(1 - np.exp(x).sum(axis=1), 0) for x in (p, q))
    counts = rest_p > REST
    divergence[counts] += rest_p[counts] * np.log(rest_p[counts] / np.maximum(rest_q[counts], REST))
    divergence = np.maximum(divergence, 0)
    base, compressed = own[skip:].astype("float64"), scores.logprobs[skip:].astype("float64")
    change = np.exp(compressed) - np.exp(base)
    return {
        "kl": " ".join(str(round(value / NANO)) for value in divergence),
        "tokens": len(divergence),
        "kl_sum": float(divergence.sum()),
        "same_top": _agreements(p, q, scores.top_logprobs[skip:, 0]),
        "delta_p_sum": float(change.sum()),
        "nll": -float(compressed.sum()),
        "base_nll": -float(base.sum()),
        "covered_sum": float(np.exp(p).sum()),
    }


def _agreements(base: Any, compressed: Any, highest: Any) -> int:
    """Places where one of the base's likeliest tokens is one of the checkpoint's.

    In bfloat16 several share the first place. `base` [places, k] begins with its likeliest ones;
    `compressed` has the checkpoint's values of the same tokens, likeliest at `highest` [places].
    """
    of_base, of_checkpoint = base == base[:, :1], compressed >= highest[:, None]
    return int((of_base & of_checkpoint).any(axis=1).sum())


def figures(raw: Raw) -> dict[str, Estimate]:
    """Means over places; intervals resample whole windows, as places in one are correlated."""
    from quality.paired import Interval, quantile_of_groups, ratio_of_sums

    def mean(name: str) -> Interval:
        return ratio_of_sums(raw[name], raw["tokens"])

    excess = [a - b for a, b in zip(raw["nll"], raw["base_nll"], strict=True)]
    places = [[int(v) * NANO for v in text.split()] for text in raw["kl_nanonats"]]
    intervals = {
        "kl_mean": mean("kl_sum"),
        "kl_p99": quantile_of_groups(places, 0.99),
        "top1_agreement": mean("same_top"),
        "delta_p_mean": mean("delta_p_sum"),
        "perplexity_ratio": ratio_of_sums(excess, raw["tokens"]).exp(),
        "covered_mass": mean("covered_sum"),
    }
    return {name: estimate([v]).within(low, high) for name, (v, low, high) in intervals.items()}


def warnings(raw: Raw) -> list[str]:
    """Too much of the base's probability lies outside the tokens that were compared."""
    covered = sum(raw.get("covered_sum", [])) / max(sum(raw.get("tokens", [])), 1)
    if not raw.get("tokens") or covered >= COVERED:
        return []
    return [
        f"the {raw['top_k']} likeliest tokens, which are compared, hold {100 * covered:.1f} % of "
        "the base's probability: KL divergences are lower bounds and may be far too low"
    ]


def observe(base: Values, compressed: dict[str, Values]) -> list[str]:
    """Which scheme's predictions are nearest to the base's, and which farthest."""
    kl = {scheme: v["kl_mean"] for scheme, v in compressed.items() if "kl_mean" in v}
    if len(kl) < 2:
        return []
    near, far = min(kl, key=kl.__getitem__), max(kl, key=kl.__getitem__)
    return [
        f"{near} predicts most like the base (KL divergence {significant(kl[near])} nats per "
        f"token), {far} least ({significant(kl[far])})."
    ]


MEASURE = Measure(
    summary="divergence of the next-token distributions from the base's",
    kind="quality",
    quantities={
        "kl_mean": Quantity(
            unit="nats",
            better="lower",
            title="KL mean",
            in_summary=True,
            chart="KL divergence from BASE",
            says_of_base=False,
            change="shown",
        ),
        "kl_p99": Quantity(unit="nats", better="lower", title="KL p99", change="shown"),
        "top1_agreement": Quantity(
            unit="fraction",
            better="higher",
            title="top-1 agreement",
            shown_in="%",
            change="shown",
        ),
        "delta_p_mean": Quantity(unit="fraction", better="none", change="shown"),
        "perplexity_ratio": Quantity(unit="1", better="lower", change="shown"),
        "covered_mass": Quantity(unit="fraction", better="none", change="shown"),
    },
    run=run,
    figures=figures,
    modules=("numpy",),
    options=DivergenceOptions,
    plan=plan,
    settings_for=settings_for,
    reusable=lambda settings: Path(settings.reference).exists(),
    asked=lambda settings: settings.get("text", {}).get("tokens") or math.inf,
    shown=Shown(
        place=12,
        headline="kl_mean",
        headline_title="KL mean",
        observe=observe,
        warnings=warnings,
    ),
)
