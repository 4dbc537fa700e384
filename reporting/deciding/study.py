"""What a report is about: one model's schemes, each with the records that may be compared.

Which these are is `selection`'s business: one context, the best founded. What is left out is said
in `notes`.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from comparing.context import Context, context, kind_of
from comparing.rounds import quiet
from core import plugins
from core.errors import UserError
from core.records import Record
from core.stats import Ratio
from reporting.deciding import pairing, selection
from reporting.deciding.blocks import Blocks
from reporting.deciding.candidate import BASE, Candidate, plain_ratio
from reporting.deciding.disturbances import disturbed, drift
from reporting.reading import engines, measures
from reporting.reading.measures import key_of
from reporting.reading.results import ANALYSIS, RecordsRead, Stored, together

if TYPE_CHECKING:
    from quality.comparison import Margin, Quality, Scored


@dataclass
class Study:
    """One model's candidates in the order of reading: the base, then as they were measured.

    `left_out` are schemes whose speed was measured in another run or otherwise, with what differs;
    `newer_run` is the newest run where it is not the one compared. `elsewhere` are schemes that
    another engine alone ran, which are in a study of their own, with why they are not ranked here.
    Commands are written for the folder and the machine they are printed on where `here`, else for
    whoever reads them elsewhere.
    """

    model: str
    candidates: list[Candidate]
    context: Context
    margins: "dict[str, Margin]"
    notes: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    newer_run: str | None = None
    elsewhere: dict[str, str] = field(default_factory=dict)
    here: bool = False
    _blocks: dict[tuple[str, str], Blocks] = field(default_factory=dict, repr=False)

    @property
    def base(self) -> Candidate | None:
        """The uncompressed model, None when nobody measured it."""
        return next((c for c in self.candidates if c.is_base), None)

    @property
    def engine(self) -> str:
        """What ran it all, by name; that of the newest candidate where no speed was measured."""
        newest = max(self.candidates, key=lambda candidate: candidate.newest.ended)
        return self.context.get("engine") or newest.newest.engine

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
        records = (s.record for c in self.candidates for s in c.performance.values())
        timed = (r for r in records if r.status == "ok" and kind_of(r) == "speed")
        return sorted({record.round for record in timed})

    def speed_up(self, candidate: Candidate, key: str, name: str = "") -> Ratio | None:
        """How many times better than the base a figure is: above 1 is better, whatever its unit.

        Without `name` it is the measure's headline figure.
        """
        if self.base is None or candidate.is_base:
            return None
        return self.ratio(candidate, self.base, key, name or measures.headline(key))

    def ratio(self, candidate: Candidate, other: Candidate, key: str, name: str) -> Ratio | None:
        """How many times better than another's a figure is, with an interval where loads give one.

        Figures that are counted, such as sizes, have none.
        """
        first, second = (c.figure(key, name) for c in (candidate, other))
        if first is None or second is None:
            return None
        if (measure := measures.of_key(key)) is not None and measure.counted:
            return plain_ratio(first, second)
        return self.blocks(key, name).ratio(candidate.scheme, other.scheme)

    def blocks(self, key: str, name: str) -> Blocks:
        """A figure of every candidate that finished, by round, without contended rounds."""
        if (key, name) not in self._blocks:
            finished = {c.scheme: c.performance[key] for c in self.candidates if c.finished(key)}
            values = {
                scheme: {r.round: r.figures[name].value for r in quiet(stored.rounds)}
                for scheme, stored in finished.items()
                if name in stored.record.figures
            }
            better = [
                s.record.figures[name].better for s in finished.values() if name in s.record.figures
            ]
            looks = max((s.record.looks for s in finished.values()), default=1)
            self._blocks[key, name] = Blocks(values, better[0] if better else "", looks)
        return self._blocks[key, name]


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
    every = _of_run(records.of_model(model), run)
    stored, notes = selection.of_newest_weights(every, run)
    candidates: selection.Candidates = {}
    left_out = selection.add_speed(candidates, stored)
    notes += selection.add_memory(candidates, stored)
    notes += selection.add_quality(candidates, stored)
    notes += selection.drop_other_bases(candidates)
    name = stored[-1].record.subject.model
    if not candidates:
        raise UserError(f"there are only analyses of {name}: measure its speed or quality first")
    selection.add_analyses(candidates, stored)
    timed = [s.record for c in candidates.values() for s in c.performance.values()]
    study = Study(
        model=name,
        candidates=sorted(candidates.values(), key=lambda c: not c.is_base),
        margins=_margins(margins),
        notes=notes,
        broken=records.broken,
        context=context(max(timed, key=lambda r: (len(context(r)), r.ended)))
        if timed
        else Context(),
        left_out=left_out,
        newer_run=selection.newer_run(stored, candidates),
    )
    study.notes += disturbed(study.candidates, study.loads())
    study.notes += drift(study.base, study.loads(), stored) if study.base else []
    _compare_quality(study)
    return study


def by_engine(
    records: RecordsRead,
    model: str | None = None,
    margins: "dict[str, Margin] | None" = None,
    run: str | None = None,
) -> list[Study]:
    """The studies of one model, one for each engine that ran a compressed checkpoint of it.

    Engines compute otherwise and serve otherwise, so each has its own base and ranking. The first
    is the best founded one. Raises `UserError` as `build` does.
    """
    whole = build(records, model, margins, run)
    stored = records.of_model(whole.model)
    others = _others(stored, whole.engine)
    if not others:
        return [whole]
    studies = []
    for engine in (whole.engine, *others):
        foreign = {*others, whole.engine} - {engine}
        own = [s for s in stored if s.record.engine not in foreign or s.record.measure == ANALYSIS]
        with suppress(UserError):  # it has nothing of the run that was asked for
            read = RecordsRead(stored=own, broken=records.broken)
            studies.append(build(read, whole.model, margins, run))
    first, *beside = studies
    known = {candidate.scheme for candidate in first.candidates}
    for each in beside:
        strange = [c for c in each.compressed if c.scheme not in known]
        first.elsewhere |= {c.scheme: _unranked(c, each.engine, first.engine) for c in strange}
    return studies


def _unranked(candidate: Candidate, engine: str, own: str) -> str:
    """Why a scheme that only another engine ran is not ranked with those of the first."""
    problems = [candidate.problem(key) for key in candidate.performance]
    why = next(filter(None, problems), None)
    if why is not None:
        return why.removeprefix(f"{candidate.scheme} is ")
    return f"was run on {engine}, whose speeds are not ranked with those of {own}"


def _others(stored: list[Stored], own: str) -> list[str]:
    """Other real engines that finished something of a compressed checkpoint, or alone tried to."""
    known_here = {
        s.record.subject.scheme
        for s in stored
        if s.record.engine == own and s.record.status == "ok" and s.record.measure != ANALYSIS
    }
    names = {
        s.record.engine
        for s in stored
        if s.record.subject.scheme != BASE
        and s.record.measure != ANALYSIS
        and (s.record.status == "ok" or s.record.subject.scheme not in known_here)
    }
    known = set(plugins.names("engines"))
    return sorted(n for n in names - {own} if n in known and not engines.named(n).simulated)


def of_records(records: Iterable[Record], margins: "dict[str, Margin] | None" = None) -> Study:
    """The study of one model's records that were just made, raw values included."""
    return build(as_read(records), margins=margins)


