"""The tables of a known study (`studies/`), filled with the figures of a report."""

from collections.abc import Iterator
from dataclasses import replace

from core.records import Figure
from quality.tasks import primary
from reporting.contents.cells import EMPTY, Cell, Table, figure_of, without_empty
from reporting.contents.document import Report, on_engine
from reporting.deciding.candidate import Candidate
from reporting.deciding.study import Study
from reporting.reading import measures
from studies._preset import TASKS, Column, Preset, PresetTable


def tables(preset: Preset, report: Report) -> list[Table]:
    """Each table of the study with a row a checkpoint, one for each engine that ran some.

    Columns that nobody fills are left out, and tables without any.
    """
    studies = [report.study, *(other.study for other in report.others)]
    every = [(_table(table, preset, study), study) for table in preset.tables for study in studies]
    filled = [(table, study) for table, study in every if table.columns[table.names :]]
    if len(studies) == 1:
        return [table for table, _ in filled]
    return [replace(table, title=on_engine(table.title, study)) for table, study in filled]


def missing(preset: Preset, report: Report) -> list[str]:
    """Why figures of checkpoints are missing, a sentence each."""
    found: dict[str, None] = {}
    for study in (report.study, *(other.study for other in report.others)):
        for candidate in study.candidates:
            for key in candidate.stored:
                if why := candidate.problem(key):
                    text = why.removeprefix(f"{candidate.scheme} is ")
                    found[f"{_name(preset, candidate)}: {text}"] = None
    return list(found)


def _table(table: PresetTable, preset: Preset, study: Study) -> Table:
    columns = [made for column in table.columns for made in _spread(column, study)]
    names = ["Model", *([table.variants_heading] if table.variants else [])]
    rows = []
    for candidate in study.candidates:
        for key in _variants(table, candidate):
            row = [Cell(_name(preset, candidate))]
            row += [Cell(str(measures.split(key)[1]))] if table.variants else []
            cells = [_cell(column, study, candidate, key) for column in columns]
            rows += [[*row, *cells]] if any(cell != EMPTY for cell in cells) else []
    headings, rows = without_empty([*names, *(column.heading for column in columns)], rows)
    return Table(table.title, table.title, headings, rows, names=len(names))


def _name(preset: Preset, candidate: Candidate) -> str:
    return preset.names.get(candidate.scheme, candidate.scheme)


def _variants(table: PresetTable, candidate: Candidate) -> list[str]:
    """The loads that are rows, by key; one row without a key where the table has none."""
    if not table.variants:
        return [""]
    keys = [key for key in candidate.performance if measures.split(key)[0] == table.variants]
    return sorted(keys, key=lambda key: measures.split(key)[1] or 0)


def _spread(column: Column, study: Study) -> Iterator[Column]:
    """The column, or one for each task that somebody was asked."""
    if column.figure != TASKS:
        yield column
        return
    asked: dict[str, list[str]] = {}
    for candidate in study.candidates:
        for name in candidate.values(column.measure):
            task, _, metric = name.partition("/")
            asked.setdefault(task, []).append(metric)
    for task, metrics in asked.items():
        figure = f"{task}/{primary(list(dict.fromkeys(metrics)))}"
        yield replace(column, heading=column.heading.format(task), figure=figure)


def _cell(column: Column, study: Study, candidate: Candidate, key: str) -> Cell:
    own = _figure(column, candidate, key)
    if own is None:
        return EMPTY
    value = own.value / column.per
    if column.of_base:
        base = _figure(column, study.base, key) if study.base else None
        if base is None or not base.value or not own.value or candidate.is_base:
            return EMPTY
        ratio = own.value / base.value
        value = 100 * (ratio - 1) if column.of_base == "change" else 1 / ratio
    return Cell(f"{value:,.{column.digits}f}", value)


def _figure(column: Column, candidate: Candidate, key: str) -> Figure | None:
    """A figure at the row's load, else at the largest load of its measure."""
    keys = [k for k in candidate.stored if measures.split(k)[0] == column.measure]
    wanted = key if key in keys else max(keys, key=lambda k: measures.split(k)[1] or 0, default="")
    return figure_of(candidate, wanted, column.figure) if wanted else None
