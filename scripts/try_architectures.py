"""What every scheme really does with the architectures people deploy.

    python scripts/try_architectures.py build/architectures
    python scripts/try_architectures.py build/architectures --only Gemma-2 --only Phi-3

Of each architecture a tiny random model is written (scripts/tiny_models.py), compressed with every
scheme, examined as analyze.py does and served by vLLM with its base, all in children of one fork
server. Prints a Markdown table; docs/architectures.md holds the last one. What is known is kept in
the folder's `outcomes.json`; another run goes on from there, with what failed.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from checkpoints import checkpoint, models
from compressing import missing, oneshot
from compressing.settings import Settings
from core import cli
from core.engine import Options
from core.errors import UserError
from core.measure import Job, Workload
from core.records import Record
from grid.execute import execute
from measures import divergence
from running import child, server
from running.progress import Progress
from running.run import LOGS, Run
from scripts import tiny_models

SCHEMES = (
    "FP8-W8A8", "INT8-W8A16-RTN", "INT8-W8A8", "INT4-W4A16", "INT4-W4A16-RTN", "INT4-W4A16-AWQ",
)  # fmt: skip
SETTINGS = Settings(num_calibration_samples=16, max_sequence_length=128, calibration="demo")
OPTIONS = Options(enforce_eager=True, max_model_len=512, kv_cache_memory_bytes=1 << 26)
TOKENS = 2048  # to compare distributions on
TIMEOUT_S = 600.0
# A scale put into the wrong layer shows against a scheme of the same bits that moves none.
PLAIN = {"INT8-W8A8": "FP8-W8A8", "INT4-W4A16-AWQ": "INT4-W4A16-RTN"}
TIMES_WORSE = 3.0
KEPT = "outcomes.json"


@dataclass(frozen=True)
class Outcome:
    """What came of a scheme: `kind` is ok, made (but not served), refused or failed; and why.

    `kl` is the mean divergence from the base in nats per token, from vLLM or, of a checkpoint that
    was not served and whose weights cannot be compared, from transformers.
    """

    kind: str
    reason: str = ""
    kl: float | None = None


def attempt(name: str, schemes: tuple[str, ...], folder: Path, serve: bool) -> dict[str, Outcome]:
    """What came of an architecture's base ("BASE") and of each scheme."""
    base = folder / "".join(c if c.isalnum() else "-" for c in name.lower())
    if not base.is_dir():
        reason = child.run(_write, (name, base), _log(base), TIMEOUT_S, lambda _: None)
        if reason:
            return {"BASE": Outcome("failed", reason)}
    places = models.places(str(base), ["BASE", *schemes], folder)
    impossible = missing.check(places, SETTINGS, named=False)
    outcomes = {
        scheme: Outcome("refused", reason.replace(str(base), "the model"))
        for scheme, reason in impossible.items()
    }
    if len(outcomes) == len(schemes):
        return outcomes
    records, failures = _run(places, folder, impossible, serve)
    for scheme, reason in failures.items():
        outcomes.setdefault(scheme, Outcome("failed", reason))
    for place in places:
        if place.scheme not in outcomes:
            own = [record for record in records if record.subject.scheme == place.scheme]
            outcomes[place.scheme] = _outcome(base, place, own, outcomes.get("BASE"))
    return _compared(outcomes)


def _log(base: Path) -> Path:
    return LOGS / f"{base.name}.log"


def _run(
    places: list[models.Place], folder: Path, impossible: dict[str, str], serve: bool
) -> tuple[list[Record], dict[str, str]]:
    """Compress and, where asked, serve, the pipeline's own way; records, and what was not made."""
    if not serve:
        left = [place for place in places if place.scheme not in impossible]
        left = [place for place in left if not place.path.exists()]
        failed = {p.scheme: missing.make(p, SETTINGS, "once", Progress()) for p in left}
        return [], impossible | {scheme: why for scheme, why in failed.items() if why}
    run = Run(
        engine="vllm",
        options=OPTIONS,
        results=folder / "perf_results",
        eval_results=folder / "eval_results",
    )
    base = run.base(places[0].path)
    text_options = divergence.DivergenceOptions(
        text="demo", divergence_tokens=TOKENS, data_dir=folder
    )
    compared = [Job("divergence", settings) for settings in divergence.plan(text_options, base)]
    planned = [Job("load", Workload()), *compared]
    records = execute(run, places, SETTINGS, planned, impossible, Progress())
    absent = {r.subject.scheme: str(r.reason) for r in records if not r.subject.fingerprint}
    return records, absent


