"""The terminal table of quality records: one row a checkpoint, beside its base, with a verdict."""

from pathlib import Path
from typing import Any

from core import cli
from core.records import Record
from quality.comparison import Margin, Quality, Scored, latest, quality
from quality.documents import asked_tasks
from quality.paired import Comparison

COLOURS = {"pass": "green", "fail": "red", "undecided": "yellow"}


def show(
    scored: list[Scored], margins: dict[str, Margin], results: Path, as_json: bool
) -> list[Quality]:
    """Print what was scored, as JSON or as a table with where the records are, and return it."""
    compared = [compare(each, margins) for each in scored]
    if as_json:
        cli.print_json(
            [
                {
                    "model": each.checkpoint[0].subject.model,
                    "scheme": each.checkpoint[0].subject.scheme,
                    "quality": found.as_json(),
                    "records": [record.model_dump(mode="json") for record in each.checkpoint],
                }
                for each, found in zip(scored, compared, strict=True)
            ]
        )
    else:
        print_table(scored, compared)
        cli.say(f"{sum(len(each.checkpoint) for each in scored)} records in {results}/")
    return compared


def print_all(made: list[Record], margins: dict[str, Margin]) -> None:
    """The table of one model's records, of which those of the base may be missing."""
    by_scheme: dict[str, list[Record]] = {}
    for record in made:
        by_scheme.setdefault(record.subject.scheme, []).append(record)
    base = by_scheme.get("BASE", [])
    scored = [Scored(base=base, checkpoint=mine) for mine in by_scheme.values()]
    print_table(scored, [compare(each, margins) for each in scored])


def compare(each: Scored, margins: dict[str, Margin]) -> Quality:
    """A checkpoint beside its base, by its scheme's own margin or the default one."""
    margin = margins.get(each.checkpoint[0].subject.scheme, margins[""])
    return quality(each.base, each.checkpoint, margin)


def print_table(scored: list[Scored], compared: list[Quality]) -> None:
    """Figures and their paired difference to the base, then what the notes say."""
    pairs = list(zip(scored, compared, strict=True))
    measures = {record.measure for each in scored for record in each.checkpoint}
    if measures & {"perplexity", "divergence", "references"}:
        rows = [[each.checkpoint[0].subject.scheme, *_texts(each, found)] for each, found in pairs]
        _print(["perplexity", "KL mean", "KL p99", "top-1 %", "ROUGE-L", "BLEU", "as base %"], rows)
    tasks = list(dict.fromkeys(task for each in scored for task in _tasks(each.checkpoint)))
    if tasks:
        rows = [
            [
                each.checkpoint[0].subject.scheme,
                *(_task(found, each, task) for task in tasks),
                *_verdict(each, found),
            ]
            for each, found in pairs
        ]
        _print([*(f"{task} %" for task in tasks), "mean %", "recovery %", "verdict"], rows)
    _notes(scored, compared)


