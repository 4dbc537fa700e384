"""Which records of a model a report compares: those of one context, the best founded there is.

Speed is of one run, in which checkpoints took turns; memory may be of others, since it is counted.
Of a quality measure the records of one context make one body of evidence, so that a later, smaller
question replaces nothing. Records of simulated engines, failed ones and those of other weights come
last or not at all. What is left out is said.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from comparing.context import context, differences, grouped, kind_of
from comparing.figures import figures_of
from core.records import Record
from core.words import several
from reporting.deciding.candidate import BASE, Candidate, same_weights
from reporting.reading import engines, measures
from reporting.reading.measures import key_of
from reporting.reading.results import ANALYSIS, Stored

Candidates = dict[str, Candidate]


def of(candidates: Candidates, scheme: str) -> Candidate:
    """The candidate of a scheme, made where there is none yet."""
    return candidates.setdefault(scheme, Candidate(scheme))


def of_newest_weights(stored: list[Stored], run: str | None) -> tuple[list[Stored], list[str]]:
    """The records of the weights that each scheme has now (or had in `run`), and what is left out.

    What was found of other weights says nothing of the folder that would be deployed. A scheme that
    could not be made any more has none. lm-eval's own files do not name theirs.
    """
    weights: dict[str, str] = {}
    for each in sorted(stored, key=lambda each: (_of_run(each, run), each.record.ended)):
        subject = each.record.subject
        not_made = each.record.kind == "performance" and each.record.status == "failed"
        if each.record.measure != ANALYSIS and (subject.fingerprint or not_made):
            weights[subject.scheme] = subject.fingerprint

    def current(each: Stored) -> bool:
        subject = each.record.subject
        known = weights.get(subject.scheme)
        return known is None or subject.fingerprint in ("", known)

    kept = [each for each in stored if current(each)]
    others = Counter(each.record.subject.scheme for each in stored if not current(each))
    notes = [
        f"{scheme}: without {several(count, 'record')} of other weights than it has now"
        for scheme, count in others.items()
    ]
    return kept, notes


def _of_run(stored: Stored, run: str | None) -> bool:
    return run is not None and stored.record.run_id.startswith(run)


def add_speed(candidates: Candidates, stored: Iterable[Stored]) -> dict[str, str]:
    """Add the run that compares best, only rounds that compare.

    Returns the schemes that other runs measured and this one did not, each with the difference.
    """
    groups = grouped((context(s.record), s) for s in stored if kind_of(s.record) == "speed")
    if not groups:
        return {}
    best = max(groups, key=_worth)
    rounds = compared_rounds(best)
    for each in sorted(best, key=lambda s: s.record.ended):
        part = each.only(rounds)
        of(candidates, part.record.subject.scheme).performance[key_of(part.record)] = part
    left_out: dict[str, str] = {}
    for group in sorted((g for g in groups if g is not best), key=_ended):
        apart = _apart(best, group)
        for scheme in _schemes(group):
            if scheme not in candidates:
                left_out[scheme] = apart
    return left_out


def newer_run(stored: Iterable[Stored], used: Candidates) -> str | None:
    """The newest run that measured speed, where another one is reported."""
    timed = [s.record for s in stored if kind_of(s.record) == "speed" and s.record.status == "ok"]
    newest = max(timed, key=lambda record: record.ended, default=None)
    runs = {s.record.run_id for c in used.values() for s in c.performance.values()}
    return newest.run_id if newest and runs and newest.run_id not in runs else None


def _worth(group: list[Stored]) -> tuple[bool, bool, bool, int, int, str]:
    """Sorts contexts: a real engine, a base with others, several loads, schemes, newest."""
    finished = [s.record for s in group if s.record.status == "ok"]
    schemes = {record.subject.scheme for record in finished}
    rounds = min((record.round for record in finished), default=0)
    pair = BASE in schemes and len(schemes) > 1
    return _real(group), pair, rounds > 1, len(schemes), rounds, _ended(group)


def _real(group: Sequence[Stored]) -> bool:
    return not engines.named(group[0].record.engine).simulated


def _ended(group: Iterable[Stored]) -> str:
    return max(s.record.ended for s in group)


def _schemes(group: Iterable[Stored]) -> list[str]:
    return list(dict.fromkeys(s.record.subject.scheme for s in group))


def compared_rounds(group: list[Stored]) -> set[int]:
    """Rounds that more than one scheme was in; all where there is only one scheme."""
    schemes: dict[int, set[str]] = {}
    for stored in group:
        for record in stored.rounds:
            schemes.setdefault(record.round, set()).add(record.subject.scheme)
    several = {number for number, names in schemes.items() if len(names) > 1}
    return several or set(schemes)


def _apart(lead: list[Stored], group: list[Stored]) -> str:
    """What differs between two contexts, in words."""
    return "; ".join(differences(context(_fullest(lead)), context(_fullest(group)))[:4])


def _fullest(group: list[Stored]) -> Record:
    return max((s.record for s in group), key=lambda record: len(context(record)))


def add_memory(candidates: Candidates, stored: Iterable[Stored]) -> list[str]:
    """Add what was counted, of the chosen run or another of the same context; what is left out."""
    counted = [s for s in stored if kind_of(s.record) == "memory"]
    runs = {s.record.run_id for c in candidates.values() for s in c.performance.values()}
    leads = [s for s in counted if s.record.run_id in runs] or counted[-1:]
    if not leads:
        return []
    lead = context(_fullest(leads))
    alike: list[Stored] = []
    apart: list[Stored] = []
    for each in counted:
        (apart if differences(lead, context(each.record)) else alike).append(each)
    for each in sorted(alike, key=lambda s: (s.record.run_id in runs, s.record.ended)):
        of(candidates, each.record.subject.scheme).performance[key_of(each.record)] = each
    apart = [each for each in apart if each.record.subject.scheme not in candidates]
    if not apart:
        return []
    names = ", ".join(_schemes(apart))
    return [f"memory of {names} is left out, it differs: {_apart(leads, apart)}"]


def drop_other_bases(candidates: Candidates) -> list[str]:
    """Remove schemes that were made from other weights than the base has."""
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
    """Add each measure's evidence of one context."""
    quality = [s for s in stored if s.record.kind == "quality" and s.record.measure != ANALYSIS]
    notes = []
    for measure in dict.fromkeys(s.record.measure for s in quality):
        notes += _add_measure(candidates, [s for s in quality if s.record.measure == measure])
    return notes


