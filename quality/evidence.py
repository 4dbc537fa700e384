"""Which records of a checkpoint and of its base may be held against each other, and as what.

Only finished records count: of the base the checkpoint was made from, of one engine's real work
where there is any, and of one context (`comparing.context`). Records of a context are merged; of
several contexts that both have the one with most documents counts, of equals the newest.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from comparing.context import context, differences, grouped
from core import plugins
from core.measure import Measure, Raw
from core.records import Record
from quality.documents import coverage

BASE = "BASE"


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What a base and a checkpoint were both asked by one measure in one context.

    `record` is the checkpoint's newest of it.
    """

    base: Raw
    checkpoint: Raw
    record: Record

    @property
    def looks(self) -> int:
        """How often the two were looked at, with more documents each time."""
        return max(int(raw.get("looks", 1)) for raw in (self.base, self.checkpoint))

    @property
    def documents(self) -> int:
        """Documents that both answered."""
        judged = "tasks" in self.base and "tasks" in self.checkpoint
        shared = coverage(self.base, self.checkpoint).values() if judged else ()
        return sum(count for count, _ in shared)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Finished records of a checkpoint and of its base, and why others are not its base's."""

    base: list[Record]
    checkpoint: list[Record]
    problem: str = ""
    measures: dict[str, Measure] = field(default_factory=dict)

    def shared(self, measure: str) -> Shared | None:
        """What both were asked by a measure; None where there is no such context."""
        wanted = self.measures[measure]
        owned = [
            (context(record), (owner, record))
            for owner, records in enumerate((self.base, self.checkpoint))
            for record in records
            if record.measure == measure and record.raw
        ]
        both = []
        for group in grouped(owned):
            base, own = ([r for owner, r in group if owner == side] for side in (0, 1))
            if base and own:
                newest = max(own, key=lambda record: record.ended)
                both.append(
                    Shared(base=_one(wanted, base), checkpoint=_one(wanted, own), record=newest)
                )
        worth = partial(_worth, wanted)
        return max(both, key=worth, default=None)

    def apart(self, measure: str) -> str:
        """Why both have records of a measure and none may be held against the other."""
        sides = [[r for r in side if r.measure == measure] for side in (self.base, self.checkpoint)]
        if not all(sides):
            return ""
        first, second = (context(max(side, key=lambda r: r.ended)) for side in sides)
        apart = "; ".join(differences(first, second)[:4])
        return f"the base and the checkpoint were not asked alike: {apart}" if apart else ""

    def served_alike(self, measure: str, record: Record) -> Record | None:
        """The checkpoint's newest record of another measure that was served as `record` was."""
        served = context(_unasked(record))
        alike = [
            other
            for other in self.checkpoint
            if other.measure == measure and not differences(served, context(_unasked(other)))
        ]
        return max(alike, key=lambda other: other.ended, default=None)


def gather(base: list[Record], checkpoint: list[Record]) -> Evidence:
    """What counts of all records of a checkpoint and of its base."""
    known = set(plugins.names("measures"))
    own = _of_weights(_real(r for r in checkpoint if r.status == "ok" and r.measure in known))
    others = _real(record for record in base if record.status == "ok" and record.measure in known)
    fitting, problem = _made_from(others, own)
    names = dict.fromkeys(record.measure for record in own)
    measures = {name: plugins.load("measures", name) for name in names}
    return Evidence(base=_of_weights(fitting), checkpoint=own, problem=problem, measures=measures)


def judges(record: Record) -> bool:
    """Whether quality is judged by a record's measure: it scores documents."""
    known = record.measure in plugins.names("measures")
    return known and plugins.load("measures", record.measure).scores is not None


def _real(records: Iterable[Record]) -> list[Record]:
    """Records of real work; those of a simulated engine where there are no others."""
    every = list(records)
    engines = set(plugins.names("engines"))
    real = [
        record
        for record in every
        if record.engine not in engines or not plugins.load("engines", record.engine).simulated
    ]
    return real or every


def _of_weights(records: list[Record]) -> list[Record]:
    """Those of the newest weights; lm-eval's own files do not name theirs."""
    named = [record for record in records if record.subject.fingerprint]
    newest = max(named, key=lambda record: record.ended, default=None)
    weights = newest.subject.fingerprint if newest else ""
    return [record for record in records if record.subject.fingerprint in ("", weights)]


def _made_from(base: list[Record], checkpoint: list[Record]) -> tuple[list[Record], str]:
    """The base's records with the weights a checkpoint was made from; a sentence where none has."""
    manifests = [record.subject.manifest for record in checkpoint if record.subject.scheme != BASE]
    known = [(manifest.get("base") or {}).get("fingerprint") for manifest in manifests]
    weights = next((fingerprint for fingerprint in known if fingerprint), None)
    fitting = [
        record
        for record in base
        if weights is None
        or record.subject.scheme != BASE
        or record.subject.fingerprint in ("", weights)
    ]
    if fitting or not base:
        return fitting, ""
    return [], "the base that was scored has other weights than the checkpoint was made from"


def _worth(measure: Measure, shared: Shared) -> tuple[int, float, str]:
    """Sorts contexts: by documents, then by how much was asked, then by time."""
    return shared.documents, measure.asked(shared.record.settings), shared.record.ended


def _one(measure: Measure, records: list[Record]) -> Raw:
    """The raw values of one context: merged, else those asked most, of equals the newest."""
    oldest_first = sorted(records, key=lambda record: record.ended)
    if measure.merge is not None:
        return measure.merge([record.raw or {} for record in oldest_first])
    most = max(reversed(oldest_first), key=lambda record: measure.asked(record.settings))
    return most.raw or {}


def _unasked(record: Record) -> Record:
    return record.model_copy(update={"settings": {}})
