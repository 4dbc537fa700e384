"""Gates: what rules a scheme out before its speed is looked at, and what keeps it from winning."""

from core.words import budget_text, size
from reporting.deciding import rule
from reporting.deciding.candidate import Candidate
from reporting.deciding.study import Study
from reporting.reading import engines

UNCOMPRESSED = "dense"  # as `checkpoints.checkpoint` names the format
PEAK, IDLE = ("memory", "peak_bytes"), ("memory", "idle_bytes")


def gate(candidate: Candidate, budget: int | None) -> str | None:
    """Why a candidate is out, None when it may be chosen."""
    problems = [candidate.problem(key) for key in candidate.performance]
    if candidate.performance and all(problems):
        why = str(problems[0]).removeprefix(f"{candidate.scheme} is ")
        whole = why.startswith(("not served", "not compressed"))
        return why if whole else f"not served: {why}"
    if not candidate.performance:
        return "speed and memory were not measured"
    kernels = wrong_kernels(candidate)
    if kernels:
        return f"served without a compressed kernel: {kernels}"
    if candidate.compared is not None and candidate.compared.verdict == "fail":
        return f"quality failed: {candidate.compared.reason}"
    need = memory_needed(candidate)
    if budget is not None and need is None:
        return "whether it fits the memory budget is not known: memory was not measured"
    if budget is not None and need is not None and need > budget:
        both = f"{size(need)} of {budget_text(budget)}"
        return f"does not fit: serving one full request takes {both}"
    return None


def too_large(study: Study, budget: int) -> str | None:
    """A sentence where every scheme that passes the other gates takes more than `budget` bytes."""
    needs = [(memory_needed(c), c.scheme) for c in study.candidates if gate(c, None) is None]
    known = [(need, scheme) for need, scheme in needs if need is not None]
    if not known or len(known) < len(needs) or min(known)[0] <= budget:
        return None
    need, scheme = min(known)
    return f"No scheme fits {budget_text(budget)}: the smallest, {scheme}, needs {size(need)}."


def wrong_kernels(candidate: Candidate) -> str | None:
    """The kernel, where a compressed checkpoint runs uncompressed ones in every layer."""
    if candidate.is_base or candidate.newest.subject.format == UNCOMPRESSED:  # in another dtype
        return None
    return engines.of(candidate.newest).uncompressed_kernel(candidate.served)


def memory_needed(candidate: Candidate) -> float | None:
    """Bytes that serving one request of full length takes.

    The peak of the load that was measured, with the KV cache of one request in place of all of it:
    weights, activations, graphs and what else the engine needs are in it. Where it is not known
    apart from what was in use before, the weights and that cache, which are the least.
    """
    weights, cache, requests, peak, idle = (
        candidate.figure(*known) for known in (rule.MEMORY, rule.CACHE, rule.REQUESTS, PEAK, IDLE)
    )
    if weights is None:
        return None
    reserved, request = (
        (cache.value, cache.value / requests.value) if cache and requests else (0.0, 0.0)
    )
    without_cache = peak.value - reserved if peak and idle else 0.0
    return max(weights.value, without_cache) + request


def accepted(candidate: Candidate) -> bool:
    """Whether a candidate may be deployed: the base, or quality that passed against it."""
    return candidate.is_base or (candidate.compared and candidate.compared.verdict) == "pass"


def quality_state(candidate: Candidate) -> str:
    """A candidate's quality after the words "its quality": `passed (...)`, `was not measured`."""
    compared = candidate.compared
    if compared is None:
        return "cannot be judged: the base was not measured"
    states = {"pass": "passed", "fail": "failed", "undecided": "is undecided"}
    if compared.verdict not in states:
        return f"is not known: {compared.reason}" if compared.reason else "is not known"
    return f"{states[compared.verdict]} ({compared.reason})"
