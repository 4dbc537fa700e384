"""One execution of a command: how checkpoints are served, and where their records go."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from checkpoints import checkpoint, models
from comparing.context import context
from comparing.figures import figures_of
from core import plugins, records
from core.engine import Options
from core.machine import probe
from core.measure import Job, ServedBase
from core.records import Figure, Record, Subject
from quality.documents import covers
from running import session
from running.session import Session

LOGS = Path("build/logs")
Progress = Callable[[str], None]
Status = Literal["ok", "failed", "unsupported"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """How every checkpoint of a run is served and measured; all its records carry its `id`.

    Records of speed and of quality go below `results` and `eval_results`. Every checkpoint is
    loaded anew in `rounds` rounds, those still undecided then in up to `max_rounds`.
    """

    engine: str
    options: Options
    results: Path
    eval_results: Path
    allow_fallback: bool = False
    rounds: int = 1
    max_rounds: int = 1
    id: str = field(default_factory=records.new_run_id)

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
        return ServedBase(
            path=path,
            fingerprint=files.fingerprint,
            context_length=self.options.max_model_len or files.context_length,
            engine=self.engine,
            options=self.options,
        )

    def prepare(self, jobs: list[Job], libraries: tuple[str, ...] = ()) -> None:
        """Import what the jobs (and `libraries`) need, once for all checkpoints."""
        measures = list(dict.fromkeys(job.measure for job in jobs))
        session.prepare(self.engine, measures, LOGS, libraries)

    def measure(
        self, identity: models.Identity, jobs: list[Job], progress: Progress, number: int = 1
    ) -> list[Record]:
        """Measure a checkpoint on one load and save a record a job, failed ones with their reason.

        `number` is the round's. Raises `UserError` when the folder cannot be read.
        """
        subject = subject_of(identity)
        blank = self._blank(subject, number)
        refusal = session.impossible(identity, self.engine, self.allow_fallback)
        if refusal:
            refused = [completed(blank, job, status="unsupported", reason=refusal) for job in jobs]
            return [self._save(record) for record in refused]
        output = records.folder(subject, self.eval_results)
        result = self.load(identity, jobs, progress, output)
        blank = blank.model_copy(update={"served": result.description})
        return [self._save(_recorded(blank, job, result)) for job in jobs]

    def load(
        self, identity: models.Identity, jobs: list[Job], progress: Progress, output: Path = Path()
    ) -> session.Result:
        """Run jobs on a fresh load, without records; see `Session` for `output`."""
        self.prepare(jobs)
        log = LOGS / f"{identity.model}-{identity.scheme}-{self.id}.log"
        load = Session(
            path=identity.path,
            engine=self.engine,
            options=self.options,
            jobs=jobs,
            output=output,
            allow_fallback=self.allow_fallback,
        )
        result = session.run(load, log, progress)
        if result.reason:
            result.reason = f"{result.reason} (log: {log})"
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
        blank = self._blank(subject, number)
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
        blank = self._blank(subject, 1)
        newest: dict[Job, Record] = {}
        for job in jobs:
            wanted = _plain(asdict(job.settings))
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

    def _blank(self, subject: Subject, number: int) -> Record:
        """A record with all that the jobs of one load share."""
        now = records.now().isoformat()
        return Record(
            run_id=self.id,
            round=number,
            looks=self.looks,
            kind="performance",
            measure="",
            status="ok",
            subject=subject,
            engine=self.engine,
            options=asdict(self.options),
            served=None,
            settings={},
            figures={},
            raw=None,
            machine=probe().as_json(),
            command=records.command(),
            started=now,
            ended=now,
        )

    def _save(self, record: Record) -> Record:
        records.save(record, self.folder(record.kind))
        return record


def _recorded(blank: Record, job: Job, result: session.Result) -> Record:
    """A job's record of what its session found.

    What else the machine did is said of speed only: quality does not depend on it.
    """
    if job in result.raw:
        record = completed(blank, job, raw=result.raw[job])
    else:
        reason = result.failed.get(job) or result.reason or "was not reached"
        record = completed(blank, job, status="failed", reason=reason)
    timed = record.kind == "performance"
    return record.model_copy(update={"contention": result.contention.get(job) if timed else None})


def completed(
    blank: Record,
    job: Job,
    status: Status = "ok",
    reason: str | None = None,
    raw: dict[str, Any] | None = None,
) -> Record:
    """A job's record, its figures made of the raw values; it fails where none can be made."""
    measure = plugins.load("measures", job.measure)
    figures: dict[str, Figure] = {}
    try:
        if raw is not None:
            figures = figures_of(job.measure, raw)
    except (ArithmeticError, ValueError) as problem:  # the raw values are kept all the same
        status, reason = "failed", f"no figures could be made: {problem}"
    return blank.model_copy(
        update={
            "kind": measure.kind,
            "measure": job.measure,
            "status": status,
            "reason": reason,
            "settings": asdict(job.settings),
            "figures": figures,
            "raw": raw,
            "ended": records.now().isoformat(),
        }
    )


def subject_of(identity: models.Identity) -> Subject:
    """What a record says about a checkpoint. Raises `UserError` for an unreadable folder."""
    files = checkpoint.read(identity.path)
    return Subject(
        model=identity.model,
        scheme=identity.scheme,
        path=models.folder_name(identity.path),
        fingerprint=files.fingerprint,
        bytes=files.nbytes,
        format=files.format,
        revision=models.hub(identity.path).get("commit"),
        manifest=identity.manifest,
    )


def _plain(data: dict[str, Any]) -> Any:
    """As it comes back from JSON, which has no tuples."""
    return json.loads(json.dumps(data, default=str))
