"""What a pipeline says at its end: speed and memory, quality, and which scheme to deploy."""

from pathlib import Path

from core import cli, rounds
from core.errors import UserError
from core.records import Record
from quality.comparison import parse_margins
from reporting.console import performance, quality
from reporting.contents import document
from reporting.deciding import study
from reporting.formats import json as data
from reporting.formats import terminal
from reporting.reading import results as reading


def show(made: list[Record], model: str, folders: list[Path], margin: str, as_json: bool) -> None:
    """Print the records of a run and what all records of the model in `folders` decide.

    As JSON everything is one document, its `report` that of `report.py --json`.
    """
    found, problem = None, None
    try:
        known = reading.read([folder for folder in dict.fromkeys(folders) if folder.is_dir()])
        found = document.build(study.build(known, model, margin))
    except UserError as reason:
        problem = str(reason)
    if as_json:
        dumped = [record.model_dump(mode="json") for record in made]
        report = data.as_json(found) if found else None
        return cli.print_json({"records": dumped, "report": report, "no_report": problem})
    _tables(made, margin)
    if found is None:
        return cli.say(f"no decision: {problem}", "yellow")
    cli.out.print()
    terminal.show_decision(found)
    return cli.say("`python report.py` shows everything; `--format html` makes a page of it")


def _tables(made: list[Record], margin: str) -> None:
    timed = (record for record in made if record.kind == "performance")
    performance.print_table(rounds.merged(timed))
    asked = [record for record in made if record.kind == "quality"]
    if asked:
        cli.out.print()
        quality.print_all(asked, parse_margins(margin))
