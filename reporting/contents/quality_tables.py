"""The tables of quality: a row a scheme, and a row a scheme and task, with verdicts."""

from typing import TYPE_CHECKING, Any

from core.records import Figure
from core.words import figure_text
from quality.tasks import primary
from reporting.contents.tables import EMPTY, Cell, Column, Table, Tone, figure_cell, one_per_scheme
from reporting.deciding.study import Candidate, Study

if TYPE_CHECKING:
    from quality.paired import Comparison

VERDICT_TONES: dict[str, Tone] = {"pass": "good", "fail": "bad", "undecided": "open"}


def quality(study: Study) -> Table:
    """Perplexity, divergence from the base, generated text, the mean of the tasks, the verdict."""
    columns: list[Column] = [
        ("verdict", _verdict),
        ("tasks, recovery %", _recovery),
        ("perplexity", figure_cell("perplexity", "perplexity")),
        ("times BASE", _perplexity_ratio),
        ("KL mean", figure_cell("divergence", "kl_mean")),
        ("KL p99", figure_cell("divergence", "kl_p99")),
        ("top-1 agreement %", figure_cell("divergence", "top1_agreement", 100)),
        ("ROUGE-L", figure_cell("references", "rouge_l")),
        ("BLEU", figure_cell("references", "bleu")),
        ("chrF", figure_cell("references", "chrf")),
        *((name, figure_cell("references", name)) for name in _custom_metrics(study)),
        ("answers as BASE %", _same_answers),
    ]
    notes = [
        f"verdict: pass when the loss is below the margin ({_margins(study)}) with 95 % "
        "confidence, fail when it or a task's is above, else undecided; paired by document"
    ]
    return one_per_scheme(study, "quality", "Quality", columns, notes)


def _margins(study: Study) -> str:
    return ", ".join(f"{scheme}: {m}" if scheme else str(m) for scheme, m in study.margins.items())


def _perplexity_ratio(candidate: Candidate) -> Cell:
    """Own over the base's perplexity, paired by windows of text."""
    found: Any = candidate.compared.paired.get("perplexity_ratio") if candidate.compared else None
    if found is None:
        return EMPTY
    ends = "" if found.low is None else f" ({found.low:.3f} to {found.high:.3f})"
    return Cell(f"{found.value:.3f}{ends}", found.value)


def _same_answers(candidate: Candidate) -> Cell:
    same: Any = candidate.compared.paired.get("same_answers") if candidate.compared else None
    return EMPTY if same is None else Cell(f"{100 * same:.1f}", same)


def _custom_metrics(study: Study) -> list[str]:
    known = ("rouge_l", "bleu", "chrf")
    records = [c.record("references") for c in study.candidates]
    return list(dict.fromkeys(n for r in records if r for n in r.figures if n not in known))


def _verdict(candidate: Candidate) -> Cell:
    verdict = candidate.compared.verdict if candidate.compared else None
    return Cell(verdict, None, VERDICT_TONES[verdict]) if verdict else EMPTY


def _recovery(candidate: Candidate) -> Cell:
    aggregate = candidate.compared.aggregate if candidate.compared else None
    if aggregate is None or aggregate.recovery is None:
        return EMPTY
    return Cell(recovery_text(aggregate), aggregate.recovery)


def recovery_text(comparison: "Comparison") -> str:
    """`98.2 (96.9 to 99.6)`: percent of the base's score, with its interval."""
    text = f"{comparison.recovery:.1f}"
    if comparison.recovery_low is None:
        return text
    return f"{text} ({comparison.recovery_low:.1f} to {comparison.recovery_high:.1f})"


def tasks(study: Study) -> Table:
    """Each task's score, recovery with its interval, flips and verdict: one row a scheme and task.

    Scores without samples (lm-eval's averages alone) have no recovery and no verdict.
    """
    columns = ["scheme", "task", "score", "recovery %", "worse", "better", "p", "verdict"]
    rows = [row for c in study.candidates for row in _task_rows(c)]
    notes = [
        "worse, better: documents whose score fell or rose; p: that both happen equally often, "
        "corrected for the number of tasks",
        "a checkpoint is judged by the mean of its tasks; single ones rarely decide alone",
    ]
    return Table("tasks", "Tasks", columns, rows, notes)


def _task_rows(candidate: Candidate) -> list[list[Cell]]:
    record = candidate.record("harness")
    if record is None:
        return []
    paired = candidate.compared.tasks if candidate.compared else {}
    p_values = candidate.compared.p_values if candidate.compared else {}
    rows = []
    for task, (metric, figure) in scores(record.figures).items():
        cells = [
            Cell(candidate.scheme),
            Cell(f"{task} ({metric})"),
            Cell(figure_text(figure, 100), figure.value),
        ]
        rows.append(cells + _paired(paired.get(task), p_values.get(task)))
    return rows


def _paired(comparison: "Comparison | None", p_value: float | None) -> list[Cell]:
    if comparison is None:
        return [EMPTY] * 5
    recovery = EMPTY
    if comparison.recovery is not None:
        recovery = Cell(recovery_text(comparison), comparison.recovery)
    verdict = comparison.verdict
    return [
        recovery,
        Cell(str(comparison.worse), comparison.worse),
        Cell(str(comparison.better), comparison.better),
        EMPTY if p_value is None else Cell(f"{p_value:.3f}", p_value),
        Cell(verdict, None, VERDICT_TONES[verdict]),
    ]


def scores(figures: dict[str, Figure]) -> dict[str, tuple[str, Figure]]:
    """Task to its headline metric and figure, of a harness record's figures."""
    by_task: dict[str, dict[str, Figure]] = {}
    for name, figure in figures.items():
        task, _, metric = name.partition("/")
        by_task.setdefault(task, {})[metric] = figure
    found = {}
    for task, metrics in by_task.items():
        chosen = primary(list(metrics))
        if chosen is not None:
            found[task] = (chosen.removesuffix(",none"), metrics[chosen])
    return found


def both(study: Study) -> list[Table]:
    """Schemes, then schemes and tasks."""
    return [quality(study), tasks(study)]
