"""The tables of quality: a row a scheme, and a row a scheme and task, with verdicts."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.records import Figure
from core.stats import CONFIDENCE
from core.words import full_text, join, several, signed, span_text, value_text
from quality.tasks import primary
from reporting.contents.cells import (
    EMPTY,
    Cell,
    Table,
    Tone,
    columns_of,
    filled,
    measure_notes,
    rows_of,
)
from reporting.deciding.candidate import Candidate
from reporting.deciding.study import Study
from reporting.reading import measures
from reporting.reading.measures import QUALITY

if TYPE_CHECKING:
    from quality.paired import Comparison

VERDICT_TONES: dict[str, Tone] = {"pass": "good", "fail": "bad", "undecided": "open"}
TASK_COLUMNS = ["scheme", "task", "score", "cut", "recovery %", "worse", "better", "p", "verdict"]
CUT = TASK_COLUMNS.index("cut")


def both(study: Study) -> list[Table]:
    """Schemes, then schemes and tasks."""
    return [quality(study), tasks(study)]


def quality(study: Study) -> Table:
    """The verdict, the mean of the tasks, and the figures of every measure without a table."""
    keys = [key for key in study.finished if measures.title(key) == QUALITY]
    columns = [
        ("verdict", verdict),
        ("tasks, recovery %", recovery),
        ("tasks, mean %", lambda candidate: _mean(study, candidate)),
        *(column for key in keys for column in columns_of(study, key)),
    ]
    names, rows = filled(columns, rows_of(study, columns))
    called = (
        f"verdict: pass when the loss is below the margin ({_margins(study)}) with 95 % "
        "confidence (more where schemes are many or it was looked at before), fail when it or a "
        "task's is above, else undecided; paired by document"
    )
    notes = [
        *_emulated(study),
        *([called] if "verdict" in names else []),
        *(note for key in keys for note in measure_notes(study, key)),
        *_warnings(study),
    ]
    return Table("quality", QUALITY, names, rows, notes, QUALITY, measured=True)


def _emulated(study: Study) -> list[str]:
    """Schemes whose quality was scored without a kernel of their format, by how."""
    hows: dict[str, list[str]] = {}
    for candidate in study.candidates:
        served = [stored.record.served or {} for stored in candidate.quality.values()]
        for how in dict.fromkeys(each["emulated"] for each in served if each.get("emulated")):
            hows.setdefault(how, []).append(candidate.scheme)
    return [f"quality only: emulated, {how}: {join(names)}" for how, names in hows.items()]


def _margins(study: Study) -> str:
    return ", ".join(f"{scheme}: {m}" if scheme else str(m) for scheme, m in study.margins.items())


def verdict(candidate: Candidate) -> Cell:
    """pass, fail or undecided; empty where quality was not compared."""
    called = candidate.compared.verdict if candidate.compared else None
    return Cell(called, None, VERDICT_TONES[called]) if called else EMPTY


def recovery(candidate: Candidate) -> Cell:
    """The mean of the tasks in percent of the base's."""
    aggregate = candidate.compared.aggregate if candidate.compared else None
    return recovery_cell(aggregate) if aggregate else EMPTY


def recovery_cell(comparison: "Comparison") -> Cell:
    """Percent of the base's score, with its interval."""
    share, low, high = (comparison.recovery, comparison.recovery_low, comparison.recovery_high)
    return EMPTY if share is None else Cell(span_text(share, low, high), share)


def _mean(study: Study, candidate: Candidate) -> Cell:
    """The mean of the tasks' scores; the base's is the one the others are compared with."""
    compared = [c.compared.aggregate for c in study.compressed if c.compared]
    base = next((mean.base for mean in compared if mean), None)
    aggregate = candidate.compared.aggregate if candidate.compared else None
    mean = base if candidate.is_base else aggregate.compressed if aggregate else None
    return EMPTY if mean is None else Cell(f"{100 * mean:.2f}", mean)


def tasks(study: Study) -> Table:
    """Each task's score, recovery with its interval, flips and verdict: one row a scheme and task.

    Scores without samples (lm-eval's averages alone) have no recovery and no verdict. What was cut
    of a task's prompts and answers has a column where anything was.
    """
    rows = [row for c in study.candidates for row in _task_rows(study, c)]
    whole = all(row[CUT] == EMPTY for row in rows)
    kept = [n for n in range(len(TASK_COLUMNS)) if n != CUT or not whole]
    notes = [
        "worse, better: documents whose score fell or rose against BASE; p: that both happen "
        "equally often, corrected for the number of tasks",
        "a checkpoint is judged by the mean of its tasks; single ones rarely decide alone",
    ]
    names, rows = [TASK_COLUMNS[n] for n in kept], [[row[n] for n in kept] for row in rows]
    important = ("score", "recovery %", "verdict")
    return Table(
        "tasks", "Tasks", names, rows, notes, QUALITY, measured=True, names=2, important=important
    )


