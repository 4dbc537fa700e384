"""What commands print at their end: the report's tables, of the records they just made."""

import glob
from pathlib import Path

from core import cli, machine, plugins
from core.errors import UserError
from core.records import Record
from core.words import several
from quality.comparison import Margin, Quality, Scored, judged_together, parse_margins
from reporting.contents import preset_page, quality_tables
from reporting.contents.document import Report, Request
from reporting.contents.summary import summary
from reporting.deciding import pairing, study
from reporting.deciding.candidate import BASE
from reporting.deciding.study import Study
from reporting.formats import json as json_format
from reporting.formats import terminal
from reporting.reading import results as reading
from reporting.reading.places import RESULTS
from reporting.reading.results import Stored


def show_performance(records: list[Record], results: Path, as_json: bool) -> None:
    """Print one checkpoint's records: as JSON, or as a table with where they were saved."""
    if as_json:
        return cli.print_json([record.model_dump(mode="json") for record in records])
    terminal.show_tables([summary(study.of_records(records), everything=True)])
    return cli.say(f"{several(len(records), 'record')} in {results}/")


def show_quality(
    scored: list[Scored], margins: dict[str, Margin], results: Path, as_json: bool
) -> list[Quality]:
    """Print what was scored, as JSON or as tables with where the records are, and return it."""
    compared = judged(scored, margins, results)
    if as_json:
        cli.print_json([_as_json(*pair) for pair in zip(scored, compared, strict=True)])
        return compared
    for pairs in _by_base(scored, compared):
        beside_base = study.of_scored(pairs, margins)
        notes = [*quality_tables.reasons(beside_base), *quality_tables.remarks(beside_base)]
        _show_quality(beside_base, notes)
    made = sum(len(each.checkpoint) for each in scored)
    cli.say(f"{several(made, 'record')} in {results}/")
    return compared


def show_run(
    records: list[Record],
    model: str,
    folders: list[Path],
    margin: str,
    as_json: bool,
    known_study: str | None = None,
) -> None:
    """Print the records of a run and what all records of the model in `folders` decide.

    Of a known study its own tables follow.
    As JSON everything is one document, its `report` that of `report.py --json`.
    """
    report: Report | None = None
    problem = None
    try:
        known = reading.read([folder for folder in dict.fromkeys(folders) if folder.is_dir()])
        report = Request(records_read=known, model=model, margin=margin, here=True).report
    except UserError as reason:
        problem = str(reason)
    if as_json:
        dumped = [record.model_dump(mode="json") for record in records]
        plain = json_format.as_json(report) if report else None
        return cli.print_json({"records": dumped, "report": plain, "no_report": problem})
    first, *others = study.by_engine(study.as_read(records), margins=parse_margins(margin))
    _show_run(first)
    for other in others:
        cli.out.print()
        cli.show(f"On {other.engine}, next to BASE on {other.engine}", "bold")
        _show_run(other)
    if report is None:
        return cli.say(f"no decision: {problem}", "yellow")
    cli.out.print()
    terminal.show_decision(report)
    if known_study is not None:
        preset = plugins.load("studies", known_study)
        terminal.show_tables(preset_page.tables(preset, report))
        words = ["--study", known_study, "--output_file", f"{model}-{known_study}.md"]
        page = machine.command_line("report.py", *words)
        cli.say(f"`{page}` writes its page and pictures")
    again = machine.command_line("report.py", *_report_options(known.models(), model, folders))
    return cli.say(f"`{again}` shows everything; `--format html` makes a page of it")


def _show_run(of_run: Study) -> None:
    """Figures and quality of what one engine ran."""
    terminal.show_tables([summary(of_run, everything=True)])
    _show_quality(of_run, quality_tables.remarks(of_run))


def _report_options(models: list[str], model: str, folders: list[Path]) -> list[str]:
    """What report.py must be told to read the same records."""
    named = ["--model", model] if models != [model] else []
    if [machine.seen(folder) for folder in folders] == list(RESULTS.values()):
        return named
    return [*named, *(word for folder in folders for word in ("--results_dir", str(folder)))]


def judged(scored: list[Scored], margins: dict[str, Margin], results: Path) -> list[Quality]:
    """Every checkpoint against its base, by all that `results` holds of both, as a report says it.

    Every other scheme of the model there is judged together with them.
    """
    models = {each.checkpoint[0].subject.model for each in scored}
    held = {model: _stored(model, results) for model in models}
    for each in scored:
        subject, made = (
            each.checkpoint[0].subject,
            [Stored.of(record) for record in each.checkpoint],
        )
        held[subject.model].setdefault(subject.scheme, []).extend(made)
    verdicts = {
        (model, scheme): verdict
        for model, schemes in held.items()
        for scheme, verdict in _together(schemes, margins).items()
    }
    subjects = [each.checkpoint[0].subject for each in scored]
    return [verdicts[subject.model, subject.scheme] for subject in subjects]


def _together(schemes: dict[str, list[Stored]], margins: dict[str, Margin]) -> dict[str, Quality]:
    """The verdict on each scheme of a model and on the base itself."""
    base = schemes.get(BASE, [])
    compared = {
        scheme: pairing.compare(base, records, margins.get(scheme, margins[""]))
        for scheme, records in schemes.items()
    }
    others = [scheme for scheme in schemes if scheme != BASE]
    together = judged_together([compared[scheme] for scheme in others])
    return compared | dict(zip(others, together, strict=True))


def _stored(model: str, results: Path) -> dict[str, list[Stored]]:
    """A model's records of quality by scheme, oldest first."""
    named = results.glob(f"{glob.escape(model)}-*")
    folders = sorted(folder for folder in named if folder.is_dir())
    schemes: dict[str, list[Stored]] = {}
    for stored in reading.read(folders).stored:
        if stored.record.subject.model == model and stored.record.kind == "quality":
            schemes.setdefault(stored.record.subject.scheme, []).append(stored)
    return schemes


def _as_json(each: Scored, compared: Quality) -> dict[str, object]:
    subject = each.checkpoint[0].subject
    return {
        "model": subject.model,
        "scheme": subject.scheme,
        "quality": compared.as_json(),
        "records": [record.model_dump(mode="json") for record in each.checkpoint],
    }


def _by_base(scored: list[Scored], compared: list[Quality]) -> list[list[tuple[Scored, Quality]]]:
    """Checkpoints with what was said of them, those of one base together."""
    groups: dict[int, list[tuple[Scored, Quality]]] = {}
    for each, verdict in zip(scored, compared, strict=True):
        groups.setdefault(id(each.base), []).append((each, verdict))
    return list(groups.values())


def _show_quality(study_: Study, notes: list[str]) -> None:
    """Quality and tasks, as far as they were scored, and below them what they do not say."""
    terminal.show_tables([table for table in quality_tables.both(study_) if table.rows])
    terminal.show_notes(notes)