def _add_measure(candidates: Candidates, stored: list[Stored]) -> list[str]:
    finished = [s for s in stored if s.record.status == "ok"]
    groups = grouped((context(s.record), s) for s in finished)
    best = max(groups, key=_founded, default=[]) if len(groups) != 1 else groups[0]
    for each in stored:  # of what nobody finished the newest says why
        if each.record.status != "ok":
            of(candidates, each.record.subject.scheme).quality[key_of(each.record)] = each
    for scheme in _schemes(best):
        evidence = merged([s for s in best if s.record.subject.scheme == scheme])
        of(candidates, scheme).quality[key_of(evidence.record)] = evidence
    return [
        f"{several(len(group), 'record')} of {group[0].record.measure} "
        f"({', '.join(_schemes(group))}) left out, what differs: {_apart(best, group)}"
        for group in groups
        if group is not best
    ]


def _founded(group: list[Stored]) -> tuple[bool, bool, int, float, str]:
    """Sorts contexts: a real engine, a base with others, schemes, what was asked, newest."""
    schemes = _schemes(group)
    asked = sum(_documents(s) or _asked(s) for s in group)
    pair = BASE in schemes and len(schemes) > 1
    return _real(group), pair, len(schemes), asked, _ended(group)


def _documents(stored: Stored) -> int:
    """Documents that were answered, over all tasks; 0 where a measure has none."""
    tasks = stored.raw().get("tasks") or {}
    return sum(len(task.get("documents", ())) for task in tasks.values())


def _asked(stored: Stored) -> float:
    """How much settings ask, all there is as a large number."""
    measure = measures.find(stored.record.measure)
    return min(measure.asked(stored.record.settings), 1e12) if measure else 1.0


def merged(stored: list[Stored]) -> Stored:
    """Records of one measure, checkpoint and context as one body of evidence."""
    by_time = sorted(stored, key=lambda s: s.record.ended)
    measure = measures.find(by_time[-1].record.measure)
    if measure is None or measure.merge is None:
        return max(by_time, key=lambda s: (_asked(s), s.record.ended))
    if len(by_time) == 1:
        return by_time[0]
    raw = measure.merge([s.raw() for s in by_time])  # kept: reading it again would take as long
    figures = figures_of(by_time[-1].record.measure, raw)
    record = by_time[-1].record.model_copy(update={"figures": figures, "raw": raw})
    return Stored.of(record, by_time[-1].path)


def add_analyses(candidates: Candidates, stored: Iterable[Stored]) -> None:
    """What was found inside the weights that were measured; no candidate comes of it alone."""
    for each in stored:
        candidate = candidates.get(each.record.subject.scheme)
        analysed = each.record.measure == ANALYSIS
        if analysed and candidate and same_weights(candidate.newest, each.record):
            candidate.analysis = each
