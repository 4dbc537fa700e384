"""Answers that were wrong while every number in them was right, and what is said of them now.

Each is a set of records as it came up, or as a careful reader made it up.
"""

import math
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from core.records import Record
from measures.references import Prompts
from reporting.contents import document
from reporting.contents.document import Report
from reporting.deciding import study
from reporting.deciding.decision import Outcome
from reporting.formats import md as markdown
from reporting.reading import results as reading
from tests.report_case import MACHINE, OPTIONS, performance, quality, speed, write


def reported(folder: Path, records: list[Record]) -> Report:
    return document.build(study.build(reading.read([write(folder, records)])))


def outcome(report: Report, use_case: str) -> Outcome:
    return next(found for found in report.outcomes if found.use_case == use_case)


def on(day: int, run: str = "", **changes: Any) -> dict[str, Any]:
    """A run of a day of January."""
    stamp = f"2026-01-{day:02d}T00:00:00+00:00"
    run_id = run or f"202601{day:02d}T000000Z-000001"
    return {"run_id": run_id, "started": stamp, "ended": stamp, **changes}


def loads(scheme: str, rates: list[float], repeats: int = 3, **changes: Any) -> list[Record]:
    """A load a round, of one user and of 32, whose repeats vary by 2 %."""
    rng = random.Random(scheme)
    records = []
    for number, rate in enumerate(rates, start=1):
        around = [rate * math.exp(rng.gauss(0, 0.02)) for _ in range(repeats)]
        records.append(speed(scheme, around, round=number, **changes))
        records.append(speed(scheme, [10 * r for r in around], 32, round=number, **changes))
    return records


def test_one_load_each_names_no_winner(tmp_path: Path) -> None:
    """Repeats agree within 2 %, loads of one checkpoint have differed by 1.9x."""
    records = [*loads("BASE", [300]), *loads("INT8-W8A8", [360], repeats=9), *quality("BASE")]
    report = reported(tmp_path, [*records, *quality("INT8-W8A8")])
    for use_case in ("latency", "throughput"):
        found = outcome(report, use_case)
        assert not found.decided
        assert "cannot be ranked by one load each: loads differ by themselves." in found.sentence
    text = markdown.text(report)
    assert "one load each: no interval, and no scheme is called faster" in text
    assert "stable" not in text


def test_a_drift_of_ten_percent_that_all_share_hides_nothing(tmp_path: Path) -> None:
    drift = [1.0, 0.9, 1.12, 0.95]
    base = [300 * d * f for d, f in zip(drift, (1.0, 1.005, 0.995, 1.0), strict=True)]
    fast = [330 * d * f for d, f in zip(drift, (1.004, 0.995, 1.0, 1.0), strict=True)]
    records = [*loads("BASE", base), *loads("INT8-W8A8", fast), *quality("BASE")]
    found = outcome(reported(tmp_path, [*records, *quality("INT8-W8A8")]), "latency")
    assert found.decided and found.winner == "INT8-W8A8"


def test_times_of_different_days_are_not_compared(tmp_path: Path) -> None:
    """A checkpoint of today against a base of four days ago: 2.08x, side by side 0.85x."""
    old = [*performance("BASE", 300, 1 << 20, **on(1)), *performance("FP8-W8A8", 310, 1, **on(1))]
    report = reported(tmp_path, [*old, *performance("INT8-W8A8", 620, 1 << 19, **on(5))])
    text = markdown.text(report)
    assert "2.08x" not in text and "| INT8-W8A8 | 620" not in text
    left_out = next(note for note in report.notes if "speed of INT8" in note)
    assert left_out.startswith(
        "The speed of INT8-W8A8 is left out, it differs: run 20260101T000000Z-000001 and 20260105"
    )
    side_by_side = "pipeline.py --model_id tiny --schemes FP8-W8A8,INT8-W8A8 --rounds auto"
    assert f"`python {side_by_side}` measures all side by side." in left_out
    reason = next(o.reason for o in outcome(report, "latency").losers if o.scheme == "INT8-W8A8")
    assert reason.startswith("is not compared: run 20260101T")
    memory = next(table for table in report.tables if table.key == "memory")
    assert "INT8-W8A8" in {row[0].text for row in memory.rows}  # counted, so of any day


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            {
                "machine": {
                    **MACHINE,
                    "driver": "570",
                    "libraries": {"vllm": "0.32.0", "torch": "2.14"},
                }
            },
            "torch",
        ),
        ({"machine": {**MACHINE, "driver": "580"}}, "driver"),
        ({"options": {**OPTIONS, "max_num_seqs": 8}}, "max_num_seqs"),
        (
            {"served": {"kernels": {}, "names_kernels": True, "process": {"LD_PRELOAD": ["x"]}}},
            "LD_PRELOAD",
        ),
    ],
)
def test_what_a_figure_depends_on_is_compared_within_a_run_too(
    tmp_path: Path, change: dict[str, Any], difference: str
) -> None:
    served = {"kernels": {}, "names_kernels": True, "process": {"LD_PRELOAD": []}}
    own: dict[str, Any] = {"machine": {**MACHINE, "driver": "570"}, "served": served}
    records = [*performance("BASE", 300, 1, **own), *performance("FP8-W8A8", 310, 1, **own)]
    report = reported(tmp_path, [*records, *performance("INT8-W8A8", 900, 1, **(own | change))])
    note = next(note for note in report.notes if "The speed of" in note)
    assert f"The speed of INT8-W8A8 is left out, it differs: {difference} " in note
    assert "INT8-W8A8" not in outcome(report, "latency").sentence


