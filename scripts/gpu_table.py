"""Performance records compared with the card's limits and published ratios, as one table.

    python scripts/gpu_table.py build/gpu_results --model_id llama3_8b_random

Reads `perf_results/`, `roofline.json` and the checkpoints' `compression.json` (kept as
`compressed/SCHEME.json`) of what scripts/gpu_results.sh made. `summary.json` there holds the same.

Share of the roofline: decoding must read the weights (the embedding's rows apart) and the KV cache
once a step, so its share is those bytes / time per token / copy bandwidth. Prefill multiplies
every weight of the blocks once per token, so its share is 2 x parameters x tokens / time to the
last first token / matrix rate, attention left out.
"""

import json
import math
import statistics
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to find ``core`` when run by path

from checkpoints import checkpoint, models
from checkpoints.checkpoint import EMBEDDING, Checkpoint
from comparing.rounds import merge
from core import cli, plugins
from core.records import Record, load_all
from reporting.deciding.blocks import Blocks
from scripts.gpu_rows import rows

# Output throughput against BF16: Llama-3.1-8B on one H200, 100 prompts offline, vLLM 0.7.3
# (AccelMark's published results); fewer users are another regime.
PROMPTS = 100
PUBLISHED = {"FP8-W8A8": 1.16, "INT8-W8A8": 1.15, "INT8-W8A16": 0.95, "INT4-W4A16": 0.61}


@dataclass(frozen=True)
class Sizes:
    """Of the base model: bytes of the embedding no step reads whole, parameters of the blocks."""

    embedding_bytes: int
    block_parameters: int


@dataclass
class Line:
    """One scheme at one load. Rates are per second; shares are of the roofline, `ratio` of BASE."""

    scheme: str
    prompt_tokens: int
    max_new_tokens: int
    users: int
    output_tokens_per_s: float
    ratio: float | None
    separated: bool | None
    published: float | None
    decode_share: float | None
    prefill_share: float | None


def sizes(base: Checkpoint) -> Sizes:
    """What the roofline needs to know of a base; a tied embedding is read as the output layer."""
    embedding = sum(t.nbytes for t in base.tensors if EMBEDDING.search(t.name))
    tied = not any(name.endswith("lm_head") for name in base.linear_layers)
    blocks = {n: s for n, s in base.linear_layers.items() if not n.endswith("lm_head")}
    return Sizes(0 if tied else embedding, sum(math.prod(shape) for shape in blocks.values()))


def decode_share(record: Record, of: Sizes, bytes_per_s: float) -> float | None:
    """Bytes one decoding step must read over what the card copies in that time."""
    served, tpot = record.served, record.figures.get("tpot_s")
    if not served or tpot is None or not served["kv_cache_tokens"]:
        return None
    context: float = record.settings["prompt_tokens"] + record.settings["max_new_tokens"] / 2
    per_token: float = served["kv_cache_bytes"] / served["kv_cache_tokens"]
    read: float = served["weights_bytes"] - of.embedding_bytes + users(record) * context * per_token
    return float(read) / tpot.value / bytes_per_s


def prefill_share(record: Record, of: Sizes, rates: dict[str, float]) -> float | None:
    """Operations of all prompts until the last first token, over what the card multiplies."""
    rate = rates.get(number_format(record.subject.scheme) or "")
    if rate is None:
        return None
    seconds = prefill_seconds(record.figures["ttft_s"].value, record)
    tokens: int = users(record) * record.settings["prompt_tokens"]
    return 2 * of.block_parameters * tokens / seconds / rate


def prefill_seconds(ttft_s: float, record: Record) -> float:
    """From the first request sent to the last first token: of one request, or of a whole batch."""
    if record.measure == "sequential" or record.raw is None:
        return ttft_s
    sent, first = (record.raw["columns"].index(name) for name in ("sent_s", "first_token_s"))
    spans = [
        max(row[first] for row in rows) - min(row[sent] for row in rows)
        for rows in record.raw["repeats"]
    ]
    return float(statistics.median(spans))


def number_format(scheme: str) -> str | None:
    """The format a scheme multiplies in, as scripts/roofline.py names it; None: not measured."""
    data = plugins.load("schemes", scheme)
    if data.activations is None:
        return "bf16"
    no_kernel = data.serving.native is None and data.serving.only is None
    microscaled = data.storage.scale_bits is not None
    if no_kernel or microscaled:
        return None
    return "fp8" if data.activations.kind == "float" else "int8"


