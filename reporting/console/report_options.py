"""What `report.py` is asked: its command line, which is light, for `--help` reads it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from core import plugins
from core.options import Json, Margin, option
from core.words import join

FORMATS: Final = "reporting/formats"
STUDIES: Final = [plugins.shown("studies", name) for name in plugins.names("studies")]


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Which records, what to make of them, and in which form."""

    model: Annotated[str | None, option("the newest, where records are of several")] = None
    use_case: Annotated[str | None, option("latency, throughput or memory; all by default")] = None
    memory_budget: Annotated[str | None, option("what must suffice, like 24GiB")] = None
    margin: Margin = "1"
    format_: Annotated[str | None, option(join(plugins.names(FORMATS), "or"), "format")] = None
    metric: Annotated[
        str | None,
        option("a picture: speed, quality, memory, tradeoff, latency or another measure's title"),
    ] = None
    study: Annotated[
        str | None,
        option(f"the page of a known study, as Markdown: {', '.join(STUDIES)}"),
    ] = None
    output_file: Annotated[Path | None, option("where to write; its suffix tells how")] = None
    compare: Annotated[
        tuple[str, str] | None, option("two runs (starts of their ids) or results folders")
    ] = None
    history: Annotated[bool, option("figures over runs; the newest against the last")] = False
    run: Annotated[str | None, option("only this run's performance (start of its id)")] = None
    write_card: Annotated[
        tuple[Path, ...], option("checkpoint folder whose README.md gets the section")
    ] = ()
    results_dir: Annotated[
        tuple[Path, ...], option("folders of records; perf_results and eval_results")
    ] = ()
    json_: Json = False
