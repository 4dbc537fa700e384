"""One execution of a command: how checkpoints are served, and where their records go."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, models
from comparing.context import context
from core import cli, plugins, records
from core.engine import Options
from core.errors import UserError
from core.machine import probe
from core.measure import Job, ServedBase
from core.records import Record, Subject
from quality.documents import covers
from running import outcomes, server, serving, session
from running.jobs import rest
from running.outcomes import completed, subject_of
from running.session import Outcome, Session

LOGS = Path("build/logs")


@dataclass(frozen=True, kw_only=True)
class Run:
    """How every checkpoint of a run is served and measured; all its records carry its `id`.

    `engine` may be `serving.AUTO`, which each checkpoint's own is chosen by.
    Records of speed and of quality go below `results` and `eval_results`. Every checkpoint is
    loaded anew in `rounds` rounds, those still undecided then in up to `max_rounds`. Where it is
    `fresh`, no record of another run stands for one of its own.
    """

    engine: str
    options: Options
    results: Path
    eval_results: Path
    allow_fallback: bool = False
    rounds: int = 1
    max_rounds: int = 1
    fresh: bool = False
    id: str = field(default_factory=records.new_run_id)
    began: str = field(default_factory=lambda: records.now().isoformat())
    unsaved: list[Record] = field(default_factory=list)  # what their folders could not take

    @property
    def looks(self) -> int:
        """How often the run may look at its rounds to tell whether it needs more."""
        return max(1, self.max_rounds - self.rounds + 1)

    def folder(self, kind: str) -> Path:
        """Where records of a kind go."""
        return self.results if kind == "performance" else self.eval_results

    def base(self, path: Path) -> ServedBase:
        """The base in a folder, as this run serves it. Raises `UserError` for what is none."""
        files = checkpoint.read(path)
        identity = models.identify(str(path))
        return ServedBase(
            path=path,
            fingerprint=files.fingerprint,
            context_length=self.options.max_model_len or files.context_length,
            engine=serving.of(identity, self.engine, self.allow_fallback).engine,
            options=self.options,
        )

    def try_writing(self) -> None:
        """Raise `UserError` where records could not be saved; once, before any work.

        Later it would end a run whose records can be kept aside.
        """
        for folder in dict.fromkeys((self.results, self.eval_results)):
            records.try_writing(folder)

    def prepare(
        self,
        jobs: list[Job],
        libraries: tuple[str, ...] = (),
        tell: cli.Tell = lambda step, done, total: None,
        engines: tuple[str, ...] = (),
    ) -> None:
        """Import what the jobs, `libraries` and `engines` need, once for all checkpoints.

        Raises `UserError` where nothing can be started.
        """
        measures = list(dict.fromkeys(job.measure for job in jobs))
        wanted = engines or serving.possible(self.engine)
        server.prepare(wanted, measures, LOGS, libraries, tell)

    def measure(
        self,
        identity: models.Identity,
        jobs: list[Job],
        tell: cli.Tell,
        number: int = 1,
        wanted: list[Job] | None = None,
    ) -> list[Record]:
        """Measure a checkpoint on one load and save a record a job, failed ones with their reason.

        `number` is the round's. Of `jobs` those not `wanted` leave no record (all are by default).
        A process that dies is tried once more for what it left. Raises `UserError` when the folder
        cannot be read.
        """
        wanted = jobs if wanted is None else wanted
        subject = subject_of(identity)
        service = serving.of(identity, self.engine, self.allow_fallback)
        blank = self.blank(subject, number, service.engine)
        output = records.folder(subject, self.eval_results)
        saved: dict[Job, Record] = {}
        for job in wanted:
            if reason := service.refuses(job):
                refused = completed(blank, job, status="unsupported", reason=reason)
                saved[job] = self._save(refused)

        def ended(job: Job, outcome: Outcome, served: dict[str, Any] | None) -> None:
            if job in wanted and job not in saved:
                record = blank.model_copy(update={"served": served})
                saved[job] = self._save(outcomes.recorded(record, job, outcome))

        def load() -> session.Result:
            left = [job for job in wanted if job not in saved]
            loaded = rest([job for job in jobs if not service.refuses(job)], left)
            return self.load(identity, loaded, tell, output, subject.fingerprint, ended)

        if len(saved) < len(wanted):
            result = load()
            if result.died and len(saved) < len(wanted):
                cli.say(f"{identity.scheme}: {result.reason}: tried once more", "yellow")
                result = load()
            for job in wanted:
                ended(job, result.of(job), result.description)
            self._tell_exchanged(identity, subject)
        return [saved[job] for job in wanted]

    def _tell_exchanged(self, identity: models.Identity, subject: Subject) -> None:
        """Say so when a checkpoint is not any more what was measured; its records stay right."""
        try:
            now = checkpoint.read(identity.path).fingerprint
        except UserError:
            now = ""
        if now != subject.fingerprint:
            cli.say(
                f"{identity.path.name} was exchanged while it was measured: the records are of the "
                f"weights that were loaded (fingerprint {subject.fingerprint})",
                "yellow",
            )

    def load(
        self,
        identity: models.Identity,
        jobs: list[Job],
        tell: cli.Tell,
        output: Path = Path(),
        fingerprint: str | None = None,
        ended: session.Ended = lambda job, outcome, served: None,
    ) -> session.Result:
        """Run jobs on a fresh load, without records.

        See `Session` for `output` and `fingerprint`, and `session.run` for `tell` and `ended`.
        """
        self.prepare(jobs, (), tell)
        service = serving.of(identity, self.engine, self.allow_fallback)
        log = LOGS / f"{identity.model}-{identity.scheme}-{self.id}.log"
        load = Session(
            path=identity.path,
            engine=service.engine,
            options=self.options,
            jobs=jobs,
            output=output,
            allow_fallback=self.allow_fallback,
            fingerprint=fingerprint,
            decompressed=service.decompressed,
        )
        result = session.run(load, log, tell, ended=ended)
        if result.reason:
            result.reason = f"{result.reason} (log: {log if log.exists() else server.log_file})"
        return result

    def give_up(
        self, place: models.Place, jobs: list[Job], reason: str, number: int = 1
    ) -> list[Record]:
        """Save a failed record a job of a checkpoint that could not be made or read in a round."""
        subject = Subject(
            model=place.model,
            scheme=place.scheme,
            path=models.folder_name(place.path),
            fingerprint="",
            bytes=0,
            format="",
            revision=None,
            manifest={},
        )
        service = serving.of_place(place, self.engine, self.allow_fallback)
        blank = self.blank(subject, number, service.engine)
        return [self._save(completed(blank, job, status="failed", reason=reason)) for job in jobs]

    def earlier(self, identity: models.Identity, jobs: list[Job]) -> dict[Job, Record]:
        """The newest finished record of each job that answers it: of these weights and its context.

        It may have been asked more tasks and documents (see `quality.documents.covers`), and its
        measure must say that it may be used again.
        """
        subject = subject_of(identity)
        held = [
            record
            for record in records.load_checkpoint(subject, self.eval_results)
            if record.status == "ok" and record.subject.fingerprint == subject.fingerprint
        ]
        service = serving.of(identity, self.engine, self.allow_fallback)
        blank = self.blank(subject, 1, service.engine)
        newest: dict[Job, Record] = {}
        for job in jobs:
            wanted = plain(asdict(job.settings))
            kind = plugins.load("measures", job.measure).kind
            like = {"measure": job.measure, "kind": kind, "settings": wanted}
            sought = context(blank.model_copy(update=like))
            for record in (
                held if plugins.load("measures", job.measure).reusable(job.settings) else ()
            ):
                alike = record.measure == job.measure and context(record) == sought
                if alike and covers(record.settings, wanted):
                    newest[job] = record
        return newest

    def blank(self, subject: Subject, number: int, engine: str) -> Record:
        """A record with all that the jobs of one load share."""
        now = records.now().isoformat()
        device = plugins.load("engines", engine).device(self.options)
        return Record(
            run_id=self.id,
            round=number,
            looks=self.looks,
            kind="performance",
            measure="",
            status="ok",
            subject=subject,
            engine=engine,
            options=asdict(self.options),
            served=None,
            settings={},
            figures={},
            raw=None,
            machine=probe().on(device).as_json(),
            command=records.command(),
            started=now,
            ended=now,
        )

    def _save(self, record: Record) -> Record:
        if outcomes.keep(record, self.folder(record.kind)) is None:
            self.unsaved.append(record)
        return record


def plain(data: Any) -> Any:
    """As it comes back from JSON, which has no tuples."""
    return json.loads(json.dumps(data, default=str))
