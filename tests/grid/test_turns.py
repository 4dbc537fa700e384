"""Checkpoints in turn: rounds of fresh loads, and scores against their base's."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checkpoints import bases
from checkpoints import models as places
from core.measure import Job, Workload
from core.records import Record
from grid import turns
from measures.perplexity import PerplexityOptions
from quality.comparison import Scored
from running import jobs
from running.progress import Progress
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


def measured(run: Run, checkpoints: list[places.Place], *jobs: Job, **options: Any) -> list[Record]:
    contenders = options.pop("contenders", turns.everyone)
    rounds = replace(run, **options)
    return turns.measure_all(rounds, checkpoints, list(jobs), Progress(), contenders)


def test_checkpoints_take_turns_quality_is_asked_once_and_the_base_comes_last_too(
    run: Run, checkpoints: list[places.Place], text_job: Job
) -> None:
    run = replace(run, options=replace(run.options, seed=3), rounds=2, max_rounds=2)
    said: list[str] = []
    told = Progress(lambda: said.append(f"{told.turn.subject}, {told.turn.place}: {told.now.name}"))
    wanted = [Job("sequential", SMALL), text_job]
    records = turns.measure_all(run, checkpoints, wanted, told, turns.everyone)
    first = ["BASE", "INT8-W8A8", "FP8-W8A8"]
    second = ["FP8-W8A8", "INT8-W8A8", "BASE"]
    assert seen(records) == [
        *((1, s, m) for s in first for m in ("sequential", "perplexity")),
        *((2, s, "sequential") for s in second),
        (3, "BASE", "sequential"),
    ]
    assert {(r.status, r.looks) for r in records} == {("ok", 1)}
    assert [r.started for r in records] == sorted(r.started for r in records)
    assert f"FP8-W8A8, {('scheme 1 of 3', 'round 2 of 2')}: loading" in said
    assert said[-2:] == [f"BASE, {('once more',)}: {s}" for s in ("loading", "timing one user")]
    assert told.left_s() is not None


def order(checkpoints: list[places.Place], seed: int, number: int) -> list[str]:
    return [place.scheme for place in turns.in_turn(checkpoints, seed, number)]


def test_the_order_of_a_round_is_random_and_follows_the_seed() -> None:
    checkpoints = places.places("demo", [*SCHEMES, "INT4-W4A16"], Path())
    orders = {tuple(order(checkpoints, 0, number)) for number in range(2, 200)}
    assert len(orders) == 24  # every order of four
    assert order(checkpoints, 0, 5) == order(list(reversed(checkpoints)), 0, 5)
    assert order(checkpoints, 0, 5) != order(checkpoints, 1, 5)
    opening = {tuple(order(checkpoints, seed, 1)) for seed in range(100)}
    assert {first for first, *_ in opening} == {"BASE"} and len(opening) == 6


def test_a_base_alone_has_nothing_to_drift_against(
    run: Run, checkpoints: list[places.Place]
) -> None:
    records = measured(run, checkpoints[:1], Job("sequential", SMALL))
    assert seen(records) == [(1, "BASE", "sequential")]


def test_rounds_go_on_for_what_is_undecided(run: Run, checkpoints: list[places.Place]) -> None:
    """One scheme is decided after the first round, all after the third."""
    left = iter([{"BASE", "INT8-W8A8"}, {"BASE", "INT8-W8A8"}, set[str]()])
    loads: list[int] = []

    def contenders(records: list[Record]) -> set[str]:
        loads.append(len(records))
        return next(left)

    job = Job("sequential", SMALL)
    records = measured(run, checkpoints, job, max_rounds=6, contenders=contenders)
    assert loads == [3, 5, 7]
    assert {(r.round, r.subject.scheme) for r in records} == {
        *((1, scheme) for scheme in SCHEMES),
        *((number, scheme) for number in (2, 3) for scheme in ("BASE", "INT8-W8A8")),
        (4, "BASE"),
    }
    assert {r.looks for r in records} == {6}


def test_rounds_end_with_the_budget(run: Run, checkpoints: list[places.Place]) -> None:
    asked: list[int] = []

    def contenders(records: list[Record]) -> set[str]:
        asked.append(max(r.round for r in records))
        return set(SCHEMES)

    job = Job("sequential", SMALL)
    records = measured(run, checkpoints, job, rounds=2, max_rounds=4, contenders=contenders)
    assert asked == [2, 3]  # after the last round there is nothing left to choose
    assert [r.round for r in records] == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3 + [5]
    assert {r.looks for r in records} == {3}


def test_what_fails_in_a_round_is_not_loaded_again(
    run: Run, checkpoints: list[places.Place], tmp_path: Path
) -> None:
    (tmp_path / "tiny-FP8-W8A8" / "fake.json").write_text(json.dumps({"fail": "error"}))
    (tmp_path / "tiny-INT8-W8A8" / "config.json").unlink()
    records = measured(run, checkpoints, Job("sequential", SMALL), rounds=2, max_rounds=2)
    status = {(r.round, r.subject.scheme): r.status for r in records}
    assert status == {
        (1, "BASE"): "ok",
        (1, "FP8-W8A8"): "failed",
        (1, "INT8-W8A8"): "failed",
        (2, "BASE"): "ok",
        (3, "BASE"): "ok",
    }


def test_what_is_gone_in_a_later_round_is_not_loaded_again(
    run: Run, checkpoints: list[places.Place], tmp_path: Path
) -> None:
    """A base that failed in its last round is not measured at the end either."""

    def contenders(records: list[Record]) -> set[str]:
        (tmp_path / "tiny-INT8-W8A8" / "config.json").unlink(missing_ok=True)
        (tmp_path / "tiny" / "fake.json").write_text(json.dumps({"fail": "error"}))
        return set(SCHEMES)

    job = Job("sequential", SMALL)
    records = measured(run, checkpoints, job, max_rounds=3, contenders=contenders)
    failed = {(r.round, r.subject.scheme) for r in records if r.status == "failed"}
    assert failed == {(2, "BASE"), (2, "INT8-W8A8")}
    assert {r.subject.scheme for r in records if r.round == 3} == {"FP8-W8A8"}
    assert max(r.round for r in records) == 3


SPOILED = "other processes used 1.4 of 2 cores"


@pytest.mark.parametrize("spoiled_loads", [1, 2, 99])
def test_a_spoiled_round_is_measured_once_more(
    run: Run,
    checkpoints: list[places.Place],
    text_job: Job,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoiled_loads: int,
) -> None:
    """Of one scheme; at the end of the round, without quality, and no third time."""
    left = iter([SPOILED] * spoiled_loads)

    def judge(seen: dict[str, float]) -> str | None:
        return next(left, None) if seen["scheme"] == "FP8-W8A8" else None

    def marked(*arguments: Any) -> list[Record]:
        records = measure(*arguments)
        seen = {"scheme": records[0].subject.scheme}
        return [r.model_copy(update={"contention": seen}) for r in records]

    measure = turns._measure
    monkeypatch.setattr(turns, "_measure", marked)
    monkeypatch.setattr(turns, "contended", judge)
    records = measured(run, checkpoints[:2], Job("sequential", SMALL), text_job)
    assert seen(records) == [
        (1, "BASE", "sequential"),
        (1, "BASE", "perplexity"),
        (1, "FP8-W8A8", "sequential"),
        (1, "FP8-W8A8", "perplexity"),
        (1, "FP8-W8A8", "sequential"),
        (2, "BASE", "sequential"),
    ]
    said = " ".join(capsys.readouterr().err.split())
    assert said == f"FP8-W8A8, round 1: {SPOILED}: measured once more"


def test_rounds_of_one_checkpoint(
    run: Run, checkpoints: list[places.Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = iter([None, SPOILED])
    monkeypatch.setattr(turns, "contended", lambda seen: next(reasons, None))
    job, checkpoint = Job("sequential", SMALL), checkpoints[1].identify()
    rounds = replace(run, rounds=3, max_rounds=3)
    records = turns.measure_one(rounds, checkpoint, [job], Progress())
    assert [r.round for r in records] == [1, 2, 2, 3]
    (checkpoint.path / "fake.json").write_text(json.dumps({"fail": "error"}))
    failed = turns.measure_one(rounds, checkpoint, [job], Progress())
    assert [(r.round, r.status) for r in failed] == [(1, "failed")]


def test_a_base_is_scored_once_and_kept(
    run: Run, checkpoints: list[places.Place], text_job: Job
) -> None:
    compressed = [bases.pair(str(place.path), None) for place in checkpoints[1:]]
    scored = turns.score_all(run, compressed, [text_job], Progress())
    assert [each.checkpoint[0].subject.scheme for each in scored] == SCHEMES
    assert [each.is_base for each in scored] == [True, False, False]
    again = turns.score_all(run, compressed[:1], [text_job], Progress())
    assert ended(again[0]) == ended(scored[0])  # the record that was there
    assert ended(again[1]) > ended(scored[1])
    assert again[1].base is again[0].checkpoint


def test_a_base_that_was_asked_for_is_scored_anew(
    run: Run, checkpoints: list[places.Place], text_job: Job
) -> None:
    pairs = [bases.pair(str(checkpoints[1].path), None), bases.pair("tiny", None)]
    before = turns.score_all(run, pairs, [text_job], Progress())
    after = turns.score_all(run, pairs, [text_job], Progress())
    assert [each.checkpoint[0].subject.scheme for each in after] == ["BASE", "FP8-W8A8"]
    assert ended(before[0]) < ended(after[0])