def as_read(records: Iterable[Record]) -> RecordsRead:
    """Records that were just made, as if they had been read."""
    return RecordsRead(stored=together(Stored.of(record) for record in records))


def of_scored(
    scored: "list[tuple[Scored, Quality]]", margins: "dict[str, Margin] | None" = None
) -> Study:
    """The study of one base and of checkpoints scored against it, with what that says of each."""
    candidates = []
    for each, compared in scored:
        candidate = Candidate(each.checkpoint[0].subject.scheme)
        candidate.quality = {key_of(r): Stored.of(r) for r in each.checkpoint}
        candidate.compared = None if each.is_base else compared
        candidates.append(candidate)
    return Study(
        model=candidates[0].newest.subject.model,
        candidates=sorted(candidates, key=lambda candidate: not candidate.is_base),
        context=Context(),
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


def _compare_quality(study: Study) -> None:
    """Pair every candidate's quality with the base's; raw values are read for this and dropped."""
    if study.base is None:
        return
    from quality.comparison import judged_together

    base = list(study.base.quality.values())
    compared = [
        pairing.compare(
            base,
            list(candidate.quality.values()),
            study.margins.get(candidate.scheme, study.margins[""]),
        )
        for candidate in study.compressed
    ]
    for candidate, judged in zip(study.compressed, judged_together(compared), strict=True):
        candidate.compared = judged
