"""What came of a job as the record that is kept of it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from checkpoints import bases, checkpoint, models
from comparing.figures import figures_of
from core import cli, plugins, records
from core.errors import UserError
from core.measure import Job
from core.records import Figure, Record, Subject
from running.session import Outcome

UNSAVED = Path("build/unsaved")  # records that their folder could not take
Status = Literal["ok", "failed", "unsupported"]


def keep(record: Record, results: Path) -> Path | None:
    """Save a record; one that its folder cannot take is kept aside, so that the run goes on.

    Returns its file, None where its folder did not take it.
    """
    try:
        return records.save(record, results)
    except UserError as problem:
        try:
            kept = records.save(record, UNSAVED)
            cli.say(f"{problem}: it was kept as {kept}", "red")
        except UserError as again:
            cli.say(f"{problem}, and {again}: it is lost", "red")
        return None


def recorded(blank: Record, job: Job, outcome: Outcome) -> Record:
    """A job's record of what came of it.

    What else the machine did is said of speed only: quality does not depend on it.
    """
    if outcome.raw is not None:
        record = completed(blank, job, raw=outcome.raw)
    else:
        status: Status = "unsupported" if outcome.unsupported else "failed"
        record = completed(blank, job, status=status, reason=outcome.reason)
    timed = record.kind == "performance"
    return record.model_copy(update={"contention": outcome.contention if timed else None})


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
    record = blank.model_copy(
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
    if status == "ok" and (fault := records.fault(record)):
        reason = f"no figures could be made: {fault}"
        return record.model_copy(update={"status": "failed", "reason": reason, "figures": {}})
    return record


def subject_of(identity: models.Identity) -> Subject:
    """What a record says about a checkpoint. Raises `UserError` for an unreadable folder.

    Where its base is on this machine is left out: records are given to others.
    """
    files = checkpoint.read(identity.path)
    kept, base = dict(identity.manifest), identity.manifest.get("base")
    if base:
        kept["base"] = {key: value for key, value in base.items() if key != bases.PLACES}
    return Subject(
        model=identity.model,
        scheme=identity.scheme,
        path=models.folder_name(identity.path),
        fingerprint=files.fingerprint,
        bytes=files.nbytes,
        format=files.format,
        revision=models.hub(identity.path).get("commit"),
        manifest=kept,
    )
