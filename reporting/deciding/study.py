"""What a report is about: one model's schemes, each with the records that may be compared.

Many runs lie in a results folder. A report uses one context (hardware, engine and its version,
settings, load): the newest that has the base and a compressed scheme. Of each measure the newest
record counts, even when it failed. What is left out is said in `notes`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core import rounds
from core.errors import UserError
from core.records import Record
from core.stats import Ratio
from reporting.deciding import pairing
from reporting.deciding.candidate import BASE, Candidate, advantage, same_weights
from reporting.deciding.context import context, differences
from reporting.reading import measures
from reporting.reading.measures import key_of
from reporting.reading.results import ANALYSIS, RecordsRead, Stored

if TYPE_CHECKING:
    from quality.comparison import Margin, Quality, Scored


@dataclass
class Study:
    """One model's candidates in the order of reading: the base, then as they were measured."""

    model: str
    candidates: list[Candidate]
    context: dict[str, str]
    margins: "dict[str, Margin]"
    notes: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> Candidate | None:
        """The uncompressed model, None when nobody measured it."""
        return next((c for c in self.candidates if c.is_base), None)

    @property
    def compressed(self) -> list[Candidate]:
        """Every other candidate."""
        return [c for c in self.candidates if not c.is_base]

    @property
    def finished(self) -> list[str]:
        """The measures somebody finished, by key, as reports order them."""
        return measures.ordered(k for c in self.candidates for k in c.stored if c.record(k))

    def loads(self) -> list[str]:
        """The measures of speed at a load that somebody finished."""
        return [key for key in self.finished if measures.load(key)]

    @property
    def rounds(self) -> list[int]:
        """On how many fresh loads finished measures of speed are, each number once, least first.

        Schemes can differ: rounds were interrupted, or a later run had others.
        """
        timed = (s.record for c in self.candidates for s in c.performance.values())
        return sorted({record.round for record in timed if record.status == "ok"})

    def speed_up(self, candidate: Candidate, key: str, name: str = "") -> Ratio | None:
        """How many times better than the base a figure is: above 1 is better, whatever its unit.

        Without `name` it is the measure's headline figure.
        """
        if self.base is None or candidate.is_base:
            return None
        name = name or measures.headline(key)
        return advantage(candidate.figure(key, name), self.base.figure(key, name))


def build(
    records: RecordsRead,
    model: str | None = None,
    margins: "dict[str, Margin] | None" = None,
    run: str | None = None,
) -> Study:
    """The study of one model; `margins` are accepted losses as `parse_margins` gives them.

    Raises `UserError` when there are no records, several models and none was named, or the named
    model or run has none.
    """
    margins = _margins(margins)
    stored = _of_run(records.of_model(model), run)
    name = stored[-1].record.subject.model
    speed = [s for s in stored if s.record.kind == "performance"]
    chosen, notes = _comparable(speed)
    candidates: dict[str, Candidate] = {}
    for record in chosen:
        _of(candidates, record).performance[key_of(record.record)] = record
    notes += _add_quality(candidates, [s for s in stored if s.record.kind == "quality"])
    if not candidates:
        raise UserError(f"there are only analyses of {name}: measure its speed or quality first")
    _add_analyses(candidates, stored)
    ordered = sorted(candidates.values(), key=lambda c: not c.is_base)
    study = Study(
        model=name,
        candidates=ordered,
        margins=margins,
        notes=notes,
        broken=records.broken,
        context=context(chosen[-1].record) if chosen else {},
    )
    _compare_quality(study)
    return study


def of_records(records: Iterable[Record], margins: "dict[str, Margin] | None" = None) -> Study:
    """The study of one model's records that were just made, raw values included."""
    stored = [Stored(record, Path()) for record in rounds.merged(records)]
    return build(RecordsRead(stored=stored), margins=margins)


