"""What a report is about: one model's schemes, each with the records that may be compared.

Many runs lie in a results folder. A report uses one context (hardware, engine and its version,
settings, load): the newest that has the base and a compressed scheme. Of each measure the newest
record counts, even when it failed. What is left out is said in `notes`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.records import Figure, Record
from core.stats import Ratio, ratio
from reporting.deciding import pairing
from reporting.deciding.context import context, differences, key_of, measure_order
from reporting.reading.results import ANALYSIS, Found, Stored

if TYPE_CHECKING:
    from quality.comparison import Margin, Quality

BASE = "BASE"
MARGIN = "1"  # a point of a hundred


@dataclass
class Candidate:
    """One scheme of the model and the records of it that are used.

    `performance` is keyed by measure, batches by size too (`batch 8`); `quality` by measure.
    `analysis` is what was found inside the checkpoint. `compared` is `quality.comparison.Quality`
    against the base, None without a base.
    """

    scheme: str
    performance: dict[str, Stored] = field(default_factory=dict)
    quality: dict[str, Stored] = field(default_factory=dict)
    analysis: Stored | None = None
    compared: "Quality | None" = None

    @property
    def is_base(self) -> bool:
        """Whether this is the uncompressed model."""
        return self.scheme == BASE

    @property
    def newest(self) -> Record:
        """The newest of its records, performance first: it says which checkpoint this is."""
        group = self.performance or self.quality
        return max(
            (s.record for s in group.values()), key=lambda r: (r.served is not None, r.ended)
        )

    @property
    def served(self) -> dict[str, Any]:
        """What the engine really served, empty when it never loaded."""
        return self.newest.served or {}

    def record(self, measure: str) -> Record | None:
        """Its record of a measure where that finished."""
        stored = self.performance.get(measure) or self.quality.get(measure)
        return stored.record if stored and stored.record.status == "ok" else None

    def figure(self, measure: str, name: str) -> Figure | None:
        """One figure, None where the measure did not finish or the hardware cannot tell."""
        record = self.record(measure)
        return record.figures.get(name) if record else None

    def problem(self, measure: str) -> str | None:
        """Why a measure of it has no result, None when it has one or was not asked for."""
        stored = self.performance.get(measure) or self.quality.get(measure)
        if stored is None or stored.record.status == "ok":
            return None
        return stored.record.reason or stored.record.status


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

    def measures(self) -> list[str]:
        """The performance measures somebody finished: sequential, then batches by size."""
        keys = {key for c in self.candidates for key in c.performance if c.record(key)}
        return sorted(keys, key=measure_order)

    def batches(self) -> list[str]:
        """`batch 8`, `batch 32`, ... as far as measured, small first."""
        return [key for key in self.measures() if key.startswith("batch")]

    @property
    def rounds(self) -> list[int]:
        """On how many fresh loads finished measures of speed are, each number once, least first.

        Schemes can differ: rounds were interrupted, or a later run had others.
        """
        timed = (s.record for c in self.candidates for s in c.performance.values())
        return sorted({record.round for record in timed if record.status == "ok"})

    def speed_up(self, candidate: Candidate, measure: str, name: str = "") -> Ratio | None:
        """How many times better than the base a figure is: above 1 is better, whatever its unit.

        Without `name` it is the measure's `headline`.
        """
        if self.base is None or candidate.is_base:
            return None
        name = name or headline(measure)
        return advantage(candidate.figure(measure, name), self.base.figure(measure, name))


def headline(measure: str) -> str:
    """The figure that says how fast a scheme is at a load: latency of one, throughput of many."""
    return "e2e_latency_s" if measure == "sequential" else "output_tokens_per_s"


def advantage(mine: Figure | None, other: Figure | None) -> Ratio | None:
    """`mine` over `other`, turned round for figures where less is better; None without both."""
    if mine is None or other is None or min(*mine.values, *other.values) <= 0:
        return None
    if mine.better == "lower":
        return ratio(other.values, mine.values)
    return ratio(mine.values, other.values)


def build(
    found: Found, model: str | None = None, margin: str = MARGIN, run: str | None = None
) -> Study:
    """The study of one model; `margin` is the accepted loss of quality as `--margin` spells it.

    Raises `UserError` when there are no records, several models and none was named, or the named
    model or run has none.
    """
    from quality.comparison import parse_margins

    margins = parse_margins(margin)
    stored = _of_run(found.of_model(model), run)
    name = stored[-1].record.subject.model
    speed = [s for s in stored if s.record.kind == "performance"]
    chosen, notes = _comparable(speed)
    candidates: dict[str, Candidate] = {}
    for one in chosen:
        _of(candidates, one).performance[key_of(one.record)] = one
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
        broken=found.broken,
        context=context(chosen[-1].record) if chosen else {},
    )
    _compare_quality(study)
    return study


def _of_run(stored: list[Stored], run: str | None) -> list[Stored]:
    """Performance of that run only; quality stays, it does not depend on when."""
    if run is None:
        return stored
    mine = [s for s in stored if s.record.run_id.startswith(run)]
    if not mine:
        raise UserError(f"there is no run {run!r}; the newest is {stored[-1].record.run_id}")
    quality = [s for s in stored if s.record.kind == "quality" and s not in mine]
    return [*quality, *mine]


def _comparable(stored: list[Stored]) -> tuple[list[Stored], list[str]]:
    """The records of the context to report, oldest first, and what was left out."""
    groups: dict[tuple[tuple[str, str], ...], list[Stored]] = {}
    for one in stored:
        groups.setdefault(tuple(context(one.record).items()), []).append(one)
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


def _of(candidates: dict[str, Candidate], one: Stored) -> Candidate:
    scheme = one.record.subject.scheme
    return candidates.setdefault(scheme, Candidate(scheme))


def _add_quality(candidates: dict[str, Candidate], stored: Iterable[Stored]) -> list[str]:
    """Add the newest quality record of each measure; those of other weights are left out."""
    left: dict[str, int] = {}
    for one in stored:
        candidate = candidates.get(one.record.subject.scheme)
        if candidate and candidate.performance and not _same_weights(candidate.newest, one.record):
            left[candidate.scheme] = left.get(candidate.scheme, 0) + 1
            continue
        if one.record.measure != ANALYSIS:
            _of(candidates, one).quality[one.record.measure] = one
    return [
        f"{scheme}: {count} quality records are left out, they are of other weights than were timed"
        for scheme, count in left.items()
    ]


def _add_analyses(candidates: dict[str, Candidate], stored: Iterable[Stored]) -> None:
    """What was found inside the very weights that were measured; no candidate comes of it alone."""
    for one in stored:
        candidate = candidates.get(one.record.subject.scheme)
        analysed = one.record.measure == ANALYSIS
        if analysed and candidate and _same_weights(candidate.newest, one.record):
            candidate.analysis = one


def _same_weights(one: Record, other: Record) -> bool:
    """Whether two records are of one checkpoint. lm-eval's own files do not name their weights.

    A record without weights that failed is of a checkpoint that could not be made: of none.
    """
    mine, theirs = one.subject.fingerprint, other.subject.fingerprint
    return mine == theirs or not theirs or (not mine and one.status == "ok")


def _compare_quality(study: Study) -> None:
    """Pair every candidate's quality with the base's; raw values are read for this and dropped."""
    if study.base is None:
        return
    base = list(study.base.quality.values())
    for candidate in study.compressed:
        margin = study.margins.get(candidate.scheme, study.margins[""])
        candidate.compared = pairing.compare(base, list(candidate.quality.values()), margin)
