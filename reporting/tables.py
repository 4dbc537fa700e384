"""The report's tables as data: each format draws the same cells.

A table whose column nobody can fill leaves that column out; a cell that one scheme cannot fill is
`-`, with the reason under "what is missing".
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from core.records import Figure
from reporting.study import Candidate, Study
from reporting.words import figure_text, ratio_text, significant, size, users

if TYPE_CHECKING:
    from core.paired import Comparison

Tone = Literal["", "good", "bad", "open"]
VERDICT_TONES: dict[str, Tone] = {"pass": "good", "fail": "bad", "undecided": "open"}


@dataclass(frozen=True)
class Cell:
    """Text, the number it is sorted by (None: by its text), and a tone that words repeat."""

    text: str
    value: float | None = None
    tone: Tone = ""


EMPTY = Cell("-")


@dataclass(frozen=True)
class Table:
    """A titled table; the first column names the row. `notes` stand below it."""

    key: str
    title: str
    columns: list[str]
    rows: list[list[Cell]]
    notes: list[str] = field(default_factory=list)


Column = tuple[str, Callable[[Candidate], Cell]]


def tables(study: Study) -> list[Table]:
    """Every table there is something to say in, in the order of reading."""
    loads = [speed(study, measure) for measure in ("sequential", *study.batches())]
    made = [*loads, memory(study), loading(study), quality(study), tasks(study), missing(study)]
    return [table for table in made if table.rows]


def _table(
    study: Study, key: str, title: str, columns: list[Column], notes: list[str] | None = None
) -> Table:
    """One row a candidate that can fill any column; empty columns are dropped."""
    rows = [(c, [cell(c) for _, cell in columns]) for c in study.candidates]
    rows = [(c, cells) for c, cells in rows if any(cell != EMPTY for cell in cells)]
    kept = [n for n in range(len(columns)) if any(cells[n] != EMPTY for _, cells in rows)]
    return Table(
        key, title, ["scheme", *(columns[n][0] for n in kept)],
        [[Cell(c.scheme), *(cells[n] for n in kept)] for c, cells in rows], notes or [],
    )  # fmt: skip


def _figure(measure: str, name: str, factor: float = 1.0) -> Callable[[Candidate], Cell]:
    def cell(candidate: Candidate) -> Cell:
        figure = candidate.figure(measure, name)
        return Cell(figure_text(figure, factor), figure.value) if figure else EMPTY

    return cell


def _bytes(name: str) -> Callable[[Candidate], Cell]:
    def cell(candidate: Candidate) -> Cell:
        figure = candidate.figure("memory", name)
        return Cell(size(figure.value), figure.value) if figure else EMPTY

    return cell


def speed(study: Study, measure: str) -> Table:
    """Tokens per second, time per token, latencies, total time and speed-up at one load."""

    def total(candidate: Candidate) -> Cell:
        seconds = total_s(candidate, measure)
        return Cell(significant(seconds), seconds) if seconds else EMPTY

    def faster(candidate: Candidate) -> Cell:
        ratio = study.speed_up(candidate, measure, "output_tokens_per_s")
        if ratio is None:
            return EMPTY
        if not ratio.separated:
            return Cell(f"~ {ratio_text(ratio)}", ratio.value, "open")
        return Cell(ratio_text(ratio), ratio.value, "good" if ratio.value > 1 else "bad")

    columns: list[Column] = [
        ("tokens/s", _figure(measure, "output_tokens_per_s")),
        ("time per token ms", _figure(measure, "tpot_s", 1000)),
        ("first token ms", _figure(measure, "ttft_s", 1000)),
        ("latency ms", _figure(measure, "e2e_latency_s", 1000)),
        ("total time s", total),
        ("speed-up", faster),
    ]
    notes = ["± is half of the 95 % interval over repeats; ~: the repeats do not tell it from BASE"]
    return _table(study, measure.replace(" ", "-"), f"Speed, {users(measure)}", columns, notes)


def total_s(candidate: Candidate, measure: str) -> float | None:
    """Seconds one repeat took: all its tokens over its throughput."""
    record = candidate.record(measure)
    figure = candidate.figure(measure, "output_tokens_per_s")
    if record is None or figure is None:
        return None
    count = record.settings.get("requests" if measure == "sequential" else "batch_size")
    tokens = record.settings.get("max_new_tokens")
    return float(count * tokens / figure.value) if count and tokens and figure.value else None


def memory(study: Study) -> Table:
    """On disk, weights, KV cache, peaks."""

    def share(candidate: Candidate) -> Cell:
        mine = candidate.figure("memory", "checkpoint_bytes")
        base = study.base.figure("memory", "checkpoint_bytes") if study.base else None
        if mine is None or base is None or not base.value:
            return EMPTY
        return Cell(f"{mine.value / base.value:.0%}", mine.value / base.value)

    columns: list[Column] = [
        ("on disk", _bytes("checkpoint_bytes")),
        ("of BASE", share),
        ("weights", _bytes("weights_bytes")),
        ("KV cache", _bytes("kv_cache_bytes")),
        ("KV tokens", _figure("memory", "kv_cache_tokens")),
        ("full requests", _figure("memory", "max_concurrency")),
        ("loading peak", _bytes("loading_peak_bytes")),
        ("inference peak", _bytes("inference_peak_bytes")),
        ("peak", _bytes("peak_bytes")),
    ]
    return _table(study, "memory", "Memory", columns, [_peak_note(study)])


def _peak_note(study: Study) -> str:
    machine = study.candidates[0].newest.machine
    if machine.get("gpus"):
        return (
            "the engine reserves a fixed share of the GPU whatever the scheme: compare weights and "
            "KV tokens, not peaks"
        )
    return "peaks are of the whole process, libraries and KV cache included"


def loading(study: Study) -> Table:
    """Seconds until ready, split."""
    names = {"load_s": "load s", "weights_s": "weights s", "compile_s": "compile s",
             "graph_capture_s": "graph capture s", "rest_s": "rest s",
             "import_s": "imports s"}  # fmt: skip
    columns: list[Column] = [(title, _figure("load", name)) for name, title in names.items()]
    columns.append(("first request ms", _figure("load", "first_request_ttft_s", 1000)))
    notes = ["one load each: no interval. A fresh server pays the imports on top"]
    return _table(study, "loading", "Loading", columns, notes)


def quality(study: Study) -> Table:
    """Perplexity, divergence from the base, generated text, the mean of the tasks, the verdict."""
    columns: list[Column] = [
        ("verdict", _verdict),
        ("tasks, recovery %", _recovery),
        ("perplexity", _interval("perplexity", "perplexity")),
        ("times BASE", _perplexity_ratio),
        ("KL mean", _interval("divergence", "kl_mean")),
        ("KL p99", _interval("divergence", "kl_p99")),
        ("top-1 agreement %", _interval("divergence", "top1_agreement", 100)),
        ("ROUGE-L", _interval("references", "rouge_l")),
        ("BLEU", _interval("references", "bleu")),
        ("chrF", _interval("references", "chrf")),
        *((name, _interval("references", name)) for name in _custom_metrics(study)),
        ("answers as BASE %", _same_answers),
    ]
    notes = [
        f"verdict: pass when the loss is below the margin ({_margins(study)}) with 95 % "
        "confidence, fail when it or a task's is above, else undecided; paired by document"
    ]
    return _table(study, "quality", "Quality", columns, notes)


def _margins(study: Study) -> str:
    return ", ".join(f"{scheme}: {m}" if scheme else str(m) for scheme, m in study.margins.items())


def _perplexity_ratio(candidate: Candidate) -> Cell:
    """Own over the base's perplexity, paired by windows of text."""
    found = candidate.compared.perplexity_ratio if candidate.compared else None
    if found is None:
        return EMPTY
    ends = "" if found.low is None else f" ({found.low:.3f} to {found.high:.3f})"
    return Cell(f"{found.value:.3f}{ends}", found.value)


