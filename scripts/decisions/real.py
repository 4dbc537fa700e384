"""The built-in model under seven names through pipeline.py: is any called faster than another?

Six folders hold the base's very weights and say that they are schemes, so whatever differs between
them is noise of the machine and of our own making. Gates are left out: these checkpoints run the
base's kernels.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from checkpoints import checkpoint, models
from core.plugins import ROOT
from reporting.deciding import study
from reporting.deciding.ranking import USE_CASES, Ranking, Rated, metric
from reporting.deciding.study import Study
from reporting.reading import measures
from reporting.reading import results as reading

# schemes that every machine runs: the names are all that is theirs
NAMES = (
    "FP8-W8A8", "INT8-W8A8", "INT8-W8A8-RTN", "INT4-W4A16", "INT4-W4A16-AWQ", "INT4-W4A16-RTN",
)  # fmt: skip
QUESTION = ("--tasks", "none", "--text", "none")
LOAD = (
    "--enforce_eager", "--max_model_len", "1024", "--num_prompts", "2", "--max_new_tokens", "16",
    "--repeats", "2", "--batch_sizes", "8,32",
)  # fmt: skip


def lines(repetitions: int, seed: int) -> Iterator[str]:
    """A line a run and load: schemes called faster or slower, spread of the seven; then the sum."""
    yield "| run | load | called different from BASE | largest ratio | decided winner |"
    yield "|---|---|---|---|---|"
    wrong, decided = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        _copies(Path(folder))
        for number in range(repetitions):
            found = _run(Path(folder), seed + number)
            for text, different, winner in _loads(found):
                wrong += different > 0
                decided += winner not in ("none", "-", "BASE")
                yield f"| {number + 1} | {text} | {winner} |"
    yield f"loads with a false difference: {wrong}; decided winners that are not BASE: {decided}"


def _copies(folder: Path) -> None:
    """Six checkpoints that are the base."""
    fingerprint = checkpoint.read(models.DEMO_PATH).fingerprint
    for scheme in NAMES:
        copy = folder / f"demo-{scheme}"
        shutil.copytree(models.DEMO_PATH, copy)
        manifest = {
            "schema_version": 1,
            "model": "demo",
            "scheme": scheme,
            "base": {"path": "model", "fingerprint": fingerprint},
            "settings": {},
        }
        (copy / models.MANIFEST).write_text(json.dumps(manifest))


def _run(folder: Path, seed: int) -> Study:
    """One run of the pipeline over the seven, its records in a folder of their own."""
    results = folder / f"run-{seed}"
    options = ("--output_dir", str(folder), "--results_dir", str(results), "--seed", str(seed))
    words = (
        "pipeline.py",
        "--model_id",
        "demo",
        "--schemes",
        ",".join(NAMES),
        *options,
        *QUESTION,
        *LOAD,
    )
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    if not results.is_dir():
        raise RuntimeError(done.stderr)
    return study.build(reading.read([results]))


def _loads(found: Study) -> Iterator[tuple[str, int, str]]:
    """Of each load what is claimed, how many schemes that is, and who would win."""
    winners = {metric(found, case)[0]: _winner(found, case) for case in USE_CASES[:2]}
    for key in found.loads():
        ratios = [found.speed_up(candidate, key) for candidate in found.compressed]
        known = [ratio for ratio in ratios if ratio is not None]
        different = sum(ratio.separated for ratio in known)
        largest = max((max(r.value, 1 / r.value) for r in known), default=float("nan"))
        text = f"{measures.load(key)} | {different} of {len(known)} | {largest:.2f}x"
        yield text, different, winners.get(key, "-")


def _winner(found: Study, use_case: str) -> str:
    """Who is decided for a use case, were every scheme's quality the base's."""
    case = next(known for known in USE_CASES if known == use_case)
    rated = [Rated(c, f) for c in found.candidates if (f := c.figure(*metric(found, case)))]
    ranking = Ranking(found, case, rated)
    return "none" if ranking.rivals else ranking.lead.candidate.scheme