def _print(headings: list[str], rows: list[list[str]]) -> None:
    """A table of schemes, without the columns that are empty for all."""
    from rich.table import Table

    told = [n for n in range(1, len(headings) + 1) if any(row[n] != "-" for row in rows)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("scheme", no_wrap=True)
    for n in told:
        table.add_column(headings[n - 1], justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row[0], *(row[n] for n in told))
    cli.out.print(table)


def _texts(each: Scored, found: Quality) -> list[str]:
    divergence, answers = (
        latest(each.checkpoint, "divergence"),
        latest(each.checkpoint, "references"),
    )
    same = found.paired.get("same_answers")
    return [
        _perplexity(each, found),
        _figure(divergence, "kl_mean", 1, 5),
        _figure(divergence, "kl_p99", 1, 4),
        _figure(divergence, "top1_agreement", 100, 2),
        _figure(answers, "rouge_l", 1, 3),
        _figure(answers, "bleu", 1, 1),
        "-" if same is None else f"{100 * same:.0f}",
    ]


def _tasks(records: list[Record]) -> list[str]:
    """Tasks as they were asked for: a group is one."""
    record = latest(records, "harness")
    return list(asked_tasks(record.raw or {"tasks": {}})) if record else []


def _figure(record: Record | None, name: str, factor: float, digits: int) -> str:
    if record is None or name not in record.figures:
        return "-"
    return f"{record.figures[name].value * factor:,.{digits}f}"


def _perplexity(each: Scored, found: Quality) -> str:
    text = _figure(latest(each.checkpoint, "perplexity"), "perplexity", 1, 3)
    ratio: Any = found.paired.get("perplexity_ratio")
    if ratio is None or each.base is each.checkpoint:
        return text
    return f"{text} ({ratio.value - 1:+.2%})"


def _task(found: Quality, each: Scored, task: str) -> str:
    """Percent right, and the flips against the base: right to wrong, wrong to right.

    A task that is not judged by right and wrong shows its figure.
    """
    record = latest(each.checkpoint, "harness")
    leaves = asked_tasks(record.raw or {"tasks": {}}).get(task) if record else None
    if record is None or record.raw is None or leaves is None:
        return "-"
    compared = found.tasks.get(task)
    if compared is None:
        told = record.raw["tasks"][leaves[0]]
        value = told["aggregated"].get(told["primary"]) if len(leaves) == 1 else None
        return "-" if value is None else f"{told['primary'].partition(',')[0]} {value:.4g}"
    text = f"{100 * compared.compressed:.1f}"
    return (
        text if each.base is each.checkpoint else f"{text} (-{compared.worse} +{compared.better})"
    )


def _verdict(each: Scored, found: Quality) -> list[str]:
    whole = found.aggregate
    if whole is None or found.verdict is None:
        return ["-", "-", "-"]
    if each.base is each.checkpoint:
        return [f"{100 * whole.compressed:.2f}", "", "base"]
    colour = COLOURS[found.verdict]
    return [f"{100 * whole.compressed:.2f}", _recovery(whole), f"[{colour}]{found.verdict}[/]"]


def _recovery(compared: Comparison) -> str:
    if compared.recovery is None or compared.recovery_low is None:
        return "-"
    low, high = compared.recovery_low, compared.recovery_high
    return f"{compared.recovery:.2f} [{low:.2f}, {high:.2f}]"


def _notes(scored: list[Scored], compared: list[Quality]) -> None:
    lines = []
    for each, found in zip(scored, compared, strict=True):
        scheme = each.checkpoint[0].subject.scheme
        reasons = dict.fromkeys(r.reason for r in each.checkpoint if r.status != "ok" and r.reason)
        lines += [f"{scheme}: {reason}" for reason in reasons]
        record = latest(each.checkpoint, "harness")
        cut = (record.raw or {}).get("truncated") if record else 0
        if cut:
            lines.append(
                f"{scheme}: {cut} prompts did not fit the context and lost their beginning"
            )
        if each.base is not each.checkpoint and record:
            lines += [f"{scheme}: {found.reason}", *_real(scheme, found)]
    if any(
        found.tasks and each.base is not each.checkpoint
        for each, found in zip(scored, compared, strict=True)
    ):
        lines.append(
            "(-a +b): documents that the base had right and this one wrong, and the reverse; "
            "[low, high]: 95 % intervals, paired by document"
        )
    for line in lines:
        cli.out.print(line, highlight=False, markup=False)


def _real(scheme: str, found: Quality) -> list[str]:
    """Tasks whose difference is real at the 5 % level after correction for their number."""
    return [
        f"{scheme}: {task} differs from the base ({100 * compared.difference:+.1f} points, "
        f"McNemar p = {found.p_values[task]:.2g} corrected for {len(found.tasks)} tasks)"
        for task, compared in found.tasks.items()
        if found.p_values[task] < 0.05
    ]
