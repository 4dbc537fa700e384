"""What `report.py` does: reads records, and makes what was asked of them in the form asked for."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from checkpoints import models
from core import cli, plugins
from core.errors import UserError
from core.words import join, parse_size
from reporting.console.report_options import FORMATS, ReportOptions
from reporting.contents.document import Request
from reporting.deciding.ranking import USE_CASES, UseCase
from reporting.formats import _pictures as pictures
from reporting.formats import _preset as preset_pages
from reporting.formats._format import Format
from reporting.reading import results as reading
from reporting.reading.results import RecordsRead

if TYPE_CHECKING:
    from reporting.contents.changes import RunComparison

FOLDERS = (Path("perf_results"), Path("eval_results"))


def make(options: ReportOptions) -> int:
    """Make what was asked for; returns how many regressions a comparison found.

    Raises `UserError` for options that do not fit together, and records that are not there.
    """
    name, form = choose_format(options)
    budget = None if options.memory_budget is None else parse_size(options.memory_budget)
    beside = None if options.results_dir else Path()
    records = reading.read(folders(options.results_dir), beside)
    if options.compare is not None:
        return compare(records, options, name, form)
    if options.history:
        return show_history(records, options, name, form)
    request = Request(
        records_read=records,
        model=options.model if options.write_card else chosen(records, options.model),
        margin=options.margin,
        run=options.run,
        use_case=use_case(options.use_case),
        budget=budget,
        here=form.here,
    )
    output = options.output_file
    if options.study is not None:
        preset_pages.write(plugins.load("studies", options.study), request.report, output)
    elif options.metric is not None or (output is not None and output.suffix in pictures.SUFFIXES):
        cli.say(f"wrote {pictures.draw(request.report, options.metric or 'tradeoff', output)}")
    elif options.write_card:
        from reporting.formats import card

        for folder in options.write_card:
            model = options.model or models.identify(str(folder)).model
            cli.say(f"wrote {card.write(replace(request, model=model).report, folder)}")
    else:
        form.write(request, output)
    return 0


def chosen(records: RecordsRead, asked: str | None) -> str:
    """The model to report, the newest where none was asked for; what else there is is said."""
    model = records.choose(asked)
    others = [name for name in records.models() if name != model]
    if asked is None and others:
        cli.say(
            f"{model} has the newest records; for {join(others, 'or')} name it with --model", "dim"
        )
    if records.example:
        cli.say("these are the records of the example: there are none of your own yet", "dim")
    return model


def choose_format(options: ReportOptions) -> tuple[str, Format]:
    """The format asked for, or the one the output file's name says; the terminal otherwise."""
    refuse_both(options)
    if options.json_ and options.format_ not in (None, "json"):
        raise UserError(f"--json and --format {options.format_} ask for two formats")
    name = "json" if options.json_ else options.format_ or _by_suffix(options)
    return plugins.canonical(name), plugins.load(FORMATS, name)


def _by_suffix(options: ReportOptions) -> str:
    """The format of an output file. Raises `UserError` for a name that says none."""
    output = options.output_file
    if output is None or options.metric or output.suffix in pictures.SUFFIXES:
        return "terminal"
    suffixes: dict[str, str] = {}
    for name in plugins.names(FORMATS):
        form: Format = plugins.load(FORMATS, name)
        suffixes |= dict.fromkeys(form.suffixes, name)
    if output.suffix not in suffixes:
        known = ", ".join([*suffixes, *pictures.SUFFIXES])
        raise UserError(f"{output}: its name says no format; name one with --format, or {known}")
    return suffixes[output.suffix]


def refuse_both(options: ReportOptions) -> None:
    """Raise `UserError` where two options ask for different things to be made."""
    wanted = {
        "--compare": options.compare,
        "--history": options.history,
        "--metric": options.metric,
        "--study": options.study,
        "--write_card": options.write_card,
        "--format": options.format_ and (options.metric or options.study or options.write_card),
    }
    given = [name for name, value in wanted.items() if value]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given[:2])} ask for different things: give one of them")


def folders(given: tuple[Path, ...]) -> list[Path]:
    """The folders asked for, or those of the usual ones that are there."""
    return list(given) or [folder for folder in FOLDERS if folder.is_dir()]


def use_case(name: str | None) -> UseCase | None:
    """A use case by name. Raises `UserError` for one that does not exist."""
    known = next((case for case in USE_CASES if case == name), None)
    if name is not None and known is None:
        raise UserError(f"there is no use case {name!r}; there are: {', '.join(USE_CASES)}")
    return known


def compare(records: RecordsRead, options: ReportOptions, name: str, form: Format) -> int:
    """`--compare A B`: B against A; all other runs say how much runs differ."""
    from reporting.contents import changes as tables
    from reporting.deciding import history, runs

    if form.compare is None or options.compare is None:
        raise _cannot_compare(name)
    before, after = (runs.pick(records, run, options.model) for run in options.compare)
    names, model = {before.name, after.name}, options.model or after.model
    others = [run for run in runs.runs(records, model) if run.name not in names]
    changes = history.compare(before, after, others)
    table = tables.change_table(changes, *options.compare)
    comparison = tables.RunComparison(model=model, tables=[table], changes=changes)
    form.compare(comparison, options.output_file)
    return conclude(comparison, name)


def show_history(records: RecordsRead, options: ReportOptions, name: str, form: Format) -> int:
    """`--history`: figures over all runs comparable with the newest, and its change."""
    from reporting.contents import changes as tables
    from reporting.deciding import history, runs

    if form.history is None:
        raise _cannot_compare(name)
    model = chosen(records, options.model)
    known, left_out = runs.comparable(runs.runs(records, model))
    for note in left_out:
        cli.say(note, "yellow")
    before = runs.previous(known)
    changes = history.compare(before, known[-1], known[:-1]) if before else []
    shown = tables.history_tables(known)
    tested = [change for change in changes if change.called != "not tested"]
    if before and tested:
        shown.append(tables.change_table(tested, before.name, known[-1].name))
    elif before:
        cli.say(f"no change is tested: that takes {history.ENOUGH_RUNS} runs before the newest")
    comparison = tables.RunComparison(model=model, tables=shown, changes=changes, runs=known)
    form.history(comparison, options.output_file)
    return conclude(comparison, name)


def _cannot_compare(name: str) -> UserError:
    """What to ask for instead of a format that cannot show runs against each other."""
    every = {known: plugins.load(FORMATS, known) for known in plugins.names(FORMATS)}
    compares = join([known for known, form in every.items() if form.compare], "or")
    alone = join([k for k, form in every.items() if form.history and not form.compare])
    too = f" (--history as {alone} too)" if alone else ""
    return UserError(f"made as {compares}{too}, not as {name}")


def conclude(comparison: "RunComparison", name: str) -> int:
    """Say what got worse; returns how many figures did."""
    worse = comparison.regressions
    for change in worse:
        what = f"{change.measure} {change.figure}".strip()
        cli.say(f"regression: {change.scheme} {what} {change.reason}".rstrip(), "red")
    if comparison.changes and not worse and name in ("terminal", "html"):
        cli.say("no statistically significant regression", "green")
    return len(worse)
