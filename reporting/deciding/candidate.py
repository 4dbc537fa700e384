"""One scheme of a model, with the records of it that a report uses."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.records import Figure, Record
from core.stats import Ratio
from reporting.reading.results import Stored

if TYPE_CHECKING:
    from quality.comparison import Quality

BASE = "BASE"


@dataclass
class Candidate:
    """One scheme of the model and the records of it that are used.

    `performance` and `quality` are keyed as `reading.measures` says (`memory`, `batch 8`).
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
        return self.newest_stored.record

    @property
    def newest_stored(self) -> Stored:
        """The same with its file."""
        group = self.performance or self.quality
        return max(group.values(), key=lambda s: (s.record.served is not None, s.record.ended))

    @property
    def served(self) -> dict[str, Any]:
        """What the engine really served, empty when it never loaded."""
        return self.newest.served or {}

    @property
    def stored(self) -> dict[str, Stored]:
        """Its records by key, performance first."""
        return self.performance | self.quality

    def finished(self, key: str) -> bool:
        """Whether a measure of speed or memory finished."""
        return key in self.performance and self.performance[key].record.status == "ok"

    def record(self, key: str) -> Record | None:
        """Its record of a measure where that finished."""
        stored = self.performance.get(key) or self.quality.get(key)
        return stored.record if stored and stored.record.status == "ok" else None

    def figure(self, key: str, name: str) -> Figure | None:
        """One figure, None where the measure did not finish or the hardware cannot tell."""
        record = self.record(key)
        return record.figures.get(name) if record else None

    def values(self, key: str) -> dict[str, float]:
        """A measure's figures by name; empty where it did not finish."""
        record = self.record(key)
        return {name: f.value for name, f in record.figures.items()} if record else {}

    def problem(self, key: str) -> str | None:
        """Why a measure of it has no result, None when it has one or was not asked for."""
        stored = self.performance.get(key) or self.quality.get(key)
        if stored is None or stored.record.status == "ok":
            return None
        return stored.record.reason or stored.record.status


def plain_ratio(figure: Figure, other: Figure) -> Ratio | None:
    """`figure` over `other`, turned round where less is better; None where one is not above 0."""
    if min(figure.value, other.value) <= 0:
        return None
    turned = figure.better == "lower"
    value = other.value / figure.value if turned else figure.value / other.value
    return Ratio(value=value, low=None, high=None)


def same_weights(first: Record, second: Record) -> bool:
    """Whether two records are of one checkpoint. lm-eval's own files do not name their weights.

    A record without weights that failed is of a checkpoint that could not be made: of none.
    """
    weights, others = first.subject.fingerprint, second.subject.fingerprint
    return weights == others or not others or (not weights and first.status == "ok")