def _same_answers(candidate: Candidate) -> Cell:
    same = candidate.compared.same_answers if candidate.compared else None
    return EMPTY if same is None else Cell(f"{100 * same:.1f}", same)


def _custom_metrics(study: Study) -> list[str]:
    known = ("rouge_l", "bleu", "chrf")
    records = [c.record("references") for c in study.candidates]
    return list(dict.fromkeys(n for r in records if r for n in r.figures if n not in known))


def _interval(measure: str, name: str, factor: float = 1.0) -> Callable[[Candidate], Cell]:
    return _figure(measure, name, factor)


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
        "corrected for the number of tasks"
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
        cells = [Cell(candidate.scheme), Cell(f"{task} ({metric})"),
                 Cell(figure_text(figure, 100), figure.value)]  # fmt: skip
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
        recovery, Cell(str(comparison.worse), comparison.worse),
        Cell(str(comparison.better), comparison.better),
        EMPTY if p_value is None else Cell(f"{p_value:.3f}", p_value),
        Cell(verdict, None, VERDICT_TONES[verdict]),
    ]  # fmt: skip


def scores(figures: dict[str, Figure]) -> dict[str, tuple[str, Figure]]:
    """Task to its headline metric and figure, of a harness record's figures."""
    from reporting.lm_eval import primary

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


def missing(study: Study) -> Table:
    """What was not measured, with the reason: failed records, absent measures."""
    rows: list[list[Cell]] = []
    wanted = study.measures()
    for candidate in study.candidates:
        reasons: dict[str, list[str]] = {}
        for key in [*candidate.performance, *candidate.quality]:
            problem = candidate.problem(key)
            if problem:
                reasons.setdefault(problem, []).append(key)
        absent = [key for key in wanted if key not in candidate.performance]
        if absent:
            reasons.setdefault("no record", []).extend(absent)
        for reason, keys in reasons.items():
            rows.append([Cell(candidate.scheme), Cell(", ".join(keys)), Cell(reason)])
    return Table("missing", "What is missing", ["scheme", "measures", "reason"], rows)


def environment(study: Study) -> list[tuple[str, str]]:
    """The test environment as (name, text): hardware, system, software, load, settings."""
    record = max((c.newest for c in study.candidates), key=lambda r: r.ended)
    machine = record.machine
    gpus = [str(gpu.get("name")) for gpu in machine.get("gpus") or []]
    libraries = machine.get("libraries") or {}
    process = (record.served or {}).get("process") or {}
    rows = [
        ("model", study.model),
        ("hardware", ", ".join(gpus) or f"{machine.get('cpu')}, {machine.get('cores')} cores"),
        ("driver", machine.get("driver")),
        ("operating system", machine.get("os")),
        ("Python", machine.get("python")),
        *((name, version) for name, version in libraries.items()),
        ("engine", record.engine),
        *((name, value) for name, value in study.context.items() if name not in HARDWARE),
        *((name, _plain(value)) for name, value in process.items()),
        ("commit", machine.get("git_commit")),
        ("measured", f"{record.started[:19].replace('T', ' ')} UTC"),
    ]
    shown = [(name, str(value)) for name, value in rows if value not in (None, "", "None")]
    return [(name.replace("_", " "), value) for name, value in shown]


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


HARDWARE = ("processor", "cores", "GPUs", "engine", "engine version")
