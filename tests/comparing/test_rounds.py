"""Fresh loads that take turns: one record each, one figure of all, said to be what it is."""

import json
import math
from pathlib import Path

import pytest

from comparing import rounds
from core import records
from core.records import Record
from reporting.contents import document, tables
from reporting.deciding import study
from reporting.reading import results as reading
from tests import models
from tests.report_case import load, performance, speed

QUIET = ("--tasks", "none", "--text", "none")
FAKE = ("--engine", "fake", "--max_new_tokens", 8, "--prompt_tokens", 8, *QUIET)


def of_loads(*medians: float, scheme: str = "BASE", **changes: object) -> list[Record]:
    """The same measure on one load after another, three repeats each, all within one per cent."""
    return [
        speed(scheme, [0.99 * m, m, 1.01 * m], round=number, **changes)
        for number, m in enumerate(medians, start=1)
    ]


def test_each_load_is_one_value() -> None:
    merged = rounds.merge(of_loads(100, 120, 110))
    figure = merged.figures["output_tokens_per_s"]
    logs = [math.log(v) for v in (100, 120, 110)]
    mean = sum(logs) / 3
    half = 4.302653 * math.sqrt(sum((v - mean) ** 2 for v in logs) / 2 / 3)
    assert figure.values == [100, 120, 110]
    assert figure.value == pytest.approx(math.exp(mean)) == pytest.approx(109.696, abs=1e-3)
    assert figure.low == pytest.approx(math.exp(mean - half))
    assert figure.high == pytest.approx(math.exp(mean + half))
    assert figure.stability == "unstable" and merged.round == 3


def test_one_load_has_no_interval_whatever_its_repeats() -> None:
    figure = rounds.merge(of_loads(100)).figures["output_tokens_per_s"]
    assert (figure.value, figure.values) == (100, [100])
    assert (figure.low, figure.high, figure.stability) == (None, None, None)


def test_loads_that_differ_more_than_their_repeats_are_not_separated() -> None:
    """Within its load each looks stable and 10 % faster; over loads nothing is separated."""
    both = study.of_records([*of_loads(100, 120, 110), *of_loads(110, 95, 125, scheme="INT8-W8A8")])
    ratio = both.speed_up(both.candidates[1], "sequential", "output_tokens_per_s")
    assert ratio is not None and not ratio.separated
    assert ratio.value == pytest.approx((110 * 95 * 125 / (100 * 120 * 110)) ** (1 / 3))


def test_a_round_measured_again_counts_as_its_last() -> None:
    first, second = of_loads(100, 110)
    again = second.model_copy(update={"ended": "2026-01-01T01:00:00+00:00"})
    other = speed("BASE", [300.0], round=2)
    assert rounds.one_a_round([again, other, first]) == [first, again]


def test_what_is_not_a_round_of_the_same_stays_apart() -> None:
    (first,), (other,) = of_loads(100), of_loads(100, run_id="20260101T000000Z-00000a")
    assert rounds.key(first) != rounds.key(other)
    assert rounds.key(first) != rounds.key(speed("BASE", [1, 2], 8))
    assert rounds.key(first) == rounds.key(of_loads(100, 120)[1])


def test_a_round_that_failed_fails_the_measure() -> None:
    good, bad = of_loads(100, 100)
    bad = bad.model_copy(update={"status": "failed", "reason": "it crashed", "figures": {}})
    merged = rounds.merge([good, bad])
    assert (merged.status, merged.reason) == ("failed", "round 2: it crashed")
    assert rounds.merge([bad]).reason == "it crashed"


