"""A checkpoint's records: measure it on one load and save what each measure found."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, models
from core import plugins, records
from core.engine import Options
from core.errors import UserError
from core.machine import probe
from core.records import Record, Subject
from quality.questions import Questions, jobs
from running import session
from running.session import Job

LOGS = Path("build/logs")
TIMEOUT_S = 3600.0  # without a sign of life


def measure(
    identity: models.Identity,
    engine: str,
    options: Options,
    wanted: list[Job],
    results: dict[str, Path],
    run_id: str,
    allow_fallback: bool,
    progress: Callable[[str], None],
    round_: int = 1,
) -> list[Record]:
    """Measure a checkpoint and save a record per job, failed ones with their reason.

    `results` are the folders of performance and quality records; a measure's own files go to the
    latter. Raises `UserError` when the folder cannot be read. Everything later becomes a record.
    """
    subject = subject_of(identity)
    make = _maker(subject, engine, options, run_id, round_)

    def save(record: Record) -> Record:
        records.save(record, results[record.kind])
        return record

    refusal = session.impossible(identity, engine, allow_fallback)
    if refusal:
        return [save(make(job, status="unsupported", reason=refusal)) for job in wanted]
    session.prepare(engine, wanted, LOGS)
    log = LOGS / f"{identity.model}-{identity.scheme}-{run_id}.log"
    output = records.folder(subject, results["quality"])
    found = session.run(
        identity.path, engine, options, wanted, output, log, TIMEOUT_S, progress, allow_fallback
    )
    reason = f"{found.reason} (log: {log})" if found.reason else "was not reached"
    done, broken = dict(found.finished), dict(found.failed)
    return [
        save(make(job, raw=done[job], served=found.description))
        if job in done
        else save(
            make(job, status="failed", reason=broken.get(job, reason), served=found.description)
        )
        for job in wanted
    ]


def measure_all(
    model_id: str,
    schemes: list[str],
    engine: str,
    options: Options,
    wanted: list[Job],
    asked: Questions,
    output_dir: Path,
    results: dict[str, Path],
    run_id: str,
    allow_fallback: bool,
    rounds: int,
    progress: Callable[[str], None],
) -> list[Record]:
    """Measure every checkpoint, in the order given, `rounds` times.

    Each is loaded once a round; quality, which loads do not change, is asked in the first. One of
    which a round could measure nothing is not loaded again.
    """
    made: list[Record] = []
    base = checkpoint.read(models.folder(model_id)).fingerprint
    left = schemes
    for number in range(1, rounds + 1):
        for scheme in left:
            path = models.checkpoint_path(model_id, scheme, output_dir)

            def step(name: str, scheme: str = scheme, number: int = number) -> None:
                progress(f"{scheme}{f', round {number}' if rounds > 1 else ''}: {name}")

            questions = jobs(asked, base, engine, options, scheme == "BASE") if number == 1 else []
            try:
                identity = models.identify(model_id if scheme == "BASE" else str(path))
                made += measure(
                    identity,
                    engine,
                    options,
                    [*wanted, *questions],
                    results,
                    run_id,
                    allow_fallback,
                    step,
                    number,
                )
            except UserError as problem:  # the folder is not any more what was checked
                made += give_up(
                    models.model_name(model_id),
                    scheme,
                    path,
                    engine,
                    options,
                    wanted,
                    results,
                    run_id,
                    str(problem),
                )
        fine = {r.subject.scheme for r in made if r.round == number and r.status == "ok"}
        left = [scheme for scheme in left if scheme in fine]
    return made


def give_up(
    model: str,
    scheme: str,
    path: Path,
    engine: str,
    options: Options,
    wanted: list[Job],
    results: dict[str, Path],
    run_id: str,
    reason: str,
) -> list[Record]:
    """Save a failed record per job of a checkpoint that could not be made or read."""
    subject = Subject(
        model=model,
        scheme=scheme,
        path=path.name,
        fingerprint="",
        bytes=0,
        format="",
        revision=None,
        manifest={},
    )
    make = _maker(subject, engine, options, run_id, 1)
    made = [make(job, status="failed", reason=reason) for job in wanted]
    for record in made:
        records.save(record, results[record.kind])
    return made


def subject_of(identity: models.Identity) -> Subject:
    """What a record says about a checkpoint. Raises `UserError` for an unreadable folder."""
    files = checkpoint.read(identity.path)
    return Subject(
        model=identity.model,
        scheme=identity.scheme,
        path=identity.path.name,
        fingerprint=files.fingerprint,
        bytes=files.nbytes,
        format=files.format,
        revision=models.hub(identity.path).get("commit"),
        manifest=identity.manifest,
    )


def _maker(
    subject: Subject, engine: str, options: Options, run_id: str, round_: int
) -> Callable[..., Record]:
    """Builds this run's records: what they share is filled in, figures come from the raw values."""
    started = records.now().isoformat()
    machine = probe().as_json()

    def make(
        job: Job,
        status: Any = "ok",
        reason: str | None = None,
        raw: dict[str, Any] | None = None,
        served: dict[str, Any] | None = None,
    ) -> Record:
        name, settings = job
        chosen = plugins.load("measures", name)
        figures: dict[str, Any] = {}
        try:
            units = (chosen.units_of(raw) if raw is not None else {}) | chosen.units
            for figure, value in (chosen.figures(raw) if raw is not None else {}).items():
                unit = units[figure]
                shown = {"unit": unit.unit, "better": unit.better, **asdict(value)}
                figures[figure] = records.Figure.model_validate(shown)
        except (ArithmeticError, ValueError) as problem:  # the raw values are kept all the same
            status, reason, figures = "failed", f"no figures could be made: {problem}", {}
        return records.Record(
            run_id=run_id,
            round=round_,
            kind=chosen.kind,
            measure=name,
            status=status,
            reason=reason,
            subject=subject,
            engine=engine,
            options=asdict(options),
            served=served,
            settings=asdict(settings),
            figures=figures,
            raw=raw,
            machine=machine,
            command=records.command(),
            started=started,
            ended=records.now().isoformat(),
        )

    return make


def earlier(
    identity: models.Identity, engine: str, options: Options, wanted: list[Job], results: Path
) -> dict[Job, Record]:
    """The newest finished record of each job that was made with these very settings and weights.

    Here: on this kind of processor and GPU with these libraries. A divergence needs the reference
    file that its record goes with.
    """
    here = _plain(probe().as_json())
    subject = subject_of(identity)
    found: dict[Job, Record] = {}
    for record in records.load_checkpoint(subject, results):
        if record.subject.fingerprint != subject.fingerprint or record.status != "ok":
            continue
        if record.engine != engine or record.options != asdict(options):
            continue
        if any(
            _plain(record.machine).get(key) != here[key] for key in ("cpu", "gpus", "libraries")
        ):
            continue
        for job in wanted:
            same = record.measure == job[0] and _plain(record.settings) == _plain(asdict(job[1]))
            if same and Path(getattr(job[1], "reference", ".")).exists():
                found[job] = record
    return found


def _plain(settings: dict[str, Any]) -> Any:
    """As it comes back from JSON, which has no tuples."""
    return json.loads(json.dumps(settings))