def users(record: Record) -> int:
    """How many requests are answered together."""
    return int(record.settings["batch_size"]) if record.measure == "batch" else 1


def family(scheme: str) -> str:
    """A scheme without its method: what runs in the engine is the same kernel."""
    return scheme.removesuffix("-RTN").removesuffix("-AWQ")


Rounds = dict[int, Record]  # of one scheme at one load


def lines(records: Iterable[Record], of: Sizes, roofline: dict[str, Any]) -> list[Line]:
    """A line per scheme and load; of several records of a round the last one counts."""
    latest: dict[tuple[str, int, int, int], Rounds] = {}
    for record in records:
        if record.status == "ok" and record.measure in ("sequential", "batch"):
            load = record.settings
            place = (load["prompt_tokens"], load["max_new_tokens"], users(record))
            latest.setdefault((record.subject.scheme, *place), {})[record.round] = record
    return [
        _line(rounds, latest.get(("BASE", *key[1:])), of, roofline)
        for key, rounds in latest.items()
    ]


def _line(rounds: Rounds, base: Rounds | None, of: Sizes, roofline: dict[str, Any]) -> Line:
    record = merge([rounds[number] for number in sorted(rounds)])
    figure = record.figures["output_tokens_per_s"]
    scheme = record.subject.scheme
    against = None
    if base is not None and base is not rounds:
        values = {
            name: {r: record.figures["output_tokens_per_s"].value for r, record in each.items()}
            for name, each in (("BASE", base), (scheme, rounds))
        }
        against = Blocks(values, "higher").ratio(scheme, "BASE")
    return Line(
        scheme=scheme,
        prompt_tokens=record.settings["prompt_tokens"],
        max_new_tokens=record.settings["max_new_tokens"],
        users=users(record),
        output_tokens_per_s=figure.value,
        ratio=against.value if against else None,
        separated=against.separated if against else None,
        published=PUBLISHED.get(family(scheme)) if users(record) >= PROMPTS else None,
        decode_share=decode_share(record, of, roofline["copy_bytes_per_s"]),
        prefill_share=prefill_share(record, of, roofline["matrix_flops_per_s"]),
    )


def loads(records: Iterable[Record]) -> dict[str, dict[str, float]]:
    """Per scheme the figures of `load` and `memory`."""
    by_scheme: dict[str, dict[str, float]] = {}
    for record in records:
        if record.status == "ok" and record.measure in ("load", "memory"):
            figures = by_scheme.setdefault(record.subject.scheme, {})
            figures |= {name: figure.value for name, figure in record.figures.items()}
    return by_scheme


def compressions(folder: Path) -> dict[str, dict[str, float]]:
    """Per scheme the wall seconds of compressing and its peak bytes."""
    costs = {}
    for path in sorted((folder / "compressed").glob("*.json")):
        manifest = checkpoint.read_json(path)
        peaks = {f"peak_{k}_bytes": v for k, v in manifest["peak_memory_bytes"].items()}
        costs[path.stem] = {"wall_s": manifest["wall_s"], **peaks}
    return costs


def summary(folder: Path, model_id: str) -> dict[str, Any]:
    """Everything the table shows, as plain data."""
    records = load_all(folder / "perf_results")
    roofline = checkpoint.read_json(folder / "roofline.json")
    of = sizes(checkpoint.read(models.folder(model_id)))
    failed = {(r.subject.scheme, r.measure): r.reason for r in records if r.status != "ok"}
    return {
        "model": model_id,
        "marks": models.random_mark(models.folder(model_id)),
        "roofline": roofline,
        "loads": loads(records),
        "compressions": compressions(folder),
        "lines": [asdict(line) for line in lines(records, of, roofline)],
        "failed": [{"scheme": s, "measure": m, "reason": why} for (s, m), why in failed.items()],
    }


def main(
    folder: Annotated[Path, typer.Argument(help="what scripts/gpu_results.sh wrote")],
    model_id: Annotated[str, typer.Option("--model_id", help="the base model's folder, or `demo`")],
) -> None:
    """Write summary.json and print the table."""
    document = summary(folder, model_id)
    (folder / "summary.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for text in rows(document):
        cli.out.print(text, highlight=False, markup=False)


app = cli.application(main)

if __name__ == "__main__":
    app()