def test_the_same_weights_at_another_length_are_not_compared(tmp_path: Path) -> None:
    """A checkpoint against itself at 1024 and at 256 tokens came out as "fail, -31.67 points"."""
    short = quality("INT8-W8A8", 0.4, options={**OPTIONS, "max_model_len": 256})
    report = reported(tmp_path, [*quality("BASE", 0.72), *short])
    assert not any(c.compared and c.compared.verdict for c in report.study.candidates)
    assert any("max_model_len" in note and "256" in note for note in report.notes)


def _only(task: str, records: list[Record]) -> list[Record]:
    """The records with one task alone."""
    (harness,) = (r for r in records if r.measure == "harness")
    assert harness.raw is not None
    raw = {**harness.raw, "tasks": {task: harness.raw["tasks"][task]}}
    figures = {name: f for name, f in harness.figures.items() if name.startswith(task)}
    return [harness.model_copy(update={"raw": raw, "figures": figures})]


def test_a_later_smaller_question_replaces_no_failure(tmp_path: Path) -> None:
    """INT4 failed on all tasks; one newer record of one easy task made it the winner."""
    records = [*performance("BASE", 300, 10 << 20), *performance("INT4-W4A16", 600, 4 << 20)]
    records += [*quality("BASE", 0.7), *quality("INT4-W4A16", 0.4)]
    easy = _only("demo_arc_easy", quality("INT4-W4A16", 0.7, documents=40, **on(9)))
    report = reported(tmp_path, [*records, *easy])
    found = outcome(report, "memory")
    assert found.winner == "BASE"
    reason = next(loser.reason for loser in found.losers if loser.scheme == "INT4-W4A16")
    assert reason.startswith("quality failed")


def test_fewer_documents_later_leave_a_pass_as_it_was(tmp_path: Path) -> None:
    records = [*performance("BASE", 300, 10 << 20), *performance("INT8-W8A8", 600, 6 << 20)]
    records += [*quality("BASE"), *quality("INT8-W8A8")]
    few = [*quality("BASE", documents=40, **on(8)), *quality("INT8-W8A8", documents=40, **on(9))]
    report = reported(tmp_path, [*records, *few])
    (candidate,) = report.study.compressed
    assert candidate.compared is not None and candidate.compared.verdict == "pass"
    assert "800 documents" in candidate.compared.reason


def test_a_base_scored_anew_with_more_documents_keeps_every_verdict(tmp_path: Path) -> None:
    """The advice was to score the base anew, which wiped all verdicts."""
    records = [*quality("BASE"), *quality("INT8-W8A8")]
    more = quality("BASE", documents=400, **on(9))
    assert more[0].raw is not None
    for task in more[0].raw["tasks"].values():
        task["documents"] += [f"{n:012x}" for n in range(1000, 1100)]
        task["scores"]["acc_norm,none"] += [1.0] * 100
    report = reported(tmp_path, [*records, *more])
    (candidate,) = report.study.compressed
    assert candidate.compared is not None and candidate.compared.verdict == "pass"


def test_memory_of_old_weights_does_not_join_speed_of_new_ones(tmp_path: Path) -> None:
    new = performance("INT8-W8A8", 400, 6 << 20, **on(5))
    other = new[0].subject.model_copy(update={"fingerprint": "old"})
    old = performance("INT8-W8A8", 400, 1 << 10, **on(1), subject=other)
    kept = [r for r in new if r.measure != "memory"]
    base = performance("BASE", 300, 10 << 20, **on(5))
    report = reported(tmp_path, [*base, *kept, *old])
    assert report.study.compressed[0].figure("memory", "weights_bytes") is None


def test_a_scheme_of_another_base_is_left_out(tmp_path: Path) -> None:
    fast = performance("INT8-W8A8", 900, 1)
    manifest = {"base": {"path": "tiny", "fingerprint": "another base"}}
    subject = fast[0].subject.model_copy(update={"manifest": manifest})
    other = [r.model_copy(update={"subject": subject}) for r in fast]
    records = [*performance("BASE", 300, 1), *performance("FP8-W8A8", 310, 1), *other]
    report = reported(tmp_path, records)
    assert [c.scheme for c in report.study.candidates] == ["BASE", "FP8-W8A8"]
    assert "INT8-W8A8 is left out: it was made from other weights than BASE has." in report.notes


