"""lm-evaluation-harness's own result files as records, for scores made without this project.

`lm_eval --output_path FOLDER` writes `results_{time}.json` into a folder of the model's name,
`--output_path NAME.json` writes `NAME_{time}.json`; with `--log_samples` there is one
`samples_{task}_{time}.jsonl` a task next to it. Samples give a score per document, so checkpoints
can be paired; without them there are only averages with their standard errors. What hardware they
were made on the files do not say.
Source of the layout: lm_eval/loggers/evaluation_tracker.py of lm-eval 0.4.13.
"""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import names, plugins, strict_json
from core.errors import UserError, first_fault
from core.names import as_name
from core.records import MAX_BYTES, SCHEMA_VERSION, Figure, Record, Subject
from quality.tasks import primary

NOT_METRICS = ("alias", "sample_len")
NAME = re.compile(r"(?P<name>.*?)_(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(\.\d+)?)")
RESULTS = "results"  # the name of files in a folder of the model's name
Z95 = 1.959964


def is_results(path: Path) -> bool:
    """Whether a file is one of lm-eval's results, by its name."""
    named = path.name.startswith(f"{RESULTS}_") or _is_dated(path)
    return named and path.suffix == ".json"


def beside(folder: Path) -> list[Path]:
    """Results of `lm_eval --output_path NAME.json` right in a folder, where other files lie too."""
    return sorted(path for path in folder.glob("*.json") if _is_dated(path) and path.is_file())


def _is_dated(path: Path) -> bool:
    return NAME.fullmatch(path.stem) is not None


def _parts(path: Path) -> tuple[str, str]:
    """The name a results file was given, and when it was written as its name says."""
    match = NAME.fullmatch(path.stem)
    name, _, time = path.stem.partition("_")
    return (match["name"], match["time"]) if match else (name, time)


def read(path: Path, known: list[Record]) -> Record:
    """A results file as a `harness` record.

    `known` records tell which model and scheme the evaluated folder is. Raises `UserError` for a
    file that is not lm-eval's.
    """
    document = _document(path)
    figures = {
        f"{task}/{metric}": figure
        for task, values in document["results"].items()
        for metric, figure in _figures(values)
    }
    subject = _subject(document, path, known)
    ended = _time(document, path)
    return Record(
        schema_version=SCHEMA_VERSION,
        run_id=as_name(f"lm-eval-{path.stem}"),
        kind="quality",
        measure="harness",
        status="ok" if figures else "failed",
        reason=None if figures else "lm-eval's file has no finite score",
        subject=subject,
        engine=as_name(document.get("model_source") or "lm-eval"),
        options={},
        served=None,
        settings={"limit": (document.get("config") or {}).get("limit")},
        figures=figures,
        raw=None,
        machine={},
        command=["lm_eval"],
        started=ended,
        ended=ended,
    )


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Config(_Part):
    model_args: str | dict[str, Any] | None = None
    limit: float | None = None


class _Results(_Part):
    """What is read of a results file; the rest is left alone."""

    results: dict[str, dict[str, Any]]
    config: _Config | None = None
    model_name: str | None = None
    model_source: str | None = None
    shots: dict[str, Any] | None = Field(None, alias="n-shot")
    versions: dict[str, Any] | None = None
    higher_is_better: dict[str, dict[str, bool | None]] | None = None


def _document(path: Path) -> dict[str, Any]:
    try:
        text = strict_json.read_bytes(path, MAX_BYTES).decode("utf-8")
        document: dict[str, Any] = strict_json.loads(text)
        _Results.model_validate(document)
        json.dumps(document, ensure_ascii=False).encode()
    except ValidationError as problem:
        why = first_fault(problem)
        raise UserError(f"{path}: not a results file of lm-eval's ({why})") from problem
    except (ValueError, RecursionError) as problem:
        raise UserError(f"{path}: not a whole file of lm-eval's ({problem})") from problem
    return document


def _figures(values: dict[str, Any]) -> list[tuple[str, Figure]]:
    """Finite scores with the normal interval of their standard error."""
    figures: list[tuple[str, Figure]] = []
    for name, value in values.items():
        metric, _, filter_ = name.partition(",")
        if metric in NOT_METRICS or metric.endswith("_stderr") or not _usable(value):
            continue
        error: Any = values.get(f"{metric}_stderr,{filter_}")
        half = Z95 * error if _usable(error) else None
        with suppress(ValidationError):  # an interval so wide that its ends are no figures
            figures.append((name, _figure(metric, value, half)))
    return figures


