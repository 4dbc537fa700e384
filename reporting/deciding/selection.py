"""Which records of a model a report compares: those of one context, the best founded there is.

Speed is of one run, in which checkpoints took turns; memory may be of others, since it is counted.
Of a quality measure the records of one context make one body of evidence, so that a later, smaller
question replaces nothing. Records of simulated engines, failed ones and those of other weights come
last or not at all. What is left out is said.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from comparing.context import Context, context, differences, grouped, kind_of
from comparing.figures import figures_of
from core.records import Record
from reporting.deciding.candidate import BASE, Candidate, same_weights
from reporting.reading import engines, measures
from reporting.reading.measures import key_of
from reporting.reading.results import ANALYSIS, Stored

Candidates = dict[str, Candidate]


def of(candidates: Candidates, scheme: str) -> Candidate:
    """The candidate of a scheme, made where there is none yet."""
    return candidates.setdefault(scheme, Candidate(scheme))


def add_speed(candidates: Candidates, stored: Iterable[Stored]) -> list[str]:
    """Add the run that compares best, only rounds that compare; returns what is left out."""
    groups = grouped((context(s.record), s) for s in stored if kind_of(s.record) == "speed")
    if not groups:
        return ["no speed was measured"]
    best = max(groups, key=_worth)
    rounds = _compared_rounds(best)
    for record in sorted(best, key=lambda s: s.record.ended):
        part = record.only(rounds)
        of(candidates, part.record.subject.scheme).performance[key_of(part.record)] = part
    notes = [_left_out(best, group) for group in sorted(groups, key=_ended, reverse=True)]
    return [note for note in notes if note]


def _worth(group: list[Stored]) -> tuple[bool, bool, int, int, str]:
    """Sorts contexts: a real engine, the base beside another, schemes, loads, and the newest."""
    finished = [s.record for s in group if s.record.status == "ok"]
    schemes = {record.subject.scheme for record in finished}
    rounds = min((record.round for record in finished), default=0)
    return (_real(group), BASE in schemes and len(schemes) > 1, len(schemes), rounds, _ended(group))


def _real(group: Sequence[Stored]) -> bool:
    return not engines.named(group[0].record.engine).simulated


def _ended(group: Iterable[Stored]) -> str:
    return max(s.record.ended for s in group)


def _compared_rounds(group: list[Stored]) -> set[int]:
    """Rounds that more than one scheme was in; all where there is only one scheme."""
    schemes: dict[int, set[str]] = {}
    for stored in group:
        for record in stored.rounds:
            schemes.setdefault(record.round, set()).add(record.subject.scheme)
    several = {number for number, names in schemes.items() if len(names) > 1}
    return several or set(schemes)


def _left_out(best: list[Stored], group: list[Stored]) -> str:
    if group is best:
        return ""
    lead, other = (context(_fullest(g)) for g in (best, group))
    apart = "; ".join(differences(lead, other)[:4])
    schemes = dict.fromkeys(s.record.subject.scheme for s in group)
    return (
        f"{len(group)} records of speed ({', '.join(schemes)}) are left out, they differ: {apart}"
    )


def _fullest(group: list[Stored]) -> Record:
    return max((s.record for s in group), key=lambda record: len(context(record)))


def add_memory(candidates: Candidates, stored: Iterable[Stored]) -> None:
    """Add what was counted: of the chosen run, else of another of the same context and weights."""
    counted = [s for s in stored if kind_of(s.record) == "memory"]
    runs = {s.record.run_id for c in candidates.values() for s in c.performance.values()}
    leads = [s for s in counted if s.record.run_id in runs] or counted[-1:]
    if not leads:
        return
    lead = context(_fullest(leads))
    alike = [s for s in counted if not differences(lead, context(s.record))]
    for record in sorted(alike, key=lambda s: (s.record.run_id in runs, s.record.ended)):
        candidate = of(candidates, record.record.subject.scheme)
        if not candidate.performance or same_weights(candidate.newest, record.record):
            candidate.performance[key_of(record.record)] = record


def drop_other_bases(candidates: Candidates) -> list[str]:
    """Remove schemes that were made from other weights than the base that was measured."""
    base = candidates.get(BASE)
    weights = base.newest.subject.fingerprint if base else ""
    notes = []
    for scheme, candidate in list(candidates.items()):
        made_from = (candidate.newest.subject.manifest.get("base") or {}).get("fingerprint")
        if scheme != BASE and weights and made_from and made_from != weights:
            del candidates[scheme]
            notes.append(f"{scheme} is left out: it was made from other weights than BASE has")
    return notes


def add_quality(candidates: Candidates, stored: Iterable[Stored]) -> list[str]:
    """Add each measure's evidence of one context, of the weights that were timed."""
    notes = []
    quality = [s for s in stored if s.record.kind == "quality" and s.record.measure != ANALYSIS]
    fitting = _of_weights(candidates, quality)
    others = Counter(s.record.subject.scheme for s in quality if s not in fitting)
    for scheme, count in others.items():
        of_others = "are left out, they are of other weights than were compared"
        notes.append(f"{scheme}: {count} quality records {of_others}")
    for measure in dict.fromkeys(s.record.measure for s in fitting):
        notes += _add_measure(candidates, [s for s in fitting if s.record.measure == measure])
    return notes