def test_answers_on_other_data_do_not_stand_in_one_column(tmp_path: Path) -> None:
    """After prompts of one's own ROUGE-L read 0.108 next to 0.604."""
    records = [*quality("BASE"), *quality("INT8-W8A8")]
    (own,) = (r for r in quality("INT4-W4A16", **on(9)) if r.measure == "references")
    demo, mine = (
        asdict(Prompts(pairs=(("a", answer),), digest=answer)) for answer in ("of the demo", "mine")
    )
    asked = [
        r.model_copy(update={"settings": demo}) if r.measure == "references" else r for r in records
    ]
    report = reported(tmp_path, [*asked, own.model_copy(update={"settings": mine})])
    table = next(table for table in report.tables if table.key == "quality")
    assert "INT4-W4A16" not in {row[0].text for row in table.rows}
    note = "1 record of references (INT4-W4A16) left out, what differs: "
    assert any(said.startswith(note) and "digest" in said for said in report.notes)


@pytest.mark.parametrize("later", ["failed", "fake"])
def test_a_run_that_failed_or_was_made_up_is_no_headline(tmp_path: Path, later: str) -> None:
    records = [*performance("BASE", 300, 10 << 20), *performance("INT8-W8A8", 600, 6 << 20)]
    records += [*quality("BASE"), *quality("INT8-W8A8")]
    newer = [*performance("BASE", 1, 1, **on(9)), *quality("BASE", **on(9))]
    newer += [*performance("INT8-W8A8", 9000, 1, **on(9)), *quality("INT8-W8A8", 0.1, **on(9))]
    changes: dict[str, Any] = {"engine": "fake"}
    if later == "failed":
        changes = {"status": "failed", "reason": "out of memory", "figures": {}, "raw": None}
    newer = [r.model_copy(update=changes) for r in newer]
    report = reported(tmp_path, [*records, *newer])
    found = outcome(report, "latency")
    assert found.decided and found.winner == "INT8-W8A8"
    assert "107 ms" in found.sentence
    assert not any("made-up clock" in note for note in report.notes)


@pytest.mark.parametrize("accuracy", [0.0, 0.25])
def test_a_base_that_cannot_do_the_task_lets_nothing_pass(tmp_path: Path, accuracy: float) -> None:
    """Random weights: 0 of 400 right before and after is no pass."""
    records = [*performance("BASE", 300, 10 << 20), *performance("INT4-W4A16", 600, 4 << 20)]
    scored = [*quality("BASE", accuracy), *quality("INT4-W4A16", accuracy)]
    for record in scored:
        for task in (record.raw or {}).get("tasks", {}).values():
            task["chance"] = 0.25
    report = reported(tmp_path, [*records, *scored])
    found = outcome(report, "memory")
    assert not found.decided and found.winner == "BASE"
    assert "chance" in found.sentence


def test_predictions_far_from_the_base_contradict_a_pass(tmp_path: Path) -> None:
    """69.8 % top-1 agreement next to "its quality passed"."""
    records = [*performance("BASE", 300, 10 << 20), *performance("INT4-W4A16", 600, 4 << 20)]
    records += [*quality("BASE"), *quality("INT4-W4A16", 0.7, kl=0.302)]
    found = outcome(reported(tmp_path, records), "memory")
    assert not found.decided and found.winner == "BASE"
    assert "contradict" in found.sentence


def test_times_never_reach_below_nothing(tmp_path: Path) -> None:
    """ "8.52 ±9.59 ms" was an interval once."""
    records = [*loads("BASE", [300, 100, 900]), *loads("INT8-W8A8", [300, 90, 1000])]
    text = markdown.text(reported(tmp_path, records))
    assert "±" not in text and "(-" not in text


def test_a_scheme_that_left_early_is_not_the_best_for_its_good_minutes(tmp_path: Path) -> None:
    """The machine slows down; INT4 has only the first three rounds, INT8 is 1.15x in all ten."""
    drift = [1.2, 1.15, 1.1, 1.0, 0.95, 0.9, 0.88, 0.86, 0.84, 0.82]
    noise = [1.0, 1.004, 0.997, 1.003, 0.998, 1.001, 1.0, 0.996, 1.002, 1.0]
    base = [300 * d * f for d, f in zip(drift, noise, strict=True)]
    int8 = [345 * d * f for d, f in zip(drift, reversed(noise), strict=True)]
    int4 = [302 * d * f for d, f in zip(drift[:3], noise[3:6], strict=True)]
    records = [*loads("BASE", base), *loads("INT8-W8A8", int8), *loads("INT4-W4A16", int4)]
    for scheme in ("BASE", "INT8-W8A8", "INT4-W4A16"):
        records += quality(scheme)
    report = reported(tmp_path, records)
    found = outcome(report, "latency")
    assert found.decided and found.winner == "INT8-W8A8"
    assert any("compare speed-ups, not figures" in n for t in report.tables for n in t.notes)