def _outcome(
    base: Path, place: models.Place, records: list[Record], served: Outcome | None
) -> Outcome:
    """Findings of the truth test, why it was not served, or the divergence.

    `served` is what came of the base.
    """
    failed = [str(record.reason) for record in records if record.status == "failed"]
    if place.is_base:
        return Outcome("failed", failed[0]) if failed else Outcome("ok")
    inspections: list[dict[str, Any]] = []
    reason = child.run(
        _examine, (str(place.path), str(base)), _log(base), TIMEOUT_S, inspections.append
    )
    if reason or inspections[0]["findings"]:
        return Outcome("failed", f"analyze.py: {reason or inspections[0]['findings']}")
    other_kl = inspections[0].get("sensitivity", {}).get("total_kl")
    if served and served.kind == "failed":
        return Outcome("made", f"the base is not served either: {served.reason}", other_kl)
    if failed:
        return Outcome("failed", failed[0])
    kl = [r.figures["kl_mean"].value for r in records if r.measure == "divergence" and r.figures]
    if kl:
        return Outcome("ok", kl=kl[0])
    why = next((str(r.reason) for r in records if r.status == "unsupported"), "not asked to serve")
    return Outcome("made", why, other_kl)


def _compared(outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    """A scheme that moves scales and is far worse than its plain sibling has moved them wrongly."""
    for scheme, plain in PLAIN.items():
        outcome, sibling = outcomes.get(scheme), outcomes.get(plain)
        if (
            outcome
            and sibling
            and outcome.kl
            and sibling.kl
            and outcome.kl > TIMES_WORSE * sibling.kl
        ):
            why = f"{outcome.kl:.2g} nats from the base, {plain} is {sibling.kl:.2g}"
            outcomes[scheme] = Outcome("failed", why, outcome.kl)
    return outcomes


def _write(emit: child.Emit, name: str, folder: Path) -> None:
    tiny_models.write(name, folder)


def _examine(emit: child.Emit, path: str, base: str) -> None:
    from inspection import results

    settings = results.Settings(base=base, calibration="demo")
    emit(results.inspect(path, settings, lambda *_: None).as_json())


def known(folder: Path) -> dict[str, dict[str, Outcome]]:
    """What earlier runs in this folder found."""
    if not (folder / KEPT).is_file():
        return {}
    outcomes = checkpoint.read_json(folder / KEPT)
    return {n: {s: Outcome(**outcome) for s, outcome in row.items()} for n, row in outcomes.items()}


def table(by_architecture: dict[str, dict[str, Outcome]], schemes: tuple[str, ...]) -> str:
    """Markdown: a row an architecture, a column a scheme, and the reasons numbered below."""
    notes: dict[str, int] = {}
    lines = [f"| architecture | {' | '.join(schemes)} |", "|---" * (len(schemes) + 1) + "|"]
    for name, outcomes in by_architecture.items():
        cells = []
        for scheme in schemes:
            outcome = outcomes.get(scheme) or outcomes["BASE"]
            words = outcome.kind + (f", {outcome.kl:.2g}" if outcome.kl else "")
            reason = outcome.reason.partition(" (log:")[0]
            number = notes.setdefault(reason, len(notes) + 1) if reason else 0
            cells.append(f"{words} [{number}]" if number else words)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"{n}. {reason}" for reason, n in notes.items())])


def main(
    folder: Annotated[Path, typer.Argument(help="folder for the models and their checkpoints")],
    only: Annotated[list[str] | None, typer.Option("--only", help="an architecture")] = None,
    schemes: Annotated[str, typer.Option("--schemes", help="with commas")] = ",".join(SCHEMES),
    serve: Annotated[bool, typer.Option(help="load what was made in vLLM as well")] = True,
) -> None:
    """Compress, examine and serve tiny models of many architectures; print a table."""

    unknown = set(only or ()) - set(tiny_models.ARCHITECTURES)
    if unknown:
        names = "; ".join(tiny_models.ARCHITECTURES)
        raise UserError(f"there is no architecture {sorted(unknown)[0]!r}; there are: {names}")
    chosen = tuple(missing.choose(schemes)[1:])
    folder.mkdir(parents=True, exist_ok=True)
    server.prepare(("vllm",), [], LOGS, oneshot.PRELOADED)
    by_architecture = known(folder)
    for name in only or tiny_models.ARCHITECTURES:
        row = by_architecture.get(name, {})
        if not all(scheme in row and row[scheme].kind != "failed" for scheme in chosen):
            by_architecture[name] = attempt(name, chosen, folder, serve)
            plain = {
                n: {s: asdict(o) for s, o in row.items()} for n, row in by_architecture.items()
            }
            (folder / KEPT).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
        kinds = [f"{scheme} {outcome.kind}" for scheme, outcome in by_architecture[name].items()]
        cli.say(f"{name}: {', '.join(kinds)}")
    by_architecture = {name: by_architecture[name] for name in only or tiny_models.ARCHITECTURES}
    cli.out.print(table(by_architecture, chosen), markup=False, highlight=False)
    if any(
        outcome.kind == "failed" for row in by_architecture.values() for outcome in row.values()
    ):
        raise typer.Exit(cli.FAILED)


app = cli.application(main)

if __name__ == "__main__":
    app()
