"""The command that deploys a checkpoint as it was measured, and where its folder is."""

from checkpoints.models import DEMO, DEMO_PATH
from core.plugins import ROOT
from core.records import Record
from reporting.deciding.candidate import BASE, Candidate
from reporting.reading import engines


def serve_command(candidate: Candidate, budget: int | None = None) -> str | None:
    """A line for the shell from its engine, None from one that is no server.

    `budget` is the memory in bytes that it may take.
    """
    record = candidate.newest
    return engines.of(record).serve_command(record, folder(record), budget)


def folder(record: Record) -> str:
    """The checkpoint's folder as seen from the checkout; the demo's base is inside it."""
    subject = record.subject
    if subject.model == DEMO and subject.scheme == BASE:
        return str(DEMO_PATH.relative_to(ROOT))
    return subject.path
