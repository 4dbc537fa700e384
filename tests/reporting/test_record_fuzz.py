"""Mutated records through every output: each ends in a report or one sentence, and harms nobody.

A broken record is told and left out, the report is made of the others. FUZZ_EXAMPLES says how many.
"""

import copy
import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from checkpoints import checkpoint
from core.records import Record
from report import app
from tests import models, mutations
from tests.report_case import GPU, analysis, performance, quality, write
from tests.watching import watching

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "200"))
STAMP = "2026-01-02T03-04-05.678"
RUNS = ("20260101T000000Z-000001", "20260102T000000Z-000002", "20260103T000000Z-000003")
OUTPUTS = [
    ["--format", "terminal"],
    ["--json"],
    ["--format", "csv"],
    ["--format", "md"],
    ["--format", "card"],
    ["--output_file", "out/report.html"],
    ["--output_file", "out/report.json"],
    ["--output_file", "out/report.md"],
    ["--compare", "20260101", "20260102"],
    ["--compare", "20260101", "20260102", "--format", "json"],
    ["--compare", "20260101", "20260102", "--output_file", "out/compare.md"],
    ["--history"],
    ["--history", "--json"],
    ["--history", "--output_file", "out/history.html"],
    ["--memory_budget", "24GiB", "--format", "terminal"],
    ["--write_card", "tiny-INT8-W8A8"],
    ["--output_file", "out/speed.svg", "--metric", "speed"],
    ["--output_file", "out/tradeoff.png"],
    ["--output_file", "out/latency.svg", "--metric", "latency"],
    ["--output_file", "out/quality.svg", "--metric", "quality"],
]
# what no output may hold: it acts on a terminal, or turns the direction of writing
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def lm_eval() -> dict[str, Any]:
    return {
        "results": {"piqa": {"alias": "piqa", "acc,none": 0.5, "acc_stderr,none": 0.04}},
        "config": {"model_args": "pretrained=./tiny-INT8-W8A8,dtype=auto", "limit": 20},
        "n-shot": {"piqa": 5},
        "versions": {"piqa": 1.0},
        "higher_is_better": {"piqa": {"acc": True}},
        "model_source": "hf",
    }


def samples() -> list[dict[str, Any]]:
    shared = {"filter": "none", "metrics": ["acc"]}
    return [{"doc_id": n, "doc_hash": f"{n:064x}", "acc": 1.0, **shared} for n in range(20)]


def records(fingerprint: str) -> list[Record]:
    """Three runs of a base and of a scheme, on a machine with a GPU, and what else was found.

    The scheme's checkpoint has the fingerprint.
    """
    made: list[Record] = []
    for number, run in enumerate(RUNS):
        when = {"run_id": run, "ended": f"2026-01-0{number + 1}T00:00:00+00:00"}
        rounds = 2 if number == 0 else 1
        made += performance("BASE", 300 + number, 10 << 20, rounds=rounds, **when)
        made += performance("INT8-W8A8", 400 - number, 6 << 20, rounds=rounds, **when)
    made += [*quality("BASE", documents=20), *quality("INT8-W8A8", 0.7, 0.002, documents=20)]
    made += [analysis("INT8-W8A8", ["odd"])]
    machine = {**made[0].machine, "gpus": [GPU]}
    for number, record in enumerate(made):
        mark = {"fingerprint": fingerprint} if record.subject.scheme != "BASE" else {}
        subject = record.subject.model_copy(update=mark)
        made[number] = record.model_copy(update={"machine": machine, "subject": subject})
    return made


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of records of every kind and the checkpoint they are of; it is the current one."""
    top = tmp_path_factory.mktemp("records")
    base = models.write_model(top / "base" / "tiny")
    folder = models.write_compressed(top / "tiny-INT8-W8A8", base, "INT8-W8A8")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    (top / "out").mkdir()
    write(top / "perf_results", records(checkpoint.read(folder).fingerprint))
    theirs = top / "eval_results" / "theirs"
    theirs.mkdir(parents=True)
    (theirs / f"results_{STAMP}.json").write_text(json.dumps(lm_eval()))
    lines = "\n".join(map(json.dumps, samples()))
    (theirs / f"samples_piqa_{STAMP}.jsonl").write_text(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        for words in OUTPUTS:  # imports, fonts and caches are there before anything is watched
            done = CliRunner().invoke(app, words)
            assert done.exit_code == 0, done.output
        yield top


def mutate(path: Path, draw: st.DataObject) -> None:
    """Change one record, as text or as a document."""
    text = path.read_text()
    if path.suffix == ".jsonl" or draw.draw(st.integers(0, 9)) == 0:
        place = draw.draw(st.integers(0, len(text)))
        path.write_text(text[:place] + draw.draw(st.text(max_size=4)) + text[place + 4 :],
                        errors="replace")  # fmt: skip
        return
    document = json.loads(text)
    for _ in range(draw.draw(st.integers(1, 4))):
        key = draw.draw(st.sampled_from([*document]))  # or nearly all places would be in `raw`
        part = {key: document.pop(key)}
        draw.draw(st.sampled_from([mutations.change, *[mutations.alike] * 3]))(part, draw)
        document |= part
    path.write_text(json.dumps(document))


@settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=20),
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
)
@given(draw=st.data())
def test_mutated_records(good: Path, draw: st.DataObject) -> None:
    every = [path for path in sorted(good.glob("*_results/*/*")) if path.is_file()]
    chosen = draw.draw(st.lists(st.sampled_from(every), min_size=1, max_size=3, unique=True))
    card = good / "tiny-INT8-W8A8" / "README.md"
    before = {path: path.read_text() for path in [*chosen, card]}
    words = draw.draw(st.sampled_from(OUTPUTS))
    try:
        for path in chosen:
            mutate(path, draw)
        with watching(good, output=good):
            done = CliRunner().invoke(app, words)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code in (0, 2, 3)
        assert not CONTROL.search(done.output), CONTROL.search(done.output)
        for path in (good / "out").glob("*.*"):
            if path.suffix not in (".png", ".html"):
                assert not CONTROL.search(path.read_text())
        assert not list(good.rglob("*.tmp"))
    finally:
        for path, text in before.items():
            path.write_text(text)
        shutil.rmtree(good / "out")
        (good / "out").mkdir()


def test_a_broken_record_is_told_and_left_out(good: Path) -> None:
    path = next((good / "perf_results" / "tiny-INT8-W8A8").glob("memory-*.json"))
    whole = path.read_text()
    document = json.loads(whole)
    wrong: dict[str, Any] = {
        "figures.peak_bytes.value": 1e-320,
        "figures.peak_bytes.values": [1e308],
        "subject.model": "../up",
        "subject.scheme": "a\0",
        "run_id": "\x1b[31m",
        "engine": "a/b",
        "measure": "a b",
        "settings.max_new_tokens": 10**200,
    }
    try:
        for place, value in wrong.items():
            changed = copy.deepcopy(document)
            *above, last = place.split(".")
            parent = changed
            for step in above:
                parent = parent[step]
            parent[last] = value
            path.write_text(json.dumps(changed))
            done = CliRunner().invoke(app, ["--json"])
            (reason,) = json.loads(done.stdout)["not_read"].values()
            assert place in reason, reason
    finally:
        path.write_text(whole)
