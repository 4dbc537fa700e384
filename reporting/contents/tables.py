"""The report's tables as data: each format draws the same cells.

A table whose column nobody can fill leaves that column out; a cell that one scheme cannot fill is
`-`, with the reason under "what is missing".
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from core.words import (
    figure_text,
    join,
    over_what,
    ratio_text,
    significant,
    size,
    users,
)
from reporting.deciding.study import Candidate, Study

Tone = Literal["", "good", "bad", "open"]


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


def speed_and_memory(study: Study) -> list[Table]:
    """A table of speed per load, of memory and of loading; without rows where nobody measured."""
    loads = [speed(study, measure) for measure in ("sequential", *study.batches())]
    return [*loads, memory(study), loading(study)]


def one_per_scheme(
    study: Study, key: str, title: str, columns: list[Column], notes: list[str] | None = None
) -> Table:
    """One row a candidate that can fill any column; empty columns are dropped."""
    rows = [(c, [cell(c) for _, cell in columns]) for c in study.candidates]
    rows = [(c, cells) for c, cells in rows if any(cell != EMPTY for cell in cells)]
    kept = [n for n in range(len(columns)) if any(cells[n] != EMPTY for _, cells in rows)]
    return Table(
        key,
        title,
        ["scheme", *(columns[n][0] for n in kept)],
        [[Cell(c.scheme), *(cells[n] for n in kept)] for c, cells in rows],
        notes or [],
    )


def figure_cell(measure: str, name: str, factor: float = 1.0) -> Callable[[Candidate], Cell]:
    """Makes cells of one figure, times `factor`, with its interval."""

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
        ratio = study.speed_up(candidate, measure)
        if ratio is None:
            return EMPTY
        if not ratio.separated:
            return Cell(f"~ {ratio_text(ratio)}", ratio.value, "open")
        return Cell(ratio_text(ratio), ratio.value, "good" if ratio.value > 1 else "bad")

    columns: list[Column] = [
        ("tokens/s", figure_cell(measure, "output_tokens_per_s")),
        ("time per token ms", figure_cell(measure, "tpot_s", 1000)),
        ("first token ms", figure_cell(measure, "ttft_s", 1000)),
        ("latency ms", figure_cell(measure, "e2e_latency_s", 1000)),
        ("total time s", total),
        ("speed-up", faster),
    ]
    over = over_what(study.rounds)
    notes = [
        f"± is half of the 95 % interval over {over}; speed-up: of the "
        f"{'latency' if measure == 'sequential' else 'tokens/s'}; ~: they do not tell it from BASE"
    ]
    key, title = measure.replace(" ", "-"), f"Speed, {users(measure)}"
    return one_per_scheme(study, key, title, columns, notes)


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
        ("KV tokens", figure_cell("memory", "kv_cache_tokens")),
        ("full requests", figure_cell("memory", "max_concurrency")),
        ("loading peak", _bytes("loading_peak_bytes")),
        ("inference peak", _bytes("inference_peak_bytes")),
        ("peak", _bytes("peak_bytes")),
    ]
    return one_per_scheme(study, "memory", "Memory", columns, [_peak_note(study)])


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
    names = {
        "load_s": "load s",
        "weights_s": "weights s",
        "compile_s": "compile s",
        "graph_capture_s": "graph capture s",
        "rest_s": "rest s",
        "import_s": "imports s",
    }
    columns: list[Column] = [(title, figure_cell("load", name)) for name, title in names.items()]
    columns.append(("first request ms", figure_cell("load", "first_request_ttft_s", 1000)))
    several = join([str(number) for number in study.rounds], "or")
    loads = "one load each: no interval" if study.rounds in ([], [1]) else f"{several} loads each"
    notes = [f"{loads}. A fresh server pays the imports on top"]
    return one_per_scheme(study, "loading", "Loading", columns, notes)


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
