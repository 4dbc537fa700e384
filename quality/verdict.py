"""What a comparison of a checkpoint with its base says, as data."""

from dataclasses import asdict, dataclass, field
from typing import Any

from core import plugins
from core.measure import Paired
from core.records import Record
from quality.paired import Comparison, Verdict


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Quality records of one checkpoint and of its base (the same ones for the base itself)."""

    base: list[Record]
    checkpoint: list[Record]

    @property
    def is_base(self) -> bool:
        """Whether this is the base itself."""
        return self.base is self.checkpoint


@dataclass(frozen=True, kw_only=True)
class Quality:
    """A checkpoint against its base.

    `tasks` compares each task's primary metric and `p_values` corrects for their number (Holm).
    `judged` are those that can show a loss and `aggregate` their mean; `uninformative` says why the
    others cannot. `verdict` fails when a task fails, at a confidence corrected for the number of
    tasks, else it is the aggregate's, at the confidence of the look (`looks`); None where nothing
    could be paired, and `reason` says why. `contradiction` withholds a pass. `schemes` were judged
    together (`judged_together`).

    `documents_each` is how many documents a task has at the most, `documents_needed` how many of
    each would decide an open verdict, None where more would hardly do; `available` are those there
    are of each task and `incomplete` says where not all that were asked count. `paired` holds what
    measures say of both, such as `perplexity_ratio`. `unpaired`: both were asked, but not the same
    in the same way, so that something has to be scored anew.
    """

    tasks: dict[str, Comparison]
    p_values: dict[str, float]
    aggregate: Comparison | None
    verdict: Verdict | None
    reason: str
    paired: dict[str, Paired] = field(default_factory=dict)
    unpaired: bool = False
    judged: tuple[str, ...] = ()
    uninformative: dict[str, str] = field(default_factory=dict)
    contradiction: str = ""
    margin: str = ""
    looks: int = 1
    schemes: int = 1
    documents_each: int = 0
    documents_needed: int | None = None
    available: dict[str, int] = field(default_factory=dict)
    incomplete: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain data, each paired figure under its own name; None for those not measured."""
        measures = [plugins.load("measures", name) for name in plugins.names("measures")]
        absent = {name: None for measure in measures for name in measure.paired}
        plain = asdict(self)
        return {**absent, **plain.pop("paired"), **plain}

    @property
    def failed(self) -> list[str]:
        """Tasks that failed by themselves."""
        return [name for name, task in self.tasks.items() if task.verdict == "fail"]