def _of_weights(candidates: Candidates, quality: list[Stored]) -> list[Stored]:
    """Records of the weights that were timed; of what was not timed, of the newest scored."""
    weights = {scheme: c.newest for scheme, c in candidates.items() if c.performance}
    for stored in quality:
        if stored.record.subject.fingerprint and stored.record.status == "ok":
            scheme = stored.record.subject.scheme
            if scheme not in candidates or not candidates[scheme].performance:
                weights[scheme] = stored.record
    return [
        s
        for s in quality
        if (known := weights.get(s.record.subject.scheme)) is None or same_weights(known, s.record)
    ]


def _add_measure(candidates: Candidates, stored: list[Stored]) -> list[str]:
    finished = [s for s in stored if s.record.status == "ok"]
    groups = grouped((context(s.record), s) for s in finished)
    best = max(groups, key=_founded, default=[])
    for record in stored:  # of what nobody finished the newest says why
        if record.record.status != "ok":
            of(candidates, record.record.subject.scheme).quality[key_of(record.record)] = record
    for scheme in dict.fromkeys(s.record.subject.scheme for s in best):
        evidence = merged([s for s in best if s.record.subject.scheme == scheme])
        of(candidates, scheme).quality[key_of(evidence.record)] = evidence
    lead = context(_fullest(best)) if best else {}
    return [_other_question(lead, group) for group in groups if group is not best]


def _founded(group: list[Stored]) -> tuple[bool, bool, float, str]:
    """Sorts contexts: a real engine, the base beside another, how much was asked, the newest."""
    schemes = {s.record.subject.scheme for s in group}
    asked = sum(_asked(s) for s in group)
    return _real(group), BASE in schemes and len(schemes) > 1, asked, _ended(group)


def _asked(stored: Stored) -> float:
    measure = measures.find(stored.record.measure)
    return measure.asked(stored.record.settings) if measure else 1.0


def _other_question(lead: Context, group: list[Stored]) -> str:
    apart = "; ".join(differences(lead, context(_fullest(group)))[:4])
    schemes = ", ".join(dict.fromkeys(s.record.subject.scheme for s in group))
    measure = measures.title(group[0].record.measure).lower()
    name = group[0].record.measure
    return f"{len(group)} {name} records ({schemes}, {measure}) are left out, they differ: {apart}"


def merged(stored: list[Stored]) -> Stored:
    """Records of one measure, checkpoint and context as one body of evidence."""
    by_time = sorted(stored, key=lambda s: s.record.ended)
    measure = measures.find(by_time[-1].record.measure)
    if measure is None or measure.merge is None:
        return max(by_time, key=lambda s: (_asked(s), s.record.ended))
    if len(by_time) == 1:
        return by_time[0]
    together = Stored(by_time[-1].record, tuple(part for s in by_time for part in s.parts))
    figures = figures_of(together.record.measure, together.raw())
    return Stored(together.record.model_copy(update={"figures": figures}), together.parts)


def add_analyses(candidates: Candidates, stored: Iterable[Stored]) -> None:
    """What was found inside the very weights that were measured; no candidate comes of it alone."""
    for record in stored:
        candidate = candidates.get(record.record.subject.scheme)
        analysed = record.record.measure == ANALYSIS
        if analysed and candidate and same_weights(candidate.newest, record.record):
            candidate.analysis = record