def of_scored(
    scored: "list[tuple[Scored, Quality]]", margins: "dict[str, Margin] | None" = None
) -> Study:
    """The study of one base and of checkpoints scored against it, with what that says of each."""
    candidates = []
    for each, compared in scored:
        candidate = Candidate(each.checkpoint[0].subject.scheme)
        candidate.quality = {key_of(r): Stored(r, Path()) for r in each.checkpoint}
        candidate.compared = None if each.is_base else compared
        candidates.append(candidate)
    return Study(
        model=candidates[0].newest.subject.model,
        candidates=sorted(candidates, key=lambda candidate: not candidate.is_base),
        context={},
        margins=_margins(margins),
    )


def _margins(margins: "dict[str, Margin] | None") -> "dict[str, Margin]":
    from quality.comparison import Margin

    return {"": Margin()} if margins is None else margins


def _of_run(stored: list[Stored], run: str | None) -> list[Stored]:
    """Performance of that run only; quality stays, it does not depend on when."""
    if run is None:
        return stored
    of_run = [s for s in stored if s.record.run_id.startswith(run)]
    if not of_run:
        raise UserError(f"there is no run {run!r}; the newest is {stored[-1].record.run_id}")
    quality = [s for s in stored if s.record.kind == "quality" and s not in of_run]
    return [*quality, *of_run]


def _comparable(stored: list[Stored]) -> tuple[list[Stored], list[str]]:
    """The records of the context to report, oldest first, and what was left out."""
    groups: dict[tuple[tuple[str, str], ...], list[Stored]] = {}
    for record in stored:
        groups.setdefault(tuple(context(record.record).items()), []).append(record)
    if not groups:
        return [], ["no performance was measured"]
    newest_first = sorted(groups, key=lambda key: groups[key][-1].record.ended, reverse=True)
    best = max(newest_first, key=lambda key: _worth(groups[key]))
    notes = []
    for key in newest_first:
        if key != best:
            apart = "; ".join(differences(dict(best), dict(key))[:4])
            notes.append(f"{len(groups[key])} records are left out, they differ: {apart}")
    return groups[best], notes


def _worth(group: list[Stored]) -> int:
    """2: the base and another, 1: several schemes, 0: one. Of equals the newest is used."""
    schemes = {s.record.subject.scheme for s in group}
    return 2 if BASE in schemes and len(schemes) > 1 else int(len(schemes) > 1)


def _of(candidates: dict[str, Candidate], record: Stored) -> Candidate:
    scheme = record.record.subject.scheme
    return candidates.setdefault(scheme, Candidate(scheme))


def _add_quality(candidates: dict[str, Candidate], stored: Iterable[Stored]) -> list[str]:
    """Add the newest quality record of each measure; those of other weights are left out."""
    left: dict[str, int] = {}
    for record in stored:
        candidate = candidates.get(record.record.subject.scheme)
        if (
            candidate
            and candidate.performance
            and not same_weights(candidate.newest, record.record)
        ):
            left[candidate.scheme] = left.get(candidate.scheme, 0) + 1
            continue
        if record.record.measure != ANALYSIS:
            _of(candidates, record).quality[key_of(record.record)] = record
    return [
        f"{scheme}: {count} quality records are left out, they are of other weights than were timed"
        for scheme, count in left.items()
    ]


def _add_analyses(candidates: dict[str, Candidate], stored: Iterable[Stored]) -> None:
    """What was found inside the very weights that were measured; no candidate comes of it alone."""
    for record in stored:
        candidate = candidates.get(record.record.subject.scheme)
        analysed = record.record.measure == ANALYSIS
        if analysed and candidate and same_weights(candidate.newest, record.record):
            candidate.analysis = record


def _compare_quality(study: Study) -> None:
    """Pair every candidate's quality with the base's; raw values are read for this and dropped."""
    if study.base is None:
        return
    base = list(study.base.quality.values())
    for candidate in study.compressed:
        margin = study.margins.get(candidate.scheme, study.margins[""])
        candidate.compared = pairing.compare(base, list(candidate.quality.values()), margin)
