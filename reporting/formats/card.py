"""A section for a checkpoint's README.md, with scores as the Hugging Face hub's `model-index`.

The section stands between two markers, so writing it again replaces it and leaves the rest alone;
so do metadata: results of the same task and metric are replaced, others stay.
Source of the format: https://huggingface.co/docs/hub/model-cards and huggingface_hub's
`ModelCardData`, which builds and reads back what is written.
"""

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, models
from core import cli, names, strict_json
from core.errors import UserError
from reporting.contents import quality_tables
from reporting.contents.cells import Table
from reporting.contents.document import Report, Request
from reporting.contents.environment import engine_text
from reporting.deciding.candidate import BASE, Candidate
from reporting.deciding.commands import serve_command
from reporting.deciding.gates import quality_state
from reporting.deciding.reasons import GOALS
from reporting.formats import md as markdown
from reporting.formats._format import Format, write_text
from reporting.formats.md import escape
from reporting.reading import measures

START, END = "<!-- report.py: start -->", "<!-- report.py: end -->"
DIGITS = 4
MOST_BYTES = 1 << 20  # of a README.md
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)  # odd metadata


def card(report: Report) -> str:
    """The whole card of the first use case's choice: metadata and section."""
    name = report.outcomes[0].winner
    chosen = next((c for c in report.study.candidates if c.scheme == name), None)
    if chosen is None:
        raise UserError("no scheme is chosen, so there is nothing to make a card of")
    return _with_metadata("", report, chosen)


def write(report: Report, folder: Path) -> Path:
    """Write the section and metadata into a checkpoint's README.md; returns it.

    Raises `UserError` when the folder is not the checkpoint that was measured, or its README.md
    has metadata that cannot be read.
    """
    identity = models.identify(str(folder))
    of_scheme = report.of_scheme(identity.scheme)
    if of_scheme is None or identity.model != report.study.model:
        raise UserError(f"{folder}: there are no records of {identity.model} {identity.scheme}")
    report = of_scheme
    chosen = next(c for c in report.study.candidates if c.scheme == identity.scheme)
    if checkpoint.read(identity.path).fingerprint != chosen.newest.subject.fingerprint:
        raise UserError(f"{folder}: its weights are not those the records are about; measure again")
    path = identity.path / "README.md"
    before = _text(path) if path.is_file() else ""
    _replace(path, _with_metadata(before, report, chosen))
    return path


def _text(path: Path) -> str:
    """A README as it is. Raises `UserError` for one that cannot be read, or lies elsewhere."""
    whole = strict_json.read_bytes(checkpoint.inside(path.parent, path), MOST_BYTES)
    try:
        return whole.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise UserError(f"{path}: it is not UTF-8 ({problem})") from problem


