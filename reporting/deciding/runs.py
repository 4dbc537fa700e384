"""Runs in a results folder: which there are, which may be compared, and what differs."""

from dataclasses import dataclass, field
from pathlib import Path

from comparing.context import Context, conditions, differences
from core import machine
from core.errors import UserError
from core.records import Record
from reporting.deciding.selection import compared_rounds
from reporting.reading import results as reading
from reporting.reading.measures import key_of
from reporting.reading.results import ANALYSIS, RecordsRead, Stored

Key = tuple[str, str]  # scheme and measure


@dataclass
class RecordedRun:
    """The newest record of every scheme and measure of one run (or folder)."""

    name: str
    stored: dict[Key, Stored] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The model of its newest record."""
        return max((s.record for s in self.stored.values()), key=lambda r: r.ended).subject.model

    @property
    def ended(self) -> str:
        """When its last record ended."""
        return max(s.record.ended for s in self.stored.values())

    @property
    def conditions(self) -> Context:
        """Hardware and settings, of its newest performance record."""
        timed = [s.record for s in self.stored.values() if s.record.kind == "performance"]
        return conditions(max(timed, key=lambda r: r.ended)) if timed else Context()


def runs(records: RecordsRead, model: str | None = None) -> list[RecordedRun]:
    """Every run of a model, oldest first.

    What another engine ran in it than the first is a run of its own, before it.
    """
    by_engine: dict[tuple[str, str], RecordedRun] = {}
    first: dict[str, str] = {}
    ended: dict[str, str] = {}
    for stored in records.stored:
        record = stored.record
        if model in (None, record.subject.model) and record.measure != ANALYSIS:
            name, engine = record.run_id, record.engine
            alone = engine == first.setdefault(name, engine)
            ended[name] = max(ended.get(name, ""), record.ended)
            run = RecordedRun(name if alone else f"{name} on {engine}")
            by_engine.setdefault((name, engine), run).stored[_key(record)] = stored
    for run in by_engine.values():
        run.stored = _compared(run.stored)
    order = sorted(by_engine, key=lambda key: (ended[key[0]], key[0], key[1] == first[key[0]]))
    return [by_engine[key] for key in order]


def _compared(stored: dict[Key, Stored]) -> dict[Key, Stored]:
    """A run without the rounds that a report does not compare: the base's last one alone."""
    timed = [each for each in stored.values() if each.record.kind == "performance"]
    rounds = compared_rounds(timed)
    return {
        key: each.only(rounds) if each.record.kind == "performance" else each
        for key, each in stored.items()
    }


def _key(record: Record) -> Key:
    return record.subject.scheme, key_of(record)


def comparable(known: list[RecordedRun]) -> tuple[list[RecordedRun], list[str]]:
    """The runs with the newest one's hardware and settings, and what is left out, in words."""
    if not known:
        again = machine.command_line("pipeline.py", "--model_id", "demo")
        raise UserError(f"there are no runs yet: `{again}` makes one")
    newest = next((run for run in reversed(known) if run.conditions), known[-1])
    same, left = [], []
    for run in known:
        apart = differences(run.conditions, newest.conditions) if run.conditions else []
        if apart:
            left.append(f"{run.name} is left out, it differs: {'; '.join(apart[:4])}")
        elif run.ended <= newest.ended:
            same.append(run)
    return same, left


def previous(known: list[RecordedRun]) -> RecordedRun | None:
    """The last run before the newest that measured something of the same in the same way.

    Runs that scored only have no conditions, and are compared with each other.
    """
    for run in reversed(known[:-1]):
        same = not differences(run.conditions, known[-1].conditions)
        if same and run.stored.keys() & known[-1].stored.keys():
            return run
    return None


def pick(records: RecordsRead, name: str, model: str | None) -> RecordedRun:
    """A run by its name or the start of it, or a results folder's records of a model, the newest
    where none is named; of several engines in it the first. Raises `UserError` for neither.
    """
    if Path(name).is_dir():
        inside = reading.read([Path(name)])
        wanted = model or next(iter(inside.models()), None)
        run = RecordedRun(name)
        own = [s for s in inside.stored if s.record.subject.model == wanted]
        measured = [s for s in own if s.record.measure != ANALYSIS]
        for stored in measured:
            if stored.record.engine == measured[0].record.engine:
                run.stored[_key(stored.record)] = stored
        if run.stored:
            return run
        raise UserError(f"there are no records of this model in {name}/")
    known = runs(records, model)
    alike = [run for run in known if run.name.startswith(name)]
    fitting = [run for run in alike if run.name == name] or alike
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(run.name for run in (fitting or known)[-5:]) or "none"
    which = "several runs are" if fitting else "no run is"
    raise UserError(f"{which} called {name!r}; there are: {listed}")