def _task_rows(study: Study, candidate: Candidate) -> list[list[Cell]]:
    """Tasks, then groups of them, which have no figure of their own."""
    scored = scores_of(candidate)
    if not scored:
        return []
    cut = _cut(candidate)
    named = {
        task: (
            Cell(f"{task} ({metric})" if metric else task),
            Cell(full_text(figure, "%"), figure.value),
        )
        for task, (metric, figure) in scored.items()
    } | {
        task: (Cell(task), Cell(value_text(mean, "fraction", "%"), mean))
        for task, mean in _groups(study, candidate, scored).items()
    }
    return [
        [
            Cell(candidate.scheme),
            *cells,
            Cell(cut[task]) if task in cut else EMPTY,
            *_paired(candidate, task),
        ]
        for task, cells in named.items()
    ]


def _cut(candidate: Candidate) -> dict[str, str]:
    """What was cut of prompts and answers, by task."""
    words: dict[str, str] = {}
    for key in candidate.quality:
        measure = measures.of_key(key)
        if measure and measure.scores and candidate.record(key):
            words |= measure.shown.cut(candidate.quality[key].raw())
    return words


def _groups(study: Study, candidate: Candidate, scored: Iterable[str]) -> dict[str, float]:
    """The mean scores of groups of tasks: what was compared in addition to single tasks."""
    if candidate.is_base:
        others = [c.compared.tasks for c in study.compressed if c.compared]
        means = {name: task.base for tasks in others for name, task in tasks.items()}
    else:
        compared = candidate.compared.tasks if candidate.compared else {}
        means = {name: task.compressed for name, task in compared.items()}
    return {name: mean for name, mean in means.items() if name not in scored}


def _paired(candidate: Candidate, task: str) -> list[Cell]:
    compared = candidate.compared
    comparison = compared.tasks.get(task) if compared else None
    if compared is None or comparison is None:
        return [EMPTY] * 5
    idle = compared.uninformative.get(task, "").partition(";")[0]
    called, p_value = comparison.verdict, compared.p_values[task]
    if idle and called != "fail":
        shown = Cell(f"uninformative: {idle}", None, VERDICT_TONES["undecided"])
    else:
        shown = Cell(called, None, VERDICT_TONES[called])
    return [
        recovery_cell(comparison),
        Cell(str(comparison.worse), comparison.worse),
        Cell(str(comparison.better), comparison.better),
        Cell(f"{p_value:.3f}", p_value),
        shown,
    ]


def scores_of(candidate: Candidate) -> dict[str, tuple[str, Figure]]:
    """Task to its headline metric and figure, of every measure that scores documents."""
    by_task: dict[str, dict[str, Figure]] = {}
    for key in candidate.quality:
        record = candidate.record(key)
        for name, figure in record.figures.items() if record and measures.judges(key) else ():
            if measures.quantity(key, name) is None:
                task, _, metric = name.partition("/")
                by_task.setdefault(task, {})[metric] = figure
    chosen = {task: (primary(list(metrics)) or "", metrics) for task, metrics in by_task.items()}
    return {
        task: (metric.removesuffix(",none"), metrics[metric])
        for task, (metric, metrics) in chosen.items()
    }


def reasons(study: Study) -> list[str]:
    """Why measures have no result, once a scheme."""
    return [
        f"{candidate.scheme}: {reason.removeprefix(f'{candidate.scheme} is ')}"
        for candidate in study.candidates
        for reason in dict.fromkeys(filter(None, map(candidate.problem, candidate.stored)))
    ]


def remarks(study: Study) -> list[str]:
    """What the tables do not say: why a verdict is what it is, real differences."""
    lines = []
    for candidate in study.candidates:
        judged = [k for k in candidate.quality if measures.judges(k) and candidate.record(k)]
        if judged and candidate.compared:
            lines += [f"{candidate.scheme}: {candidate.compared.reason}", *_differences(candidate)]
    return lines


def _warnings(study: Study) -> list[str]:
    """What a reader must know of raw values, once for all schemes of which it is true."""
    schemes: dict[str, list[str]] = {}
    for candidate in study.candidates:
        for key in candidate.quality:
            measure = measures.of_key(key)
            if measure and candidate.record(key):
                for text in measure.shown.warnings(candidate.quality[key].raw()):
                    schemes.setdefault(text, []).append(candidate.scheme)
    return [f"{', '.join(names)}: {text}" for text, names in schemes.items()]


def _differences(candidate: Candidate) -> list[str]:
    """Tasks whose difference is real at the 5 % level after correction for their number."""
    compared = candidate.compared
    if compared is None:
        return []
    return [
        f"{candidate.scheme}: {task} differs from the base "
        f"({signed(100 * comparison.difference, 1)} points, McNemar p = "
        f"{compared.p_values[task]:.2g} corrected for {several(len(compared.tasks), 'task')})"
        for task, comparison in compared.tasks.items()
        if compared.p_values[task] < 1 - CONFIDENCE
    ]
