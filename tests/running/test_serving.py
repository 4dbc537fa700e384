"""Which engine serves a checkpoint, and what is measured of it there."""

from dataclasses import replace
from pathlib import Path

import pytest

from checkpoints import models as places
from core import plugins
from core.engine import Options
from core.errors import UserError
from core.machine import Gpu, probe
from core.measure import Job, Workload
from grid import turns
from measures.perplexity import PerplexityOptions
from running import jobs, serving
from running.progress import Progress
from running.run import Run
from tests import models

SPEED = Job("sequential", Workload())


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor without AVX-512 and no GPU."""
    plain = replace(probe(), gpus=(), cpu_flags=frozenset({"avx2"}))
    monkeypatch.setattr(serving, "probe", lambda: plain)


def of(scheme: str, engine: str = serving.AUTO) -> serving.Service:
    (place,) = places.places("demo", [scheme], Path())
    return serving.of_place(place, engine, allow_fallback=False)


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("engine", [serving.AUTO, "vllm"])
def test_weights_alone_are_scored_decompressed(engine: str) -> None:
    assert of("FP8-W8A8", engine) == of("BASE", engine) == serving.Service(engine="vllm")
    for scheme in ("INT8-W8A16", "INT4-W4A16", "NVFP4A16"):
        found = of(scheme, engine)
        assert (found.engine, found.decompressed, found.unserved) == ("vllm", True, None)
        assert "quality only" in (found.refuses(SPEED) or "")
        assert found.refuses(Job("perplexity", None)) is None


@pytest.mark.usefixtures("cpu")
def test_rounded_activations_are_emulated() -> None:
    found = of("INT4-W4A8")
    assert (found.engine, found.decompressed) == ("transformers", False)
    why = found.refuses(SPEED) or ""
    assert "vLLM's CPU backend has no kernel" in why and "transformers emulates it" in why
    assert of("INT4-W4A8", "vllm").unserved
    assert of("INT4-W4A8", "fake") == serving.Service(engine="fake")
    assert "transformers emulates" in (of("FP8-W8A8", "transformers").refuses(SPEED) or "")
    assert of("BASE", "transformers").refuses(SPEED) is None


def test_a_fallback_is_not_chosen_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    ampere = Gpu(index=0, name="a", uuid="u", memory_bytes=1, compute_capability=(8, 0))
    monkeypatch.setattr(serving, "probe", lambda: replace(probe(), gpus=(ampere,)))
    assert of("FP8-W8A8").engine == "transformers"
    (place,) = places.places("demo", ["FP8-W8A8"], Path())
    assert serving.of_place(place, serving.AUTO, allow_fallback=True).engine == "vllm"


@pytest.mark.usefixtures("cpu")
def test_bitsandbytes_of_others_on_a_cpu(tmp_path: Path) -> None:
    folder = models.write_model(
        tmp_path / "other", quantization_config={"quant_method": "bitsandbytes"}
    )
    found = serving.of(places.identify(str(folder)), serving.AUTO, allow_fallback=False)
    assert found == serving.Service(engine="transformers")


@pytest.mark.usefixtures("cpu")
def test_what_only_transformers_knows(tmp_path: Path) -> None:
    folder = models.write_model(tmp_path / "other", quantization_config={"quant_method": "hqq"})
    found = serving.of(places.identify(str(folder)), serving.AUTO, allow_fallback=False)
    assert found.engine == "transformers" and "hqq" in (found.unserved or "")  # not installed


@pytest.mark.usefixtures("cpu")
def test_options_that_the_second_engine_refuses() -> None:
    with pytest.raises(UserError, match="one device"):
        serving.check_services([of("BASE"), of("INT4-W4A8")], Options(tensor_parallel_size=2))
    serving.check_services([of("BASE"), of("FP8-W8A8")], Options(tensor_parallel_size=2))


def test_without_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_installed", lambda library: library != "vllm")
    assert of("BASE") == serving.Service(engine="transformers")
    assert serving.possible(serving.AUTO) == ("transformers",)


def test_a_device_that_one_engine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    on = {"vllm": ("cuda",), "transformers": ("cuda", "cpu")}
    for name, devices in on.items():
        engine = plugins.load("engines", name)
        monkeypatch.setattr(engine, "devices", classmethod(lambda cls, d=devices: d))
    assert serving.check(serving.AUTO, Options()) == serving.AUTO
    assert serving.check(serving.AUTO, Options(device="cuda")) == serving.AUTO
    assert serving.check(serving.AUTO, Options(device="cpu")) == "transformers"
    with pytest.raises(UserError, match="--device mps"):
        serving.check(serving.AUTO, Options(device="mps"))


def test_an_engine_that_is_not_there() -> None:
    with pytest.raises(UserError, match="no engine 'llama'"):
        serving.check("llama", Options())


@pytest.mark.usefixtures("cpu")
def test_each_engine_has_its_own_base(run: Run, base: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Some text. " * 200)
    asked = {"perplexity": PerplexityOptions(text=str(tmp_path / "text.txt"), window=64)}
    auto = replace(run, engine=serving.AUTO, rounds=2, max_rounds=2)
    planned = [SPEED, *jobs.plan(asked, auto.base(base))]
    schemes = ["BASE", "FP8-W8A8", "INT8-W8A16", "INT4-W4A8"]
    first, second = turns.Rounds.of(auto, places.places("tiny", schemes, tmp_path), planned)
    assert first.run.engine == "vllm" and second.run.engine == "transformers"
    assert [p.scheme for p in first.places] == schemes[:3]
    assert [p.scheme for p in second.places] == ["BASE", "INT4-W4A8"]
    steps = [(turn.subject, turn.steps[1:]) for turn in first.to_come(first.places)]
    timed, scored = ("timing one user",), ("scoring perplexity",)
    assert steps[0] == ("BASE", timed + scored) and ("FP8-W8A8", timed + scored) in steps
    assert ("INT8-W8A16", scored) in steps and steps[-1] == ("BASE", timed)
    of_second = [(turn.subject, turn.steps[1:]) for turn in second.to_come(second.places)]
    assert of_second == [("BASE", scored), ("INT4-W4A8", scored)]  # nothing beside it is timed


def test_what_is_emulated_is_scored_in_one_round(
    run: Run, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engines.fake import FakeEngine

    monkeypatch.setattr(FakeEngine, "emulated_methods", ("compressed-tensors",))
    (tmp_path / "text.txt").write_text("Some text. " * 200)
    asked = {"perplexity": PerplexityOptions(text=str(tmp_path / "text.txt"), window=64)}
    models.write_compressed(tmp_path / "tiny-FP8-W8A8", base, "FP8-W8A8")
    planned = [
        Job("sequential", Workload(prompt_tokens=4, max_new_tokens=4, requests=1)),
        *jobs.plan(asked, run.base(base)),
    ]
    there = places.places("tiny", ["BASE", "FP8-W8A8"], tmp_path)
    twice = replace(run, rounds=2, max_rounds=2)
    records = turns.measure_all(twice, there, planned, Progress())
    found = [(r.round, r.measure, r.status) for r in records if r.subject.scheme == "FP8-W8A8"]
    assert found == [(1, "sequential", "unsupported"), (1, "perplexity", "ok")]