def _figure(metric: str, value: float, half: float | None) -> Figure:
    return Figure(
        value=float(value),
        values=[float(value)],
        unit="fraction",
        better="lower" if "perplexity" in metric or "bits_per" in metric else "higher",
        low=None if half is None else value - half,
        high=None if half is None else value + half,
    )


def _usable(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and strict_json.usable(value)


def _time(document: dict[str, Any], path: Path) -> str:
    """When it ended, as ISO text: the file's name carries it (results_2026-01-02T03-04-05.6)."""
    stamp = as_name(_parts(path)[1])
    day, _, clock = stamp.partition("T")
    return f"{day}T{clock.replace('-', ':')}+00:00" if clock else str(document.get("date"))


def _subject(document: dict[str, Any], path: Path, known: list[Record]) -> Subject:
    """Who was evaluated: the folder in `model_args`, matched with known records' folders."""
    named = _parts(path)[0].removeprefix("lm_eval_")
    usual = path.parent.name if named == RESULTS else named
    folder = as_name(Path(_pretrained(document) or usual).name)
    for record in reversed(known):
        if record.subject.path == folder or _folder_name(record.subject) == folder:
            return record.subject
    model, scheme = split(folder)
    return Subject(
        model=model,
        scheme=scheme,
        path=folder,
        fingerprint="",
        bytes=0,
        format="unknown",
        revision=None,
        manifest={},
    )


def _folder_name(subject: Subject) -> str:
    base = subject.scheme == "BASE"
    return subject.model if base else f"{subject.model}-{subject.scheme}"


def _pretrained(document: dict[str, Any]) -> str | None:
    """`pretrained=...` of the model arguments, which are text or a mapping."""
    given = (document.get("config") or {}).get("model_args")
    if isinstance(given, dict):
        return str(given.get("pretrained") or "") or None
    parts = dict(part.partition("=")[::2] for part in str(given or "").split(","))
    return parts.get("pretrained") or document.get("model_name")


def split(folder: str) -> tuple[str, str]:
    """`llama3_8b-INT4-W4A16` as (model, scheme); a folder with no scheme's name is a base."""
    schemes = [plugins.shown("schemes", stem) for stem in plugins.names("schemes")]
    for scheme in sorted(schemes, key=len, reverse=True):
        if folder.upper().endswith(f"-{scheme}"):
            return as_name(folder[: -len(scheme) - 1]), scheme
    return folder, "BASE"


def raw(path: Path) -> dict[str, Any]:
    """Scores per document of every task whose samples lie next to a results file.

    The same layout as a `harness` record's raw values; empty where samples were not logged. Raises
    `UserError` for a file that is not lm-eval's.
    """
    document = _document(path)
    stamp = _parts(path)[1]
    tasks = {}
    for task in document["results"]:
        samples = path.with_name(f"samples_{as_name(task)}_{stamp}.jsonl")
        if names.fault(task) is None and samples.is_file():
            task_raw = _samples(samples)
            if task_raw["documents"]:
                shots = (document.get("n-shot") or {}).get(task)
                version = (document.get("versions") or {}).get(task)
                better = (document.get("higher_is_better") or {}).get(task, {})
                tasks[task] = {
                    **task_raw,
                    "n_shot": shots,
                    "version": version,
                    "higher_is_better": {name: b for name, b in better.items() if b is not None},
                }
    return {"tasks": tasks, "files": [path.name], "asked_by": "lm_eval"} if tasks else {}


def _samples(path: Path) -> dict[str, Any]:
    text = strict_json.read_bytes(path, MAX_BYTES).decode("utf-8", "replace")
    try:
        strict_json.check_amount(text)
        return _task([strict_json.loads(line) for line in text.splitlines()])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as problem:
        raise UserError(f"{path}: not samples of lm-eval's ({problem!r:.200})") from problem


def _task(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Documents' hashes and the scores of each metric, in document order."""
    rows: dict[str, dict[str, float]] = {}
    hashes: dict[str, str] = {}
    for row in samples:
        document = str(row["doc_id"])
        hashes[document] = str(row["doc_hash"])[:12]
        for metric in row.get("metrics", []):
            if _usable(row.get(metric)):
                name = f"{metric},{row.get('filter', 'none')}"
                rows.setdefault(name, {})[document] = float(row[metric])
    order = sorted(hashes, key=int)
    scores = {
        name: [by_document[d] for d in order]
        for name, by_document in rows.items()
        if all(d in by_document for d in order)
    }
    return {
        "primary": primary(list(scores)),
        "documents": [hashes[d] for d in order],
        "scores": scores,
    }
