"""A run: jobs become records, and records may stand for jobs again."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints import models as places
from core import records
from core.measure import Job, Workload
from core.records import Record, load_all, save
from measures.perplexity import PerplexityOptions
from quality.tasks import Tasks
from running import jobs
from running.outcomes import UNSAVED, completed, figures_of, recorded, subject_of
from running.run import Run
from running.session import Outcome
from tests import models
from tests.quality_records import record

RAW = {"nll": [20.0, 40.0], "tokens": [10, 20], "begins_with": None}
SMALL = Workload(prompt_tokens=4, max_new_tokens=4, requests=1, batch_size=2, repeats=2)


@pytest.fixture
def scored(run: Run, base: Path, tmp_path: Path) -> tuple[Record, Job]:
    """A record of a perplexity, saved, and its job."""
    (tmp_path / "text.txt").write_text("Some text to be read by the fake engine. " * 20)
    asked = {"perplexity": PerplexityOptions(text=str(tmp_path / "text.txt"), window=64)}
    (job,) = jobs.plan(asked, run.base(base))
    (scored,) = run.measure(places.identify("tiny"), [job], lambda *step: None)
    assert scored.status == "ok", scored.reason
    return scored, job


def test_jobs_become_saved_records(run: Run, base: Path) -> None:
    steps: dict[str, list[tuple[int, int]]] = {}
    wanted = [Job("sequential", SMALL), Job("batch", SMALL)]
    records = run.measure(
        places.identify("tiny"), wanted, lambda step, *of: steps.setdefault(step, []).append(of), 2
    )
    assert [(r.measure, r.status, r.round) for r in records] == [
        ("sequential", "ok", 2),
        ("batch", "ok", 2),
    ]
    assert list(steps) == ["loading", "timing one user", "timing 2 users"]
    assert steps["timing 2 users"] == [(0, 0), (1, 3), (2, 3)]
    assert records[1].settings["batch_size"] == 2 and records[1].kind == "performance"
    assert {r.run_id for r in load_all(run.results)} == {run.id}
    assert len(load_all(run.results)) == 2 and not run.eval_results.exists()


def test_what_else_the_machine_did_is_told_of_speed_only(run: Run, base: Path) -> None:
    speed, read = Job("load", SMALL), Job("perplexity", SMALL)
    outcome = Outcome(reason="why", contention={"window_s": 2.0})
    told = [recorded(record("load"), job, outcome) for job in (speed, read)]
    assert [(r.measure, r.reason, r.contention) for r in told] == [
        ("load", "why", {"window_s": 2.0}),
        ("perplexity", "why", None),
    ]


def test_one_job_that_fails_spoils_no_other(run: Run, base: Path) -> None:
    huge = replace(SMALL, batch_size=10_000)
    records = run.measure(
        places.identify("tiny"), [Job("batch", huge), Job("batch", SMALL)], lambda *step: None
    )
    assert [r.status for r in records] == ["failed", "ok"]
    assert records[0].reason is not None and "the KV cache holds" in records[0].reason
    assert records[0].served is not None and records[0].raw is None


def test_figures_that_cannot_be_made_fail_the_record_and_keep_the_values() -> None:
    blank = record("load")
    job = Job("perplexity", SMALL)
    done = completed(blank, job, raw=RAW)
    assert done.status == "ok" and done.figures["perplexity"].value == pytest.approx(2.718281828**2)
    assert done.figures["perplexity"].better == "lower" and done.kind == "quality"
    broken = completed(blank, job, raw={**RAW, "nll": [float("nan"), 1.0]})
    assert broken.status == "failed" and not broken.figures
    assert broken.reason is not None and broken.reason.startswith("no figures could be made")
    assert broken.raw is not None and broken.raw["tokens"] == [10, 20]


def test_figures_have_their_units() -> None:
    figure = figures_of("perplexity", RAW)["scored_tokens"]
    assert (figure.value, figure.unit, figure.better) == (30.0, "tokens", "none")


def test_what_was_given_up_is_a_failed_record_a_job(run: Run, tmp_path: Path) -> None:
    place = places.Place(model_id="tiny", scheme="FP8-W8A8", path=tmp_path / "tiny-FP8-W8A8")
    (given_up,) = run.give_up(place, [Job("load", SMALL)], "not compressed: why")
    assert (given_up.status, given_up.reason) == ("failed", "not compressed: why")
    assert given_up.subject.path == "tiny-FP8-W8A8" and given_up.subject.fingerprint == ""
    assert [r.reason for r in load_all(run.results)] == ["not compressed: why"]


def test_a_record_may_be_used_again(run: Run, scored: tuple[Record, Job]) -> None:
    saved, job = scored
    again = run.earlier(places.identify("tiny"), [job])
    assert again.keys() == {job} and again[job].ended == saved.ended


def other_machine(saved: Record) -> dict[str, Any]:
    return {"machine": {**saved.machine, "cpu": "another"}}


CHANGES: list[Any] = [
    lambda saved: {"status": "failed"},
    lambda saved: {"engine": "vllm"},
    lambda saved: {"options": {**saved.options, "dtype": "float16"}},
    lambda saved: {"settings": {**saved.settings, "window": 32}},
    lambda saved: {"subject": saved.subject.model_copy(update={"fingerprint": "0" * 16})},
    lambda saved: {"machine": {**saved.machine, "libraries": {}}},
    other_machine,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_record_of_something_else_may_not(
    run: Run, scored: tuple[Record, Job], tmp_path: Path, change: Any
) -> None:
    saved, job = scored
    elsewhere = replace(run, eval_results=tmp_path / "elsewhere")
    save(saved.model_copy(update=change(saved)), elsewhere.eval_results)
    assert elsewhere.earlier(places.identify("tiny"), [job]) == {}


FREE: list[Any] = [
    lambda saved: {"options": {**saved.options, "max_num_seqs": 7, "seed": 5}},
    lambda saved: {"machine": {**saved.machine, "git_commit": "another"}},
]


@pytest.mark.parametrize("change", FREE)
def test_what_moves_no_answer_may_differ(
    run: Run, scored: tuple[Record, Job], tmp_path: Path, change: Any
) -> None:
    saved, job = scored
    elsewhere = replace(run, eval_results=tmp_path / "elsewhere")
    save(saved.model_copy(update=change(saved)), elsewhere.eval_results)
    assert elsewhere.earlier(places.identify("tiny"), [job]).keys() == {job}


def test_a_record_of_more_tasks_and_documents_answers_fewer(run: Run, base: Path) -> None:
    held = Tasks(names=("a", "b"), limit=200)
    blank = run.blank(subject_of(places.identify("tiny")), 1, "fake")
    settings = json.loads(json.dumps(asdict(held)))
    fields = {"kind": "quality", "measure": "harness", "settings": settings, "raw": {"tasks": {}}}
    save(blank.model_copy(update=fields), run.eval_results)
    wanted = {
        Job("harness", replace(held, names=("b",), limit=100)): True,
        Job("harness", replace(held, log_samples=False)): True,
        Job("harness", replace(held, limit=201)): False,
        Job("harness", replace(held, names=("b", "c"))): False,
        Job("harness", replace(held, num_fewshot=1)): False,
    }
    again = run.earlier(places.identify("tiny"), list(wanted))
    assert {job: job in again for job in wanted} == wanted


def test_a_measure_decides_whether_its_record_may_be_used_again(
    run: Run, scored: tuple[Record, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    from measures import perplexity

    _, job = scored
    never = replace(perplexity.MEASURE, reusable=lambda settings: False)
    monkeypatch.setattr(perplexity, "MEASURE", never)
    assert run.earlier(places.identify("tiny"), [job]) == {}


def test_the_base_of_a_run_has_its_context(run: Run, base: Path, tmp_path: Path) -> None:
    served = run.base(base)
    assert served.context_length == 256 and served.fingerprint
    longest = replace(run, options=replace(run.options, max_model_len=None))
    assert longest.base(base).context_length == models.CONFIG["max_position_embeddings"]


def test_a_record_is_saved_when_its_measure_ends(run: Run, base: Path) -> None:
    saved: dict[str, int] = {}

    def progress(step: str, *_: int) -> None:
        saved[step] = len(load_all(run.results))

    run.measure(places.identify("tiny"), [Job("load", SMALL), Job("batch", SMALL)], progress)
    assert list(saved.items())[-3:] == [
        ("loading", 0),
        ("measuring the first request", 0),
        ("timing 2 users", 1),
    ]


def test_a_record_that_cannot_be_saved_is_kept_aside_and_the_run_goes_on(
    run: Run, base: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def progress(step: str, *_: int) -> None:
        if step == "timing 2 users" and run.results.is_dir():  # it is lost meanwhile
            shutil.rmtree(run.results)
            run.results.touch()

    wanted = [Job("load", SMALL), Job("batch", SMALL), Job("memory", SMALL)]
    records = run.measure(places.identify("tiny"), wanted, progress)
    assert [record.status for record in records] == ["ok", "ok", "ok"]
    assert {record.measure for record in load_all(UNSAVED)} == {"batch", "memory"}
    assert [record.measure for record in run.unsaved] == ["batch", "memory"]
    said = capfd.readouterr().err
    assert said.count("cannot save a record in") == 2 and "it was kept as build/unsaved/" in said


def test_text_that_no_json_holds_is_saved_escaped(tmp_path: Path) -> None:
    odd = record("load").model_copy(update={"reason": "a library said \udcff"})
    save(odd, tmp_path)
    assert [r.reason for r in load_all(tmp_path)] == ["a library said \\udcff"]


def test_an_exchanged_checkpoint_is_told(
    run: Run, base: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def progress(step: str, *_: int) -> None:
        if step == "timing 2 users":
            models.write_model(base, bos_token_id=7)

    (record,) = run.measure(places.identify("tiny"), [Job("batch", SMALL)], progress)
    assert record.status == "ok"
    assert "was exchanged while it was measured" in capfd.readouterr().err.replace("\n", " ")


def test_writing_is_tried_and_leaves_nothing(tmp_path: Path) -> None:
    records.try_writing(tmp_path / "new" / "results")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_lost_between_rounds_ends_no_run(
    run: Run, base: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run.measure(places.identify("tiny"), [Job("load", SMALL)], lambda *step: None)
    shutil.rmtree(run.results)
    run.results.touch()
    (record,) = run.measure(places.identify("tiny"), [Job("load", SMALL)], lambda *step: None, 2)
    assert record.status == "ok" and [r.round for r in load_all(UNSAVED)] == [2]


def test_a_value_that_no_report_could_read_is_a_failure_with_its_place(tmp_path: Path) -> None:
    job = Job("perplexity", SMALL)
    made = completed(record("load"), job, raw={**RAW, "nll": [5e-131, 1.0]})
    assert made.status == "failed" and not made.figures
    assert made.reason and "raw.nll.0: 5e-131 is no finite number" in made.reason
    save(made, tmp_path)
    assert [r.raw for r in load_all(tmp_path)] == [made.raw]


def test_arrays_are_saved_as_lists(tmp_path: Path) -> None:
    odd = record("load").model_copy(update={"raw": {"a": np.float32(0.5), "b": np.arange(2)}})
    save(odd, tmp_path)
    assert [r.raw for r in load_all(tmp_path)] == [{"a": 0.5, "b": [0, 1]}]
    assert not list(tmp_path.rglob("*.tmp"))
