"""Observations in words, each generated from what was measured: above all why a compressed model is
not faster here, the question users ask most.
"""

from collections.abc import Iterator

from core import plugins
from core.scheme import Scheme
from core.stats import Ratio
from core.words import join, more_of, ratio_inside, significant, size, users
from reporting.deciding.study import Candidate, Study, headline

# Memory is read at least this fast, in bytes per second: one channel of DDR4-2666 and an NVIDIA T4
# (320 GB/s). Far slower traffic means that reading weights is not what a step waits for.
SLOWEST_CPU, SLOWEST_GPU = 21e9, 300e9
EMULATED = {
    "Torch": "scales and multiplies in separate PyTorch operators",
    "Emulation": "emulates the format",
    "Marlin": "unpacks the weights to 16 bits",
    "Dequant": "unpacks the weights to 16 bits",
}
SMALL_CHANGE = 0.05
LONGER = 1.3


def observations(study: Study) -> list[str]:
    """Sentences in the order of use; none where there is nothing to say."""
    said = [*_speed(study), *_memory(study), *_loading(study), *_quality(study), *_noise(study)]
    return list(dict.fromkeys(said))


def _speed(study: Study) -> Iterator[str]:
    if study.base is None or not study.compressed:
        return
    slow = [text for c in study.compressed if (text := why_not_faster(study, c))]
    yield from slow
    if slow:
        yield from _too_small(study)
        yield from _eager(study)
    for candidate in study.compressed:
        yield from _regimes(study, candidate)


def why_not_faster(study: Study, candidate: Candidate) -> str | None:
    """Where a compressed model is no faster than the base, and what in the records explains it."""
    ratios = _ratios(study, candidate)
    slower = {m: r for m, r in ratios.items() if r.separated and r.value < 1}
    level = {m: r for m, r in ratios.items() if not r.separated}
    if not slower and not level:
        return None
    parts = []
    if slower:
        told = [f"{users(m)} ({ratio_inside(r)})" for m, r in slower.items()]
        parts.append(f"slower than BASE with {join(told)}")
    if level:
        whom = "it" if slower else "BASE"
        parts.append(f"not told from {whom} with {join([users(m) for m in level])}")
    causes = _causes(study, candidate, slower or level)
    because = f" {' '.join(causes)}" if causes else ""
    return f"{candidate.scheme} is {' and '.join(parts)}.{because}"


def _ratios(study: Study, candidate: Candidate) -> dict[str, Ratio]:
    loads = ["sequential", *study.batches()]
    found = {m: study.speed_up(candidate, m) for m in loads}
    return {measure: ratio for measure, ratio in found.items() if ratio is not None}


def _causes(study: Study, candidate: Candidate, where: dict[str, Ratio]) -> list[str]:
    """Sentences on kernel, dequantization and activation scales, from the record and the scheme."""
    causes = []
    kernels = kernels_of(candidate)
    how = next((text for word, text in EMULATED.items() if any(word in k for k in kernels)), None)
    if kernels:
        does = f", which {how} instead of computing in the scheme's own format" if how else ""
        causes.append(f"Its layers run {join(kernels)}{does}.")
    scheme = plugins.scheme(candidate.scheme)
    if scheme is None:
        return causes
    fallback = _fallback(candidate, scheme)
    if fallback:
        causes.append(fallback)
    if scheme.activation_bits == 16 and not how:
        causes.append(
            f"It is weight-only: the {scheme.weight_bits}-bit weights are unpacked to 16 bits in "
            "every step and multiplied in 16 bits, so it saves reading, not arithmetic"
            + _with_load(study, where)
            + "."
        )
    elif scheme.activation_bits < 16:
        causes.append(
            f"Activations are rounded to {scheme.activation_bits} bits before every matrix "
            "product, which costs an extra pass that only large products win back."
        )
    return causes


def _with_load(study: Study, where: dict[str, Ratio]) -> str:
    """How much longer a step of the base takes at the largest load it loses, where that tells."""
    batches = [m for m in where if m.startswith("batch")]
    one = study.base.figure("sequential", "tpot_s") if study.base else None
    many = study.base.figure(batches[-1], "tpot_s") if study.base and batches else None
    if one is None or many is None or many.value < LONGER * one.value:
        return ""
    return (
        f" (with {users(batches[-1])} a step of BASE takes {many.value / one.value:.1f}x as long "
        "as with one: arithmetic is what takes the time there)"
    )


def kernels_of(candidate: Candidate) -> list[str]:
    """The kernels of its compressed layers, by their own names, each once."""
    served = candidate.served
    if not served.get("names_kernels", True):
        return []
    names = [name for kind in (served.get("kernels") or {}).values() for name in kind]
    compressed = [n for n in names if not n.startswith("Unquantized")]
    return list(dict.fromkeys(name.rpartition("/")[2] for name in compressed))


def _fallback(candidate: Candidate, scheme: Scheme) -> str | None:
    gpus = candidate.newest.machine.get("gpus") or []
    if not gpus or not gpus[0].get("compute_capability"):
        return None
    major, minor = gpus[0]["compute_capability"]
    verdict = scheme.verdict((major, minor), frozenset())
    return (
        f"This GPU has no native kernel for it ({verdict.reason})." * (verdict.kind == "fallback")
        or None
    )


