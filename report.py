"""Turn records into a decision: which scheme to deploy, and why.

    python report.py
    python report.py --model demo --format html
    python report.py --metric speed --output_file results/speed_comparison.png
    python report.py --compare 20260101T 20260201T

Reads perf_results/ and eval_results/ (ours and lm-eval's files); needs neither torch nor vLLM nor
a GPU. Exit code 3 means that a comparison found a regression.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core import arguments, cli
from core.errors import UserError

if TYPE_CHECKING:
    from reporting.contents.document import Report
    from reporting.contents.tables import Table
    from reporting.deciding.history import Change
    from reporting.reading.results import Found

FORMATS = ("terminal", "md", "html", "csv", "json", "card")
SUFFIXES = {".md": "md", ".html": "html", ".csv": "csv", ".json": "json"}
PICTURES = (".png", ".svg", ".pdf")
FOLDERS = (Path("perf_results"), Path("eval_results"))
REGRESSION = 3


def choose_format(asked: str | None, output: Path | None, as_json: bool) -> str:
    """The format asked for, or the one the output file's name says; the terminal otherwise."""
    if as_json:
        return "json"
    if asked is None:
        return SUFFIXES.get(output.suffix if output else "", "terminal")
    if asked not in FORMATS:
        raise UserError(f"there is no format {asked!r}; there are: {', '.join(FORMATS)}")
    return asked


def folders(given: list[Path] | None) -> list[Path]:
    """The folders asked for, or those of the usual ones that are there."""
    return list(given) if given else [folder for folder in FOLDERS if folder.is_dir()]


def write(text: str, output: Path | None) -> None:
    """To the file, or to stdout when there is none."""
    if output is None:
        typer.echo(text.rstrip("\n"))
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UserError(f"cannot write {output}: {problem.strerror}") from problem
    cli.say(f"wrote {output}")


def render(made: "Report", form: str, output: Path | None) -> None:
    """Write a report in one format; pages go to `report-MODEL.html` unless told otherwise."""
    from reporting.formats import json as data
    from reporting.formats import md as markdown
    from reporting.formats import terminal

    if form == "terminal":
        if output is not None:
            known = ", ".join([*SUFFIXES, *PICTURES])
            raise UserError(
                f"{output}: its name says no format; name one with --format, or {known}"
            )
        terminal.show(made)
    elif form == "md":
        write(markdown.text(made), output)
    elif form == "json" and output is None:
        cli.print_json(data.as_json(made))
    elif form == "json":
        import json

        write(json.dumps(data.as_json(made), indent=1, ensure_ascii=False) + "\n", output)
    elif form == "card":
        from reporting.formats import card as model_card

        write(model_card.card(made), output)
    else:
        from reporting.formats import html as page

        write(page.html(made), output or Path(f"report-{page.file_name(made.study.model)}.html"))


def refuse_both(asked: dict[str, object]) -> None:
    """Raise `UserError` where two options ask for different things to be made."""
    given = [name for name, value in asked.items() if value]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given[:2])} ask for different things: give one of them")


def show_changes(
    changes: "list[Change]",
    shown: "list[Table]",
    form: str,
    output: Path | None,
) -> None:
    """Print a comparison or history, and what got worse (see `conclude`)."""
    from reporting.contents import changes as tables
    from reporting.formats import md as markdown
    from reporting.formats import terminal

    if form == "json":
        cli.print_json(
            {
                "changes": [tables.change_json(c) for c in changes],
                "regressions": sum(c.called == "regression" for c in changes),
            }
        )
    elif form == "md":
        write("\n\n".join(markdown.table(one) for one in shown) + "\n", output)
    elif form == "terminal":
        terminal.show_tables(shown)
    else:
        raise UserError(f"made as terminal, md or json (--history as html too), not as {form}")
    conclude(changes, form)


def conclude(changes: "list[Change]", form: str) -> None:
    """Name what got worse; exits with 3 when something did."""
    worse = [c for c in changes if c.called == "regression"]
    for change in worse:
        what = f"{change.measure} {change.figure}".strip()
        cli.say(f"regression: {change.scheme} {what} {change.reason}".rstrip(), "red")
    if worse:
        raise typer.Exit(REGRESSION)
    if changes and form in ("terminal", "html"):
        cli.say("no regression outside the noise", "green")


