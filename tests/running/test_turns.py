"""Checkpoints in turn: rounds of fresh loads, and scores beside their base's."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from checkpoints import models as places
from core.measure import Job, Workload
from core.records import Record
from measures.perplexity import PerplexityOptions
from quality.comparison import Scored
from running import jobs, turns
from running.run import Run
from tests import models

SMALL = Workload(prompt_tokens=4, max_new_tokens=4, requests=1, batch_size=2, repeats=2)
SCHEMES = ["BASE", "FP8-W8A8", "INT8-W8A8"]


@pytest.fixture
def text_job(run: Run, base: Path, tmp_path: Path) -> Job:
    (tmp_path / "text.txt").write_text("Some text to be read by the fake engine. " * 20)
    asked = {"perplexity": PerplexityOptions(text=str(tmp_path / "text.txt"), window=64)}
    (job,) = jobs.plan(asked, run.base(base))
    return job


@pytest.fixture
def checkpoints(base: Path, tmp_path: Path) -> list[places.Place]:
    for scheme in SCHEMES[1:]:
        models.write_compressed(tmp_path / f"tiny-{scheme}", base, scheme)
    return places.places("tiny", SCHEMES, tmp_path)


def seen(records: list[Record]) -> list[tuple[int, str, str]]:
    return [(r.round, r.subject.scheme, r.measure) for r in records]


def ended(scored: Scored) -> str:
    return scored.checkpoint[0].ended


def test_checkpoints_take_turns_and_quality_is_asked_once(
    run: Run, checkpoints: list[places.Place], text_job: Job
) -> None:
    steps: list[str] = []
    wanted = [Job("sequential", SMALL), text_job]
    records = turns.measure_all(replace(run, rounds=2), checkpoints, wanted, steps.append)
    first = [(1, s, m) for s in SCHEMES for m in ("sequential", "perplexity")]
    assert seen(records) == first + [(2, s, "sequential") for s in SCHEMES]
    assert {r.status for r in records} == {"ok"}
    assert "FP8-W8A8, round 2: loading" in steps


def test_what_fails_in_a_round_is_not_loaded_again(
    run: Run, checkpoints: list[places.Place], tmp_path: Path
) -> None:
    (tmp_path / "tiny-FP8-W8A8" / "fake.json").write_text(json.dumps({"fail": "error"}))
    (tmp_path / "tiny-INT8-W8A8" / "config.json").unlink()
    records = turns.measure_all(
        replace(run, rounds=2), checkpoints, [Job("sequential", SMALL)], lambda step: None
    )
    status = {(r.round, r.subject.scheme): r.status for r in records}
    assert status == {
        (1, "BASE"): "ok",
        (1, "FP8-W8A8"): "failed",
        (1, "INT8-W8A8"): "failed",
        (2, "BASE"): "ok",
    }


def test_a_base_is_scored_once_and_kept(
    run: Run, checkpoints: list[places.Place], text_job: Job
) -> None:
    compressed = [places.pair(str(place.path), None) for place in checkpoints[1:]]
    scored = turns.score_all(run, compressed, [text_job], lambda step: None)
    assert [each.checkpoint[0].subject.scheme for each in scored] == SCHEMES
    assert [each.is_base for each in scored] == [True, False, False]
    again = turns.score_all(run, compressed[:1], [text_job], lambda step: None)
    assert ended(again[0]) == ended(scored[0])  # the record that was there
    assert ended(again[1]) > ended(scored[1])
    assert again[1].base is again[0].checkpoint


def test_a_base_that_was_asked_for_is_scored_anew(
    run: Run, checkpoints: list[places.Place], text_job: Job
) -> None:
    pairs = [places.pair(str(checkpoints[1].path), None), places.pair("tiny", None)]
    before = turns.score_all(run, pairs, [text_job], lambda step: None)
    after = turns.score_all(run, pairs, [text_job], lambda step: None)
    assert [each.checkpoint[0].subject.scheme for each in after] == ["BASE", "FP8-W8A8"]
    assert ended(before[0]) < ended(after[0])