def test_all_documents_of_one_task_replace_no_failure_on_more(tmp_path: Path) -> None:
    """`--limit 0` of another context asks without bound, and answered less."""
    records = [*performance("BASE", 300, 10 << 20), *performance("INT4-W4A16", 600, 4 << 20)]
    records += [*quality("BASE", 0.7), *quality("INT4-W4A16", 0.4)]
    later = []
    for scheme in ("BASE", "INT4-W4A16"):
        (easy,) = _only("demo_arc_easy", quality(scheme, 0.7, **on(9)))
        later.append(easy.model_copy(update={"settings": {"num_fewshot": 0, "limit": None}}))
    found = outcome(reported(tmp_path, [*records, *later]), "memory")
    assert found.winner == "BASE"
    reason = next(loser.reason for loser in found.losers if loser.scheme == "INT4-W4A16")
    assert reason.startswith("quality failed")


def test_answers_that_were_shortened_are_not_held_against_whole_ones(tmp_path: Path) -> None:
    """Records before the setting `cut` gave long prompts less room to answer."""
    whole, short = quality("BASE", 0.9), quality("INT8-W8A8", 0.6)
    whole = [r.model_copy(update={"settings": {**r.settings, "cut": "prompt"}}) for r in whole]
    report = reported(tmp_path, [*whole, *short])
    assert not any(c.compared and c.compared.verdict for c in report.study.candidates)
    assert any("cut" in note for note in report.notes)


def test_what_is_deployed_is_what_was_measured_last(tmp_path: Path) -> None:
    """INT4 was compressed anew and failed: its old, better figures are of other weights."""
    records = [*performance("BASE", 300, 10 << 20), *performance("INT4-W4A16", 600, 4 << 20)]
    records += [*quality("BASE"), *quality("INT4-W4A16")]
    new = [*performance("INT4-W4A16", 610, 4 << 20, rounds=1, **on(9))]
    new += quality("INT4-W4A16", 0.3, **on(9))
    subject = new[0].subject.model_copy(update={"fingerprint": "made anew"})
    report = reported(
        tmp_path, [*records, *(r.model_copy(update={"subject": subject}) for r in new)]
    )
    for use_case in ("latency", "memory"):
        assert outcome(report, use_case).winner == "BASE"
    assert any("INT4-W4A16: " in n and "other weights than it has now" in n for n in report.notes)


def test_a_second_attempt_that_failed_spoils_no_round(tmp_path: Path) -> None:
    """A disturbed load was measured once more, and a neighbour had taken the memory."""
    records = [*performance("BASE", 300, 10 << 20), *performance("INT8-W8A8", 600, 6 << 20)]
    first = [r for r in performance("INT8-W8A8", 600, 6 << 20) if r.round == 1]
    failed = {"status": "failed", "reason": "out of memory", "figures": {}, "raw": None}
    again = [r.model_copy(update={**failed, "ended": "2026-01-01T02:00:00+00:00"}) for r in first]
    report = reported(tmp_path, [*records, *again, *quality("BASE"), *quality("INT8-W8A8")])
    assert outcome(report, "latency").winner == "INT8-W8A8"


def test_a_run_that_spent_its_rounds_is_given_more(tmp_path: Path) -> None:
    command = ["pipeline.py", "--model_id", "tiny", "--rounds", "auto"]
    own: dict[str, Any] = {"looks": 8, "command": command}
    records = [
        *performance("BASE", 300, 1, 0.3, **own),
        *performance("INT8-W8A8", 310, 1, 0.3, **own),
    ]
    found = outcome(
        reported(tmp_path, [*records, *quality("BASE"), *quality("INT8-W8A8")]), "latency"
    )
    assert found.to_decide == ["python pipeline.py --model_id tiny --max_rounds 20 --rounds auto"]


def test_a_newer_run_of_less_is_named(tmp_path: Path) -> None:
    records = [*performance("BASE", 300, 1), *performance("INT8-W8A8", 310, 1)]
    newer = [
        *performance("BASE", 300, 1, rounds=1, **on(9)),
        *performance("INT8-W8A8", 900, 1, rounds=1, **on(9)),
    ]
    report = reported(tmp_path, [*records, *newer])
    run = "20260109T000000Z-000001"
    said = f"A newer run, {run}, compares less than the one reported here: report.py --run {run}"
    assert any(note.startswith(said) for note in report.notes)