def test_a_report_reads_rounds_as_one(tmp_path: Path) -> None:
    for scheme, rate in (("BASE", 100), ("INT8-W8A8", 200)):
        for record in performance(scheme, rate, 1e6, spread=0.1):
            ended = {"ended": f"2026-01-01T00:0{record.round}:00+00:00"}
            records.save(record.model_copy(update=ended), tmp_path)
    found = reading.read([tmp_path])
    assert len(found.stored) == 10  # five measures of two schemes
    built = study.build(found)
    assert built.rounds == [3]
    fast = built.candidates[1].figure("sequential", "output_tokens_per_s")
    assert fast and sorted(fast.values) == pytest.approx([180, 200, 220])
    assert "; 3 fresh loads each; speed-up" in tables.of_keys(built, ["sequential"]).notes[0]
    assert tables.of_keys(built, ["load"]).notes[0].endswith("; 3 fresh loads each")
    assert not any("one load" in note for note in document.build(built).notes)
    raw = built.candidates[0].performance["sequential"].raw()
    assert len(raw["repeats"]) == 3


def test_rounds_of_one_scheme_alone_do_not_count(tmp_path: Path) -> None:
    """A run with two rounds that was interrupted in the second, after the base."""
    for scheme, loads in (("BASE", 2), ("INT8-W8A8", 1)):
        for record in performance(scheme, 100, 1e6, spread=0.1, rounds=loads):
            ended = {"ended": f"2026-01-01T00:0{record.round}:00+00:00"}
            records.save(record.model_copy(update=ended), tmp_path)
    built = study.build(reading.read([tmp_path]))
    assert built.rounds == [1]
    assert built.base is not None
    figure = built.base.figure("sequential", "output_tokens_per_s")
    assert figure is not None and figure.values == pytest.approx([100])
    note = tables.of_keys(built, ["sequential"]).notes[0]
    assert note == "one load each: no interval, and no scheme is called faster"


def test_a_round_without_raw_values_is_left_out_of_them(tmp_path: Path) -> None:
    first, second = of_loads(100, 110)
    for number, record in enumerate((first.model_copy(update={"raw": None}), second)):
        ended = {"ended": f"2026-01-01T00:0{number}:00+00:00"}
        records.save(record.model_copy(update=ended), tmp_path)
    (one,) = reading.read([tmp_path]).stored
    assert len(one.raw()["repeats"]) == 3


def test_one_load_is_said_to_be_one(tmp_path: Path) -> None:
    for scheme, rate in (("BASE", 100), ("INT8-W8A8", 200)):
        for record in performance(scheme, rate, 1e6, rounds=1):
            records.save(record, tmp_path)
    (note,) = document.build(study.build(reading.read([tmp_path]))).notes
    assert "Speed is of one load of each checkpoint" in note and "--rounds auto" in note


def test_a_copied_record_is_no_round(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        records.save(load("BASE"), tmp_path / folder)
    (only,) = reading.read([tmp_path]).stored
    assert only.record.figures["load_s"].values == [4.0]


def test_the_pipeline_takes_turns(command, base: Path, tmp_path: Path) -> None:
    made = models.write_compressed(tmp_path / "tiny-FP8-W8A8", base)
    (made / "fake.json").write_text(json.dumps({"tokens_per_s": 2000}))
    broken = models.write_compressed(tmp_path / "tiny-INT8-W8A8", base, "INT8-W8A8")
    (broken / "fake.json").write_text(json.dumps({"fail": "crash"}))
    schemes = ("--schemes", "FP8-W8A8,INT8-W8A8", "--rounds", 2)
    done = command("pipeline.py", "--model_id", "tiny", *schemes, *FAKE)
    assert done.returncode == 1, done.stderr
    assert "fresh loads" in done.stdout
    saved = [r for r in records.load_all(tmp_path / "perf_results") if r.measure == "load"]
    turns = [(r.subject.scheme, r.round) for r in saved]
    first = [("BASE", 1), ("FP8-W8A8", 1), ("INT8-W8A8", 1)]
    assert turns[0] == ("BASE", 1) and turns[-1] == ("BASE", 3)  # the base once more at the end
    assert sorted(turns[:-1]) == sorted([*first, ("BASE", 2), ("FP8-W8A8", 2)])
    shown = command("report.py", "--model", "tiny")
    assert "; 2 fresh loads each" in shown.stdout