def compare(
    found: "Found", names: tuple[str, str], model: str | None, form: str, output: Path | None
) -> None:
    """`--compare A B`: B against A, with the runs before B telling the noise."""
    from reporting.contents import changes as tables
    from reporting.deciding import history, runs

    before, after = (runs.pick(found, name, model) for name in names)
    earlier = [r for r in runs.runs(found, model) if r.ended < after.ended]
    changes = history.compare(before, after, earlier)
    show_changes(changes, [tables.change_table(changes, *names)], form, output)


def show_history(found: "Found", model: str | None, form: str, output: Path | None) -> None:
    """`--history`: figures over all runs comparable with the newest, and its change."""
    from reporting.contents import changes as tables
    from reporting.deciding import history, runs
    from reporting.formats import _history_page as history_page
    from reporting.formats import html as page

    model = found.choose(model)
    known, left = runs.comparable(runs.runs(found, model))
    for note in left:
        cli.say(note, "yellow")
    changes: list[Any] = []
    shown = tables.history_tables(known)
    before = runs.previous(known)
    if before is not None:
        changes = history.compare(before, known[-1], known[:-1])
        shown.append(tables.change_table(changes, before.name, known[-1].name))
    if form != "html":
        return show_changes(changes, shown, form, output)
    made = history_page.html(model, known, shown)
    write(made, output or Path(f"history-{page.file_name(model)}.html"))
    return conclude(changes, form)


def main(
    model: Annotated[
        str | None, typer.Option("--model", help="needed when there are records of several")
    ] = None,
    use_case: Annotated[
        str | None, typer.Option("--use_case", help="latency, throughput or memory; all by default")
    ] = None,
    memory_budget: Annotated[
        str | None, typer.Option("--memory_budget", help="what must suffice, like 24GiB")
    ] = None,
    margin: arguments.Margin = "1",
    format_: Annotated[
        str | None, typer.Option("--format", help="terminal, md, html, csv, json or card")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="a picture: speed, quality, memory, tradeoff or latency"),
    ] = None,
    output_file: Annotated[
        Path | None, typer.Option("--output_file", help="where to write; its suffix tells how")
    ] = None,
    compare_: Annotated[
        tuple[str, str] | None,
        typer.Option("--compare", help="two runs (starts of their ids) or results folders"),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="figures over runs; the newest against the last")
    ] = False,
    run: Annotated[
        str | None, typer.Option("--run", help="only this run's performance (start of its id)")
    ] = None,
    write_card: Annotated[
        list[Path] | None,
        typer.Option("--write_card", help="checkpoint folder whose README.md gets the section"),
    ] = None,
    results_dir: Annotated[
        list[Path] | None,
        typer.Option("--results_dir", help="folders of records; perf_results and eval_results"),
    ] = None,
    json_: arguments.Json = False,
) -> None:
    """Say which scheme to deploy, and why, from records."""
    from core.words import parse_size
    from reporting.reading import results as reading

    refuse_both(
        {
            "--compare": compare_,
            "--history": history,
            "--metric": metric,
            "--write_card": write_card,
            "--format": format_ and (metric or write_card),
        },
    )
    if json_ and format_ not in (None, "json"):
        raise UserError(f"--json and --format {format_} ask for two formats")
    form = choose_format(format_, output_file, json_)
    budget = None if memory_budget is None else parse_size(memory_budget)
    found = reading.read(folders(results_dir))
    if compare_ is not None:
        return compare(found, compare_, model, form, output_file)
    if history:
        return show_history(found, model, form, output_file)
    from reporting.contents import document
    from reporting.deciding import study
    from reporting.deciding.ranking import USE_CASES

    if use_case not in (None, *USE_CASES):
        raise UserError(f"there is no use case {use_case!r}; there are: {', '.join(USE_CASES)}")
    if form == "csv":
        from reporting.formats import json as data

        return write(data.long_csv(found.of_model(model)), output_file)
    made = document.build(study.build(found, model, margin, run), use_case, budget)
    if metric is not None or (output_file is not None and output_file.suffix in PICTURES):
        from reporting.formats import pictures

        path = pictures.draw(made, metric or "tradeoff", output_file)
        return cli.say(f"wrote {path}")
    if write_card:
        from reporting.formats import card as model_card

        for folder in write_card:
            cli.say(f"wrote {model_card.write(made, folder)}")
        return None
    return render(made, form, output_file)


app = cli.application(main)

if __name__ == "__main__":
    app()
