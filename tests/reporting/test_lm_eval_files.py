"""`lm_eval --output_path NAME.json`, run by scripts without this project, is read by report.py."""

import json
from pathlib import Path

import pytest

from reporting.contents.environment import environment
from reporting.deciding import study
from reporting.reading import lm_eval, results
from tests.conftest import Run
from tests.report_case import performance, write

STAMPS = ("2026-01-02T03-04-05.678901", "2026-01-02T04-04-05.678901")
NAMES = ("tiny", "tiny-INT4-W4A16")


def evaluated(name: str, score: float) -> dict[str, object]:
    return {
        "results": {"piqa": {"alias": "piqa", "acc,none": score, "acc_stderr,none": 0.02}},
        "config": {"model": "vllm", "model_args": f"pretrained=./{name},add_bos_token=true"},
        "model_source": "vllm",
        "date": 1767323045.1,
    }


def leave(folder: Path) -> None:
    """What lm_eval leaves of a base and a checkpoint."""
    folder.mkdir(exist_ok=True)
    for name, stamp, score in zip(NAMES, STAMPS, (0.7, 0.6), strict=True):
        path = folder / f"lm_eval_{name}_{stamp}.json"
        path.write_text(json.dumps(evaluated(name, score)))


@pytest.mark.parametrize(
    ("place", "named"), [(".", False), ("eval_results", False), ("theirs", True), (".", True)]
)
def test_they_are_found_where_people_have_them(
    command: Run, tmp_path: Path, place: str, named: bool
) -> None:
    leave(tmp_path / place)
    done = command("report.py", "--json", *(["--results_dir", place] if named else []))
    told = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0 and told["not_read"] == {}
    assert set(told["schemes"]) == {"BASE", "INT4-W4A16"}
    assert "hardware: unknown" in command("report.py", *(["--results_dir", place] * named)).stdout


def test_what_else_lies_in_the_current_folder_is_left_alone(command: Run, tmp_path: Path) -> None:
    leave(tmp_path)
    for name in ("results_of_mine.json", "package.json", "lm_eval_tiny.json"):
        (tmp_path / name).write_text("{}")
    told = json.loads(command("report.py", "--json").stdout.splitlines()[-1])
    assert told["not_read"] == {}


def test_their_hardware_is_not_that_of_other_records(tmp_path: Path) -> None:
    leave(tmp_path / "theirs")
    write(tmp_path / "perf", [*performance("BASE", 300, 1), *performance("INT4-W4A16", 600, 1)])
    found = results.read([tmp_path / "perf", tmp_path / "theirs"])
    facts = dict(environment(study.build(found)))
    assert facts["hardware"] == "AMD EPYC, 2 cores"
    assert facts["hardware of lm-eval's own files"] == "unknown"
    alone = dict(environment(study.build(results.read([tmp_path / "perf"]))))
    assert "hardware of lm-eval's own files" not in alone


def test_a_file_that_names_no_model_is_of_what_it_is_called(tmp_path: Path) -> None:
    document = {"results": {"piqa": {"acc,none": 0.5}}}
    path = tmp_path / f"lm_eval_tiny-INT4-W4A16_{STAMPS[0]}.json"
    path.write_text(json.dumps(document))
    record = lm_eval.read(path, [])
    assert (record.subject.model, record.subject.scheme) == ("tiny", "INT4-W4A16")
    assert record.ended == record.started == "2026-01-02T03:04:05.678901+00:00"


@pytest.mark.real
@pytest.mark.parametrize("output", ["lm_eval_tiny.json", "scores"])
def test_as_lm_eval_itself_writes_them(tmp_path: Path, output: str) -> None:
    from lm_eval.loggers import EvaluationTracker

    tracker = EvaluationTracker(output_path=str(tmp_path / output))
    tracker.general_config_tracker.model_name_sanitized = "tiny"
    sample = {"doc_id": 0, "doc_hash": "a", "prompt_hash": "b", "target_hash": "c", "doc": {}}
    sample |= {"arguments": {}, "filtered_resps": [], "resps": [], "filter": "none"}
    samples = {"piqa": [{**sample, "target": 1, "metrics": ["acc"], "acc": 1.0}]}
    tracker.save_results_aggregated(results=evaluated("tiny", 0.7), samples=samples)
    tracker.save_results_samples(task_name="piqa", samples=samples["piqa"])
    (stored,) = results.read([tmp_path]).stored
    assert stored.record.figures["piqa/acc,none"].value == 0.7
    assert stored.raw()["tasks"]["piqa"]["scores"] == {"acc,none": [1.0]}
