"""Reads results folders for a report: a broken file is named, and the others are used.

Raw values stay on disk (`Stored.raw` reads them when asked for), and what many records share word
for word, such as a checkpoint's manifest, is kept once: ten thousand records fit in memory.
"""

import marshal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from comparing import rounds
from core import machine, records
from core.errors import UserError
from core.records import Record
from reporting.reading import lm_eval, measures, shape
from reporting.reading.shape import ANALYSIS

__all__ = ["ANALYSIS", "RecordsRead", "Stored", "read"]
EXAMPLE = "example"  # the folder of a results folder in which what comes with the project is
SHARED = ("options", "settings", "served", "machine", "command")


class Part(NamedTuple):
    """One record, without its raw values where these stay on disk, and its file."""

    record: Record
    path: Path

    def raw(self) -> dict[str, Any]:
        """The raw values, read again from the file; empty where there are none."""
        if self.record.raw is not None:
            return self.record.raw
        if lm_eval.is_results(self.path):
            return lm_eval.raw(self.path)
        return records.load(self.path).raw or {}


@dataclass(frozen=True)
class Stored:
    """A record as reports use it, made of one or more `parts`: rounds, or evidence merged."""

    record: Record
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, record: Record, path: Path | None = None) -> "Stored":
        """A record that stands alone."""
        return cls(record, (Part(record, path or Path()),))

    @classmethod
    def of_rounds(cls, parts: Iterable[Part]) -> "Stored":
        """The rounds of one measure on one checkpoint of one run."""
        ordered = sorted(parts, key=lambda part: (part.record.round, part.record.ended))
        counting = rounds.one_a_round(part.record for part in ordered)
        kept = tuple(part for part in ordered if any(part.record is one for one in counting))
        return cls(rounds.merge(counting), kept)

    def only(self, numbers: set[int]) -> "Stored":
        """Of some rounds alone; itself where it is of no other, or of none of them."""
        parts = [part for part in self.parts if part.record.round in numbers]
        return Stored.of_rounds(parts) if parts and len(parts) < len(self.parts) else self

    @property
    def path(self) -> Path:
        """The file of its last part."""
        return self.parts[-1].path

    @property
    def rounds(self) -> list[Record]:
        """The record of each round."""
        return [part.record for part in self.parts]

    def raw(self) -> dict[str, Any]:
        """The raw values of all parts; timed requests are of every round."""
        raws = [part.raw() for part in self.parts]
        measure = measures.find(self.record.measure)
        if len(raws) > 1 and measure is not None and measure.merge is not None:
            return measure.merge(raws)
        if len(raws) > 1 and "repeats" in raws[-1]:
            rows = [row for raw in raws for row in raw.get("repeats", [])]
            return {**raws[-1], "repeats": rows}
        return raws[-1]

    def whole(self) -> Record:
        """The record with its raw values."""
        return self.record.model_copy(update={"raw": self.raw()})


@dataclass
class RecordsRead:
    """What was read, oldest first, and the files that could not be, with the reason.

    `example` says that there was nothing else than the records that come with the project.
    """

    stored: list[Stored] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    example: bool = False

    def models(self) -> list[str]:
        """Every model there is a record of: measured ones, the latest first, then analysed ones."""
        newest: dict[str, tuple[bool, str]] = {}
        for stored in self.stored:
            record = stored.record
            measured = record.measure != ANALYSIS, record.ended
            newest[record.subject.model] = max(newest.get(record.subject.model, measured), measured)
        return sorted(newest, key=lambda model: (newest[model], model), reverse=True)

    def choose(self, model: str | None) -> str:
        """The model asked for, or the newest. Raises `UserError` where there is none."""
        models = self.models()
        if not models:
            broken = f" ({len(self.broken)} files could not be read)" if self.broken else ""
            demo = machine.command_line("pipeline.py", "--model_id", "demo")
            raise UserError(f"there are no records{broken}: `{demo}` makes some")
        if model is not None and model not in models:
            raise UserError(f"there is no record of {model!r}; there are: {', '.join(models)}")
        return model or models[0]

    def of_model(self, model: str | None) -> list[Stored]:
        """Every record of the model that `choose` gives."""
        chosen = self.choose(model)
        return [stored for stored in self.stored if stored.record.subject.model == chosen]


def read(folders: list[Path], beside: Path | None = None) -> RecordsRead:
    """Every record below `folders`, lm-eval's own result files included.

    Those of lm-eval that lie right in the folder `beside` are read too; the example that comes with
    the project only where there is nothing else. Raises `UserError` for a folder that was asked for
    and is not there.
    """
    paths = list(_files(folders))
    own = lm_eval.beside(beside) if beside else []
    example: list[Path] = []
    for path, folder in paths:
        (example if path.relative_to(folder).parts[0] == EXAMPLE else own).append(path)
    records_read = _read(own)
    if records_read.stored or not example:
        return records_read
    instead = _read(example)
    return replace(instead, broken=records_read.broken | instead.broken, example=True)


def _read(paths: list[Path]) -> RecordsRead:
    records_read = RecordsRead()
    shared: dict[bytes, Any] = {}
    of_lm_eval: list[Path] = []
    covered: set[str] = set()  # files of lm-eval's with the same scores as a record of ours
    for path in paths:
        if lm_eval.is_results(path):
            of_lm_eval.append(path)
            continue
        try:
            record = records.load(path)
            shape.check(record)
        except UserError as problem:
            records_read.broken[str(path)] = str(problem).removeprefix(f"{path}: ")
            continue
        if record.round == 0:  # what a run chose its loads by, which compares nothing
            continue
        if record.status == "ok":  # the raw values of others are not checked
            covered |= {Path(name).name for name in (record.raw or {}).get("files") or ()}
        records_read.stored.append(Stored.of(_light(record, shared), path))
    known = [stored.record for stored in records_read.stored]
    for path in of_lm_eval:
        if path.name in covered:
            continue
        try:
            record = lm_eval.read(path, known)
            shape.check(record.model_copy(update={"raw": lm_eval.raw(path)}))
            records_read.stored.append(Stored.of(record, path))
        except UserError as problem:
            records_read.broken[str(path)] = str(problem).removeprefix(f"{path}: ")
    by_time = sorted(records_read.stored, key=lambda stored: stored.record.ended)
    records_read.stored = together(by_time)
    return records_read


def together(stored: Iterable[Stored]) -> list[Stored]:
    """The rounds of each measure of a run as one, at the place of the last; of a copy one."""
    groups: dict[rounds.Key, list[Part]] = {}
    for each in stored:
        place = rounds.key(each.record)
        groups[place] = [*groups.pop(place, []), *each.parts]
    return [Stored.of_rounds(parts) for parts in groups.values()]


def _files(folders: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Every JSON file, with the folder it was asked for in."""
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"there is no results folder {folder}")
        yield from ((path, folder) for path in sorted(folder.rglob("*.json")))


def _light(record: Record, shared: dict[bytes, Any]) -> Record:
    """The record without raw values; equal parts of different records become one object."""
    once = partial(_once, shared)
    parts = {name: once(getattr(record, name)) for name in SHARED}
    subject = record.subject.model_copy(update={"manifest": once(record.subject.manifest)})
    return record.model_copy(update={"raw": None, "subject": subject, **parts})


def _once(shared: dict[bytes, Any], part: Any) -> Any:
    return shared.setdefault(marshal.dumps(part, 0), part)
