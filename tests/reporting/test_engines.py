"""What two engines ran: each with its own base, never ranked against each other."""

from pathlib import Path

import pytest

from core.records import Record
from reporting.contents.document import Report, Request
from reporting.deciding import runs
from reporting.formats import html, md
from reporting.formats import json as json_format
from reporting.reading import results as reading
from tests.report_case import load, performance, quality, typical, write

OTHER = {"engine": "transformers", "run_id": "20260101T000000Z-000001"}


def reported(folder: Path, found: list[Record]) -> Report:
    return Request(records_read=reading.read([write(folder, found)])).report


@pytest.fixture
def both(tmp_path: Path) -> Report:
    """A faster scheme on transformers than any on vLLM, whose base is slow there."""
    timed = [
        *performance("BASE", 100, 10 << 20, **OTHER),
        *quality("BASE", **OTHER),
        *performance("BNB-NF4", 4000, 3 << 20, **OTHER),
        *quality("BNB-NF4", 0.7, 0.01, **OTHER),
    ]
    return reported(tmp_path, [*typical(), *timed])


def test_no_speed_is_ranked_with_another_engines(both: Report) -> None:
    first, second = both.study, both.others[0].study
    assert {c.scheme for c in first.compressed} == {"INT8-W8A8", "INT4-W4A16", "FP8-W8A8"}
    assert [c.scheme for c in second.candidates] == ["BASE", "BNB-NF4"]
    assert first.engine == "vllm" and second.engine == "transformers"
    ratio = second.speed_up(second.compressed[0], "sequential")
    assert ratio is not None and ratio.value == pytest.approx(40)
    for outcome in both.outcomes:
        assert outcome.winner != "BNB-NF4"
        reasons = {loser.scheme: loser.reason for loser in outcome.losers}
        assert "speeds are not ranked with those of vllm" in reasons["BNB-NF4"]


def test_tables_name_the_engine_and_notes_say_why(both: Report) -> None:
    titles = [table.title for table in both.tables]
    assert "Summary" in titles and "Summary on transformers" in titles
    summary = next(t for t in both.tables if t.title == "Summary on transformers")
    assert [row[0].text for row in summary.rows] == ["BASE", "BNB-NF4"]
    assert any("BNB-NF4 was run on transformers" in note for note in both.notes)
    assert not any("left out" in note for note in both.notes)
    page = html.html(both)
    assert "Each scheme on transformers" in page and "Speed on transformers" in md.text(both)
    dumped = json_format.as_json(both)
    assert list(dumped["on_other_engines"]["transformers"]) == ["BASE", "BNB-NF4"]


def test_why_an_emulated_scheme_is_not_ranked(tmp_path: Path) -> None:
    why = "INT4-W4A8 is not served natively here: no kernel; quality only: transformers emulates it"
    refused = {"status": "unsupported", "figures": {}, "raw": None, "served": None, "reason": why}
    emulated = [
        load("INT4-W4A8", **OTHER).model_copy(update=refused),
        *quality("BASE", **OTHER),
        *quality("INT4-W4A8", 0.7, 0.01, **OTHER),
    ]
    built = reported(tmp_path, [*typical(), *emulated])
    reasons = {loser.scheme: loser.reason for loser in built.outcomes[0].losers}
    assert reasons["INT4-W4A8"] == why.removeprefix("INT4-W4A8 is ")
    candidate = built.others[0].study.compressed[0]
    assert candidate.compared is not None and candidate.compared.verdict == "pass"


def test_one_engine_has_no_tables_of_its_own(tmp_path: Path) -> None:
    assert reported(tmp_path, typical()).others == []


def test_a_base_alone_on_another_engine_is_no_group(tmp_path: Path) -> None:
    assert reported(tmp_path, [*typical(), *quality("BASE", **OTHER)]).others == []


def test_runs_of_two_engines_are_not_held_against_each_other(tmp_path: Path) -> None:
    folder = write(tmp_path, [*typical(), *performance("BASE", 100, 1, **OTHER)])
    names = [run.name for run in runs.runs(reading.read([folder]), "tiny")]
    assert names == [f"{OTHER['run_id']} on transformers", OTHER["run_id"]]


def test_a_scheme_that_failed_on_another_engine_is_a_row_with_its_reason(tmp_path: Path) -> None:
    why = "out of memory; --batch_sizes 4 would fit"
    failed = {"status": "failed", "figures": {}, "raw": None, "served": None, "reason": why}
    gone = [r.model_copy(update=failed) for r in performance("BNB-NF4", 1, 1, **OTHER)]
    built = reported(tmp_path, [*typical(), *performance("BASE", 100, 1, **OTHER), *gone])
    missing = next(t for t in built.tables if t.title == "What is missing on transformers")
    assert any(row[0].text == "BNB-NF4" and why in row[2].text for row in missing.rows)
    assert not any("side by side" in note for note in built.notes)


def test_a_run_of_two_engines_can_be_named(tmp_path: Path) -> None:
    folder = write(tmp_path, [*typical(), *performance("BASE", 100, 1, **OTHER)])
    read = reading.read([folder])
    assert runs.pick(read, OTHER["run_id"], "tiny").name == OTHER["run_id"]
    other = runs.pick(read, f"{OTHER['run_id']} on", "tiny")
    assert {s.record.engine for s in other.stored.values()} == {"transformers"}
    of_folder = runs.pick(read, str(folder), "tiny")
    assert len({s.record.engine for s in of_folder.stored.values()}) == 1


def test_quality_without_a_kernel_says_so(tmp_path: Path) -> None:
    served = {"engine": "vllm", "kernels": {}, "emulated": "weights are decompressed"}
    built = reported(tmp_path, [*typical(), *quality("INT8-W8A16", served=served)])
    table = next(t for t in built.tables if t.title == "Quality")
    assert "quality only: emulated, weights are decompressed: INT8-W8A16" in table.notes


def test_no_outcome_for_a_load_that_nobody_was_asked(tmp_path: Path) -> None:
    asked = [r for r in typical() if r.measure != "batch"]
    built = reported(tmp_path, asked)
    assert [outcome.use_case for outcome in built.outcomes] == ["latency", "memory"]