def _replace(path: Path, text: str) -> None:
    """Put a new file in the place of an old one; no half-written one ever has its name."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:6]}.tmp")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(text)
        temporary.rename(path)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise UserError(f"cannot write {path}: {problem.strerror}") from problem


def section(report: Report, candidate: Candidate) -> str:
    """The marked section: what it is, how to serve it, what it costs and gains, on what."""
    scheme = candidate.scheme
    facts = dict(report.environment)
    engine = engine_text(report.environment)
    where = f"{facts.get('hardware', '')}, {engine}".strip()
    command = serve_command(candidate)
    parts = [
        START,
        f"## {escape(scheme)}, measured",
        _summary(report, candidate),
        *([markdown.code(command)] if command else []),
        *(
            markdown.table(_rows(table, scheme), "###")
            for table in report.tables
            if table.measured and _rows(table, scheme).rows
        ),
        f"Measured on {escape(where)}, {escape(facts.get('measured', ''))}.",
        END,
    ]
    return "\n\n".join(parts)


def _summary(report: Report, candidate: Candidate) -> str:
    best = [
        GOALS[o.use_case] for o in report.outcomes if o.decided and o.winner == candidate.scheme
    ]
    chosen = f"Chosen for {' and '.join(best)} among the schemes measured. " if best else ""
    quality = "" if candidate.is_base else f"Its quality {quality_state(candidate)}."
    name = f"{report.study.model} as {candidate.scheme}. "
    return markdown.paragraph(f"{name}{chosen}{quality}".strip())


def _rows(table: Table, scheme: str) -> Table:
    """The rows of a scheme and of the base."""
    rows = [row for row in table.rows if row[0].text in (scheme, BASE)]
    named = any(row[0].text == scheme for row in rows)
    return replace(table, rows=rows if named else [])


def about(candidate: Candidate) -> dict[str, str]:
    """The hub's keys for what the records know; a licence they do not.

    What scores a checkpoint here generates text. The base is known where it came from the hub.
    """
    known = {"pipeline_tag": "text-generation"}
    if serve_command(candidate):
        known["library_name"] = candidate.newest.engine
    repository = (candidate.newest.subject.manifest.get("base") or {}).get("repo_id")
    if repository and not any(map(names.fault, repository.split("/"))):
        known |= {"base_model": repository, "base_model_relation": "quantized"}
    return known


def eval_results(candidate: Candidate) -> list[Any]:
    """Task scores (0 to 1, as lm-eval gives them) and figures of public data as `EvalResult`s."""
    scores = [
        _eval_result(task, metric, figure.value)
        for task, (metric, figure) in quality_tables.scores_of(candidate).items()
    ]
    for key in candidate.quality:
        measure, record = measures.of_key(key), candidate.record(key)
        figure = candidate.figure(key, measures.headline(key))
        dataset = measure.shown.dataset(record.settings) if measure and record else ""
        if figure is not None and dataset:
            scores.append(_eval_result(dataset, measures.headline(key), figure.value, named=False))
    return scores


def _eval_result(dataset: str, metric: str, value: float, named: bool = True) -> Any:
    from huggingface_hub import EvalResult

    dataset, metric = map(cli.one_line, (dataset, metric))
    kind = metric.partition(",")[0]
    return EvalResult(
        task_type="text-generation",
        dataset_type=dataset,
        dataset_name=dataset,
        metric_type=kind,
        metric_name=metric if named else None,
        metric_value=round(value, DIGITS),
    )


def _with_metadata(before: str, report: Report, candidate: Candidate) -> str:
    """A README's text with our section and metadata in it, checked by reading it back."""
    from huggingface_hub import ModelCard
    from yaml import YAMLError

    content = before if before.lstrip().startswith("---") else f"---\n{{}}\n---\n{before}"
    try:
        _refuse_aliases(content)
        card = ModelCard(content)
        card.data.model_name = card.data.model_name or candidate.newest.subject.path
        scores = eval_results(candidate)
        others = [
            old
            for old in card.data.eval_results or []
            if not any(old.is_equal_except_value(new) for new in scores)
        ]
        card.data.eval_results = [*others, *scores] or None
        own = candidate.newest.engine, cli.one_line(candidate.newest.subject.format)
        card.data.tags = list(dict.fromkeys([*(card.data.tags or []), *own]))
        for key, value in about(candidate).items():
            card.data[key] = card.data.get(key) or value
        card.text = _placed(card.text, section(report, candidate))
        text = f"{card}\n"
        if len(ModelCard(text).data.eval_results or []) != len(others) + len(scores):
            raise ValueError("its results are others once they are written")
    except (*UNREADABLE, YAMLError) as problem:
        why = " ".join(str(problem).split())[:200]
        raise UserError(f"README.md: its metadata cannot be read ({why})") from problem
    return text


def _refuse_aliases(content: str) -> None:
    """Raise `ValueError` for metadata that repeat parts by name: nine lines can be gigabytes."""
    import yaml
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    block = REGEX_YAML_BLOCK.search(content)
    if block and any(isinstance(token, yaml.AliasToken) for token in yaml.scan(block.group(2))):
        raise ValueError("it has YAML aliases")


def _placed(text: str, marked: str) -> str:
    """`text` with the section in the place of an earlier one, or at its end."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if start and end:
        return f"{before}{marked}{after}".rstrip()
    return f"{text.rstrip()}\n\n{marked}".lstrip()


def _write(request: Request, output: Path | None) -> None:
    write_text(card(request.report), output)


FORMAT = Format(summary="a model card of the scheme that was chosen", write=_write)
