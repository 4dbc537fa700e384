"""What happened to the machine while a study's checkpoints were measured, in words."""

import math
from collections.abc import Iterable

from comparing.contention import contended
from core.stats import NOISY
from core.words import join
from reporting.deciding.candidate import Candidate
from reporting.reading import measures
from reporting.reading.measures import key_of
from reporting.reading.results import Stored


def disturbed(candidates: list[Candidate], loads: list[str]) -> list[str]:
    """Rounds during which the machine did something else, and figures made of nothing else."""
    spoilt: dict[tuple[str, str, str], list[str]] = {}
    for candidate in candidates:
        for key in loads:
            stored = candidate.performance.get(key)
            rounds = stored.rounds if stored else []
            whys = {r.round: why for r in rounds if (why := contended(r.contention))}
            every = len(whys) == len(rounds)
            for number, why in whys.items():
                which = "no round" if every else f"round {number}"
                what = why if not every else whys[rounds[-1].round]
                spoilt.setdefault((candidate.scheme, which, what), []).append(measures.load(key))
    return [
        f"{which} of {scheme} {'counts' if which == 'no round' else 'does not count'} "
        f"({join(list(dict.fromkeys(names)))}): {why}"
        for (scheme, which, why), names in spoilt.items()
    ]


def drift(base: Candidate, loads: list[str], stored: Iterable[Stored]) -> list[str]:
    """How far the base, measured again at the end, is from what it was in the rounds."""
    notes = []
    for key in filter(base.finished, loads):
        used, name = base.performance[key], measures.headline(key)
        last = next((s.rounds[-1] for s in stored if _same_measure(s, used)), None)
        if last is None or last in used.rounds or last.status != "ok":
            continue
        before, after = used.record.figures.get(name), last.figures.get(name)
        if before and after and min(before.value, after.value) > 0:
            change = math.log(after.value / before.value)
            if abs(change) > NOISY:
                notes.append(
                    f"BASE measured again at the end has {math.exp(change):.2f}x the "
                    f"{measures.headline_title(key)} it had in the rounds: the machine changed"
                )
    return notes


def _same_measure(stored: Stored, other: Stored) -> bool:
    first, second = stored.record, other.record
    return (first.run_id, first.subject.scheme, key_of(first), first.subject.fingerprint) == (
        second.run_id, second.subject.scheme, key_of(second), second.subject.fingerprint
    )  # fmt: skip
