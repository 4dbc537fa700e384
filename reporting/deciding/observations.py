"""Observations in words, each generated from what was measured: above all why a compressed model is
not faster here, the question users ask most.
"""

from collections.abc import Iterator

from core import plugins
from core.scheme import Scheme
from core.stats import Ratio
from core.words import join, percent, ratio_inside, significant, size, value_text
from reporting.deciding import rule
from reporting.deciding.candidate import Candidate
from reporting.deciding.study import Study
from reporting.reading import engines, measures
from reporting.reading.measures import load

# Memory is read at least this fast, in bytes per second: one channel of DDR4-2666 and an NVIDIA T4
# (320 GB/s). Far slower traffic means that reading weights is not what a step waits for.
SLOWEST_CPU, SLOWEST_GPU = 21e9, 300e9
LONGER = 1.3


def observations(study: Study) -> list[str]:
    """Sentences in the order of use; none where there is nothing to say."""
    sentences = [*_speed(study), *_of_measures(study), *_verdicts(study), *_noise(study)]
    return list(dict.fromkeys(sentences))


def _of_measures(study: Study) -> Iterator[str]:
    """What each measure says of its own figures."""
    for key in study.finished:
        measure = measures.of_key(key)
        if measure is not None and study.base is not None:
            compressed = {c.scheme: c.values(key) for c in study.compressed}
            yield from measure.shown.observe(study.base.values(key), compressed)


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
        loads = [f"{load(key)} ({ratio_inside(r)})" for key, r in slower.items()]
        parts.append(f"slower than BASE with {join(loads)}")
    if level:
        whom = "it" if slower else "BASE"
        parts.append(f"indistinguishable from {whom} with {join([load(key) for key in level])}")
    causes = _causes(study, candidate, slower or level)
    because = f" {' '.join(causes)}" if causes else ""
    return f"{candidate.scheme} is {' and '.join(parts)}.{because}"


def _ratios(study: Study, candidate: Candidate) -> dict[str, Ratio]:
    ratios = {key: study.speed_up(candidate, key) for key in study.loads()}
    return {key: ratio for key, ratio in ratios.items() if ratio is not None}


def _causes(study: Study, candidate: Candidate, where: dict[str, Ratio]) -> list[str]:
    """Sentences on kernel, dequantization and activation scales, from the record and the scheme."""
    causes = []
    engine = engines.of(candidate.newest)
    kernels = engine.compressed_kernels(candidate.served)
    how = next((text for kernel in kernels if (text := engine.explain(kernel))), None)
    if kernels:
        does = f", which {how} instead of computing in the scheme's own format" if how else ""
        causes.append(f"Its layers run {join(kernels)}{does}.")
    scheme = plugins.scheme(candidate.scheme)
    if scheme is None:
        return causes
    fallback = _fallback(candidate, scheme)
    if fallback:
        causes.append(fallback)
    if scheme.activations is None and scheme.dtype is None and not how:
        causes.append(
            f"It is weight-only: the {scheme.weight_bits}-bit weights are unpacked to 16 bits in "
            "every step and multiplied in 16 bits, so it saves reading, not arithmetic"
            + _with_load(study, where)
            + "."
        )
    elif scheme.activations is not None:
        causes.append(
            f"Activations are rounded to {scheme.activation_bits} bits before every matrix "
            "product, which costs an extra pass that only large products win back."
        )
    return causes


def _with_load(study: Study, where: dict[str, Ratio]) -> str:
    """How much longer a step of the base takes at the largest load it loses, if it does."""
    key = list(where)[-1]
    single, many = _step_s(study, rule.LATENCY), _step_s(study, key)
    if not single or not many or many < LONGER * single:
        return ""
    return (
        f" (with {load(key)} a step of BASE takes {many / single:.1f}x as long "
        "as with one: arithmetic is what takes the time there)"
    )


def _step_s(study: Study, key: str) -> float | None:
    """Seconds of one step of the base at a load."""
    measure = measures.of_key(key)
    return study.base.values(key).get(measure.shown.step) if measure and study.base else None


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
    weights, step = study.base.figure(*rule.MEMORY), _step_s(study, rule.LATENCY)
    if weights is None or not step or step < 0:
        return
    rate = weights.value / step
    slowest = SLOWEST_GPU if study.base.newest.machine.get("gpus") else SLOWEST_CPU
    if rate < slowest / 2:
        saved = rate / slowest
        yield (
            f"The model is too small for compression to pay: a step of BASE takes "
            f"{value_text(step, 's', 'ms')} and reads {size(weights.value)} of weights, "
            f"{significant(rate / 1e9)} GB/s, where even slow memory delivers "
            f"{slowest / 1e9:.0f} GB/s. Reading weights is at most {percent(saved)} of the step, "
            "so no compression can save more than that; the rest is the cost of starting kernels."
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
        won, loses = (join([load(key) for key in keys]) for keys in (wins, losses))
        yield (
            f"{candidate.scheme} wins with {won} ({ratio_inside(ratios[wins[-1]])}) and loses with "
            f"{loses} ({ratio_inside(ratios[losses[-1]])}): which one counts depends on the load "
            "you serve."
        )


def _verdicts(study: Study) -> Iterator[str]:
    """Where tasks were lost, and where they leave it open."""
    for candidate in study.compressed:
        tasks = candidate.compared.tasks if candidate.compared else {}
        failed = [task for task, c in tasks.items() if c.verdict == "fail"]
        if failed:
            yield f"{candidate.scheme} loses more than the margin on {join(failed)}."
        elif candidate.compared and candidate.compared.verdict == "undecided":
            yield f"{candidate.scheme}, quality undecided: {candidate.compared.reason}."


def _noise(study: Study) -> Iterator[str]:
    unstable = sorted(
        {
            f"{c.scheme} {load(key)}"
            for c in study.candidates
            for key in study.loads()
            if (f := c.figure(key, measures.headline(key))) and f.stability == "unstable"
        }
    )
    if unstable:
        yield (
            f"Unstable: loads of {join(unstable)} vary by more than 8 %. A quieter machine or more "
            "rounds (pipeline.py --rounds) narrow the intervals."
        )