def _too_small(study: Study) -> Iterator[str]:
    """Weights read per second by the base with one user, against what any memory delivers."""
    assert study.base is not None
    weights = study.base.figure("memory", "weights_bytes")
    step = study.base.figure("sequential", "tpot_s")
    if weights is None or step is None or step.value <= 0:
        return
    rate = weights.value / step.value
    slowest = SLOWEST_GPU if study.base.newest.machine.get("gpus") else SLOWEST_CPU
    if rate < slowest / 2:
        saved = rate / slowest
        yield (
            f"The model is too small for compression to pay: a step of BASE takes "
            f"{significant(step.value * 1000)} ms and reads {size(weights.value)} of weights, "
            f"{significant(rate / 1e9)} GB/s, where even slow memory delivers "
            f"{slowest / 1e9:.0f} GB/s. Reading weights is at most {saved:.0%} of the step, so no "
            "compression can save more than that; the rest is the cost of starting kernels."
        )


def _eager(study: Study) -> Iterator[str]:
    if study.context.get("enforce_eager") == "True":
        yield (
            "Everything ran with enforce_eager (no compilation, no graphs): starting kernels "
            "weighs more than in production, and compressed layers start more of them. Measure "
            "without it before deciding on speed."
        )


def _regimes(study: Study, candidate: Candidate) -> Iterator[str]:
    """A scheme that wins at one load and loses at another."""
    ratios = {m: r for m, r in _ratios(study, candidate).items() if r.separated}
    wins = [m for m, r in ratios.items() if r.value > 1]
    losses = [m for m, r in ratios.items() if r.value < 1]
    if wins and losses:
        yield (
            f"{candidate.scheme} wins with {join([users(m) for m in wins])} "
            f"({ratio_inside(ratios[wins[-1]])}) and loses with {join([users(m) for m in losses])} "
            f"({ratio_inside(ratios[losses[-1]])}): which one counts depends on the load you serve."
        )


def _memory(study: Study) -> Iterator[str]:
    """Weights that shrank while the peak stayed, and the tokens that fit instead."""
    if study.base is None:
        return
    stayed = []
    for candidate in study.compressed:
        weights, peak = (_share(study, candidate, n) for n in ("weights_bytes", "peak_bytes"))
        if weights and peak and weights < 1 - SMALL_CHANGE < peak:
            stayed.append((candidate.scheme, weights, peak))
    cache = study.base.figure("memory", "kv_cache_bytes")
    if stayed and cache:
        smallest = min(stayed, key=lambda s: s[1])
        yield (
            f"Peak memory hardly moves although weights shrink ({smallest[0]}: weights to "
            f"{smallest[1]:.0%}, peak to {smallest[2]:.0%} of BASE): the KV cache alone is given "
            f"{size(cache.value)}, whatever the scheme. Compare weights and KV tokens instead."
        )
    for candidate in study.compressed:
        tokens = _share(study, candidate, "kv_cache_tokens")
        if tokens and tokens > 1 + SMALL_CHANGE:
            yield f"{candidate.scheme} leaves room for {tokens:.2f}x the KV-cache tokens of BASE."


def _share(study: Study, candidate: Candidate, name: str) -> float | None:
    assert study.base is not None
    mine, base = candidate.figure("memory", name), study.base.figure("memory", name)
    return mine.value / base.value if mine and base and base.value else None


def _loading(study: Study) -> Iterator[str]:
    caches = [f.value for c in study.candidates if (f := c.figure("load", "page_cache"))]
    if caches and max(caches) - min(caches) > 0.5:
        yield (
            f"Load times are not alike: {min(caches):.0%} to {max(caches):.0%} of the checkpoints "
            "was in the page cache before loading."
        )


def _quality(study: Study) -> Iterator[str]:
    """What the tasks and the divergence say, and where they disagree."""
    for candidate in study.compressed:
        tasks = candidate.compared.tasks if candidate.compared else {}
        failed = [task for task, c in tasks.items() if c.verdict == "fail"]
        if failed:
            yield f"{candidate.scheme} loses more than the margin on {join(failed)}."
        elif candidate.compared and candidate.compared.verdict == "undecided":
            yield f"{candidate.scheme}, quality undecided: {candidate.compared.reason}."
    kl = {c.scheme: f.value for c in study.compressed if (f := c.figure("divergence", "kl_mean"))}
    if len(kl) > 1:
        near, far = min(kl, key=kl.__getitem__), max(kl, key=kl.__getitem__)
        yield (
            f"{near} stays nearest to the base's predictions (KL {significant(kl[near])} nats per "
            f"token), {far} goes farthest ({significant(kl[far])})."
        )


def _noise(study: Study) -> Iterator[str]:
    unstable = sorted(
        {
            f"{c.scheme} {users(m)}"
            for c in study.candidates
            for m in ("sequential", *study.batches())
            if (f := c.figure(m, headline(m))) and f.stability == "unstable"
        }
    )
    if unstable:
        yield (
            f"Unstable: measurements of {join(unstable)} vary by more than 8 %. A quieter machine "
            f"or more of them ({more_of(study.rounds)}) narrow the intervals."
        )
