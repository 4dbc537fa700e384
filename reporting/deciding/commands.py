"""Commands of a decision: what scores again where quality is open, and what deploys the winner."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checkpoints.models import DEMO, DEMO_PATH
from core import options
from core.engine import Options
from core.plugins import ROOT
from core.records import Record
from quality.documents import asked_tasks
from quality.margins import Margin, spelled
from reporting.deciding.candidate import BASE, Candidate
from reporting.deciding.study import Study
from reporting.reading import engines, measures
from reporting.reading.results import Stored

ENGINE, RESULTS = "vllm", "eval_results"  # what score.py takes where nothing is said
TRY_OTHERS = "Add tasks (score.py --tasks) or state a wider --margin."


def too_few_documents(candidate: Candidate) -> list[str]:
    """A sentence where scoring more documents cannot decide its quality; else nothing."""
    compared = candidate.compared
    if compared is None or compared.verdict != "undecided" or compared.documents_needed:
        return []
    if compared.contradiction and compared.aggregate and compared.aggregate.verdict == "pass":
        return ["Look at its answers (vllm_test.py) and its layers (analyze.py)."]
    counts = [compared.available.get(task) for task in compared.judged]
    known = [count for count in counts if count is not None]
    if compared.judged and len(known) == len(counts):
        only = f"These tasks have only {sum(known):,} documents: they hardly decide it."
        return [f"{only} {TRY_OTHERS}"]
    return [TRY_OTHERS]


def score_command(study: Study, candidate: Candidate) -> str:
    """The command that scores a candidate and its base as before, on as many documents as needed.

    What was asked in addition to tasks is not asked again.
    """
    judged = _judged(candidate) or (_judged(study.base) if study.base else None)
    record = judged.record if judged else candidate.newest
    question, limit = _question(candidate, judged) if judged else ([], 0)
    words = ["python", "score.py", "--model", folder(candidate.newest)]
    if study.base and judged and _fewer(study.base, limit):
        words += ["--model", _base_folder(study)]
    if not candidate.newest.subject.manifest:  # others' checkpoints do not name their base
        words += ["--base", _base_folder(study)]
    words += [*question, *(["--text", "none"] if _has_texts(candidate) else [])]
    words += [*_margin(study.margins), *_served(record), *_place(judged)]
    return shlex.join(words)


def _judged(candidate: Candidate) -> Stored | None:
    """Its record of scores by document, where there is one."""
    keys = [key for key in candidate.quality if measures.judges(key) and candidate.record(key)]
    return candidate.quality[keys[0]] if keys else None


def _question(candidate: Candidate, judged: Stored) -> tuple[list[str], int]:
    """The options that ask the same tasks again, and their documents of each (0 is all)."""
    settings, compared = judged.record.settings, candidate.compared
    measure = measures.find(judged.record.measure)
    needed = compared.documents_needed if compared else None
    values = dict(settings)
    whole = settings.get("limit", 0) is None
    limit = 0 if whole else max(settings.get("limit", 0), needed or 0)
    values |= {"limit": limit} if whole or limit else {}
    raw = judged.raw()
    names = compared.judged if compared and needed else tuple(asked_tasks(raw)) if raw else ()
    values["tasks"] = ",".join(names or settings.get("names", ())) or None
    group = measure.options if measure else None
    return (options.words(group, values) if group else []), limit


def _fewer(base: Candidate, limit: int) -> bool:
    """Whether a base answered fewer documents of each task than are to be asked (0 is all)."""
    judged = _judged(base)
    tasks = (judged.raw().get("tasks") or {}).values() if judged else ()
    counts = [(len(task["documents"]), task.get("available")) for task in tasks]
    return any(have < min(limit or have + 1, there or limit or have) for have, there in counts)


def _base_folder(study: Study) -> str:
    """What names the base on a command line."""
    if study.model == DEMO or study.base is None:
        return study.model
    return folder(study.base.newest)


def _has_texts(candidate: Candidate) -> bool:
    """Whether it was measured on a text."""
    found = [measures.of_key(key) for key in candidate.quality if candidate.record(key)]
    return any(hasattr(measure.options, "text") for measure in found if measure)


def _margin(margins: Mapping[str, Margin]) -> list[str]:
    return [] if dict(margins) in ({}, {"": Margin()}) else ["--margin", spelled(margins)]


def _served(record: Record) -> list[str]:
    """The options with which a record's checkpoint was served."""
    engine = [] if record.engine == ENGINE else ["--engine", record.engine]
    fallback = ["--allow_fallback"] if "--allow_fallback" in record.command else []
    known: dict[str, Any] = record.options
    return [*engine, *options.words(Options, known), *fallback]


def _place(judged: Stored | None) -> list[str]:
    """Where the records are that it adds to."""
    if judged is None or not judged.path.name or not judged.record.settings:
        return []
    place = str(judged.path.parent.parent)
    return [] if place == RESULTS else ["--results_dir", place]


def serve_command(candidate: Candidate, budget: int | None = None) -> str | None:
    """A line for the shell from its engine, None from one that is no server.

    `budget` is the memory in bytes that it may take.
    """
    record = candidate.newest
    return engines.of(record).serve_command(record, folder(record), budget)


def folder(record: Record) -> str:
    """The checkpoint's folder as the command that measured it saw it; the demo's base is ours."""
    subject, words = record.subject, record.command
    if subject.model == DEMO and subject.scheme == BASE:
        return str(DEMO_PATH.relative_to(ROOT))
    named = next((word for word in words if Path(word).name == subject.path), None)
    if named is not None:
        return named
    given = words.index("--output_dir") + 1 if "--output_dir" in words else 0
    beside = given and subject.scheme != BASE and given < len(words)
    return str(Path(words[given]) / subject.path) if beside else subject.path
