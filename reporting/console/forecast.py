"""What `pipeline.py --plan` prints: the jobs, what is done, and what the rest takes."""

from dataclasses import asdict

from core import cli
from core.words import size
from grid.forecasting import Forecast, Row
from reporting.console.lines import table

HEADINGS = ("scheme", "<engine", "<checkpoint", "loads done", "time left", "on disk", "memory")


def show_forecast(forecast: Forecast, as_json: bool) -> None:
    """Print a forecast as a table and sentences, or as JSON."""
    if as_json:
        return cli.print_json(asdict(forecast))
    rows = forecast.rows
    table(HEADINGS, [_cells(row) for row in rows], important="time left")
    for row in rows:
        if row.reason:
            cli.show(f"{row.scheme}: {row.reason}")
    cli.show("")
    cli.show(f"goes on with run {forecast.run_id}" if forecast.run_id else "a new run")
    cli.show(_sum(rows))
    if forecast.cannot:
        cli.show(f"cannot be carried out: {forecast.cannot}", "red")
    return None


def _cells(row: Row) -> tuple[str, ...]:
    there = "there" if row.made else "to make"
    if not row.made and row.make_s is not None:
        there += f", {_duration(row.make_s)}"
    return (
        row.scheme,
        row.engine or "-",
        "not here" if not row.loads else there,
        f"{row.done} of {row.loads}",
        "?" if row.left_s is None else _duration(row.left_s),
        "-" if row.disk_bytes is None else size(row.disk_bytes),
        "-" if row.memory_bytes is None else size(row.memory_bytes),
    )


def _sum(rows: list[Row]) -> str:
    """`12 of 40 loads left, about 3 min; 2 checkpoints to make, which take 4.10 GiB`."""
    left = sum(row.loads - row.done for row in rows)
    seconds = [row.left_s for row in rows] + [row.make_s or 0.0 for row in rows]
    known = sum(each for each in seconds if each is not None)
    to_make = [row for row in rows if not row.made and row.loads]
    unknown = None in seconds or any(row.make_s is None for row in to_make)
    time = f"{'more than ' if unknown else 'about '}{_duration(known)}"
    if unknown and not known:
        time = "how long is not known before there are records"
    parts = [f"{left} of {sum(row.loads for row in rows)} loads left, {time}"]
    if to_make:
        disk = size(sum(row.disk_bytes or 0 for row in to_make))
        named = ", ".join(dict.fromkeys(row.scheme for row in to_make))
        parts.append(f"to make: {named}, together {disk}")
    return "; ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{f'{hours} h ' if hours else ''}{minutes} min"
