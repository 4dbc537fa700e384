"""One load through the fake engine: what it emits, and what cannot be served here."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checkpoints import models as places
from core.engine import Options, WrongCheckpoint
from core.machine import probe
from core.measure import Job, Workload
from engines.fake import FakeEngine
from measures import load
from measures.answers import Questions
from running import child, server, serving, session
from running.session import Session
from tests import models

SMALL = Workload(prompt_tokens=4, max_new_tokens=4, requests=1, batch_size=2, repeats=2)
FIRST = "measuring the first request"
TOO_MANY = replace(SMALL, batch_size=100_000)


def serve(folder: Path, *jobs: Job) -> list[tuple[str, Any]]:
    """What the child's side emits, in this process."""
    events: list[tuple[str, Any]] = []
    session.serve(
        lambda event: events.append(copy.deepcopy(event)),  # as a pipe would
        Session(path=folder, engine="fake", options=Options(), jobs=list(jobs)),
    )
    return events


def test_a_load_is_proved_before_its_jobs_run(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeEngine, "simulated", False)
    events = serve(base, Job("load", SMALL), Job("batch", TOO_MANY), Job("memory", SMALL))
    steps = [payload for kind, payload in events if kind == "step"]
    assert steps == ["loading", FIRST, "timing 100000 users", "measuring memory"]
    kinds = [kind for kind, _ in events if kind not in ("step", "tick")]
    assert kinds == ["loaded", "ended", "ended", "ended"]
    load, batch, memory = (payload[1] for kind, payload in events if kind == "ended")
    assert all(outcome.contention["window_s"] > 0 for outcome in (load, batch, memory))
    assert load.raw["timing"]["engine_s"] > 0
    assert list(memory.raw["stages"]) == ["idle", "loaded", "0:load", "1:batch"]
    assert batch.raw is None and batch.reason.startswith("InvalidLoad: ")


def test_files_that_were_exchanged_while_they_were_loaded_are_not_measured(base: Path) -> None:
    other = Session(
        path=base, engine="fake", options=Options(), jobs=[Job("load", SMALL)], fingerprint="other"
    )
    with pytest.raises(WrongCheckpoint, match="exchanged while it was being loaded"):
        session.serve(lambda event: None, other)


@pytest.mark.parametrize(("scheme", "asked", "served"),
    [("FP32", "auto", "float32"), ("FP32", "bfloat16", "bfloat16"), ("FP8-W8A8", "auto", "auto")],
)  # fmt: skip
def test_a_scheme_that_is_a_dtype_is_served_in_it(
    tmp_path: Path,
    base: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    asked: str,
    served: str,
) -> None:
    made = models.write_compressed(tmp_path / "made", base, scheme)
    dtypes = []

    class Noted(FakeEngine):
        def __init__(self, checkpoint: Path, options: Options) -> None:
            dtypes.append(options.dtype)
            super().__init__(checkpoint, options)

    monkeypatch.setattr("engines.fake.ENGINE", Noted)
    session.serve(
        lambda event: None,
        Session(path=made, engine="fake", options=Options(dtype=asked), jobs=[]),
    )
    assert dtypes == [served]


@pytest.mark.parametrize("problem", [SystemExit(0), ValueError("why")])
def test_a_measure_that_ends_the_program_fails_alone(
    base: Path, monkeypatch: pytest.MonkeyPatch, problem: BaseException
) -> None:
    def ends(loaded: object, settings: object) -> None:
        raise problem

    monkeypatch.setattr(load, "MEASURE", replace(load.MEASURE, run=ends))
    events = serve(base, Job("load", SMALL), Job("batch", SMALL))
    first, second = (payload[1] for kind, payload in events if kind == "ended")
    assert first.raw is None and first.reason.startswith(type(problem).__name__)
    assert second.raw is not None


def test_what_was_measured_before_a_crash_is_in_the_result(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server.prepare(("fake",), ["load"], tmp_path)
    good, bad = Job("load", SMALL), Job("batch", TOO_MANY)
    task = Session(path=base, engine="fake", options=Options(), jobs=[good, bad])
    steps: list[str] = []
    result = session.run(task, tmp_path / "log", lambda step, *_: steps.append(step))
    assert list(dict.fromkeys(steps)) == ["loading", FIRST, f"timing {TOO_MANY.batch_size} users"]
    assert result.reason is None
    assert result.of(good).raw and result.of(good).reason is None
    assert result.of(bad).raw is None and result.of(bad).reason
    assert result.of(good).contention is None  # nothing spoils a made-up clock
    assert result.description is not None and result.description["engine"] == "fake"
    (base / "fake.json").write_text(json.dumps({"fail": "crash"}))
    crashed = session.run(task, tmp_path / "log")
    assert crashed.reason and crashed.reason.startswith("the process ended with exit code 11")
    assert crashed.description is None and not crashed.outcomes


@pytest.mark.parametrize(
    ("fail", "said"),
    [
        ("memory", "out of memory while loading; the weights take "),
        ("kill", "the process was killed by SIGKILL (most likely the system ran out of memory) wh"),
    ],
)
def test_memory_that_ran_out_is_explained(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (base / "fake.json").write_text(json.dumps({"fail": fail}))
    task = Session(path=base, engine="fake", options=Options(), jobs=[Job("load", SMALL)])
    result = session.run(task, tmp_path / "log")
    assert result.reason and result.reason.startswith(said) and "there are " in result.reason


def test_a_template_that_loops_for_one_chat_is_killed(base: Path, tmp_path: Path) -> None:
    """In C, where no handler of Python's runs."""
    server.prepare(("fake",), ["answers"], tmp_path)
    events: list[Any] = []
    reason = child.run(loops_in_a_template, (base,), tmp_path / "log", 600, events.append)
    assert reason == "the chat template took more than 1 s: killed"
    assert events[-1] == ("step", "answering")


def loops_in_a_template(emit: child.Emit, folder: Path) -> None:
    def render(self: FakeEngine, messages: Any, answer: bool = True) -> str:
        return str(sum(range(10**13)))

    session.RENDER_S, FakeEngine.render_chat = 1.0, render  # type: ignore[method-assign]
    job = Job("answers", Questions())
    session.serve(emit, Session(path=folder, engine="fake", options=Options(), jobs=[job]))


@pytest.mark.parametrize(
    ("scheme", "capability", "allow_fallback", "sentence"),
    [
        ("FP8-W8A8", (9, 0), False, None),
        ("FP8-W8A8", (8, 0), True, None),
        ("FP8-W8A8", (8, 0), False, "; --allow_fallback measures that"),
        ("INT8-W8A8", (10, 0), True, "INT8-W8A8 is not served natively here: "),
    ],
)
def test_what_a_gpu_cannot_serve(
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    capability: tuple[int, int],
    allow_fallback: bool,
    sentence: str | None,
) -> None:
    from core.machine import Gpu

    gpu = Gpu(index=0, name="a GPU", uuid="u", memory_bytes=1, compute_capability=capability)
    monkeypatch.setattr(serving, "probe", lambda: replace(probe(), gpus=(gpu,)))
    folder = models.write_compressed(tmp_path / f"tiny-{scheme}", base, scheme)
    identity = places.identify(str(folder))
    refusal = serving.of(identity, "vllm", allow_fallback).unserved
    assert refusal is None if sentence is None else refusal and sentence in refusal
    assert serving.of(identity, "fake", False).unserved is None  # which needs no kernels
