"""The decision rule: gates first, then intervals, then the least lossy and simplest."""

from pathlib import Path

import pytest

from core.records import Record
from reporting.deciding import study
from reporting.deciding.decision import Outcome, decide
from reporting.deciding.ranking import UseCase
from reporting.reading import results as reading
from tests.report_case import GPU, MACHINE, OPTIONS, performance, quality, typical, write


def outcome(
    folder: Path, made: list[Record], use_case: UseCase = "latency", budget: int | None = None
) -> Outcome:
    found = reading.read([write(folder, made)])
    return decide(study.build(found), use_case, budget)


def reason(found: Outcome, scheme: str) -> str:
    return next(one.reason for one in found.losers if one.scheme == scheme)


def both(scheme: str, rate: float, accuracy: float = 0.7, kl: float = 0.001) -> list[Record]:
    return [*performance(scheme, rate, 6 << 20), *quality(scheme, accuracy, kl)]


BASE = [*performance("BASE", 300, 10 << 20), *quality("BASE")]


@pytest.mark.parametrize("use_case", ["latency", "throughput", "memory"])
def test_the_best_whose_quality_passed(tmp_path: Path, use_case: UseCase) -> None:
    found = outcome(tmp_path, typical(), use_case)
    assert found.decided and found.winner == "INT8-W8A8"
    assert found.command == "vllm serve tiny-INT8-W8A8 --max-model-len 1024"
    assert "quality failed" in reason(found, "INT4-W4A16")
    assert reason(found, "FP8-W8A8") == "not served natively here: no kernel"
    assert "BASE" in {one.scheme for one in found.losers}
    assert not found.to_decide


def test_speed_does_not_buy_quality(tmp_path: Path) -> None:
    found = outcome(tmp_path, [*BASE, *both("INT4-W4A16", 3000, accuracy=0.2)])
    assert found.winner == "BASE" and "quality failed" in reason(found, "INT4-W4A16")


def test_a_tie_goes_to_the_base(tmp_path: Path) -> None:
    found = outcome(tmp_path, [*BASE, *both("INT8-W8A8", 300)])
    assert found.decided and found.winner == "BASE"
    assert "indistinguishable from BASE" in reason(found, "INT8-W8A8")


def test_what_is_like_the_base_does_not_win_by_a_tie_with_the_best(tmp_path: Path) -> None:
    """INT4 beats the base; INT8 is indistinguishable from both, and less lossy."""
    noisy = [*performance("INT8-W8A8", 335, 6 << 20, spread=0.1), *quality("INT8-W8A8", 0.7, 0.001)]
    found = outcome(tmp_path / "passed", [*BASE, *noisy, *both("INT4-W4A16", 400, kl=0.02)])
    assert found.winner == "INT4-W4A16"
    assert "slower than INT4-W4A16" in reason(found, "BASE")
    unmeasured = performance("INT4-W4A16", 400, 6 << 20)
    found = outcome(tmp_path / "open", [*BASE, *noisy, *unmeasured])
    assert not found.decided and found.winner == "BASE"
    assert "INT4-W4A16 has the lowest latency" in found.sentence
    assert "indistinguishable from BASE" in reason(found, "INT8-W8A8")


def test_a_rival_that_may_be_better_keeps_it_open(tmp_path: Path) -> None:
    """A base of 3,627 ±3,209 is no answer next to a scheme of 3,916 ±609."""
    base = [*performance("BASE", 300, 10 << 20, spread=0.3), *quality("BASE")]
    noisy = [*performance("INT8-W8A8", 320, 6 << 20, spread=0.06), *quality("INT8-W8A8")]
    found = outcome(tmp_path, [*base, *noisy])
    assert not found.decided and found.winner == "BASE"
    assert "But for all that was measured INT8-W8A8 may be up to " in found.sentence
    assert "; it may be up to " in reason(found, "INT8-W8A8")
    assert found.to_decide == ["python pipeline.py --model_id tiny --rounds auto"]


def test_a_tie_goes_to_the_least_lossy_then_the_simplest(tmp_path: Path) -> None:
    lossy = both("INT4-W4A16", 602, kl=0.02)
    found = outcome(tmp_path / "kl", [*BASE, *lossy, *both("INT8-W8A8", 600)])
    assert found.winner == "INT8-W8A8"
    assert "which is nearer to the base's predictions" in reason(found, "INT4-W4A16")
    alike = [*both("INT8-W8A8", 602), *both("INT8-W8A8-RTN", 600)]
    found = outcome(tmp_path / "simple", [*BASE, *alike])
    assert found.winner == "INT8-W8A8-RTN"
    assert "which is simpler" in reason(found, "INT8-W8A8")


def test_without_quality_the_most_weight_bits_win_a_tie_and_nothing_is_called_lossless(
    tmp_path: Path,
) -> None:
    alike = [*performance("INT4-W4A16", 602, 6 << 20), *performance("INT8-W8A8", 600, 6 << 20)]
    found = outcome(tmp_path, [*BASE, *alike], "throughput")
    assert "INT8-W8A8 comes first because it keeps more bits" in found.sentence
    tasks = "--tasks demo_arc_easy,demo_hellaswag --max_model_len 1024"  # as the base was asked
    assert found.to_decide == [f"python score.py --model tiny-INT8-W8A8 {tasks}"]
    assert "keeps more bits" in reason(found, "INT4-W4A16")


def test_quality_not_measured_is_undecided(tmp_path: Path) -> None:
    found = outcome(tmp_path, [*BASE, *performance("INT8-W8A8", 600, 6 << 20)])
    assert not found.decided and found.winner == "BASE"
    assert "Until then BASE is the safe choice" in found.sentence
    tasks = "--tasks demo_arc_easy,demo_hellaswag --max_model_len 1024"
    assert found.to_decide == [f"python score.py --model tiny-INT8-W8A8 {tasks}"]


def test_quality_undecided_says_how_many_documents(tmp_path: Path) -> None:
    few = quality("INT8-W8A8", 0.69, documents=100)
    made = [*performance("BASE", 300, 1), *quality("BASE", documents=100)]
    found = outcome(tmp_path, [*made, *performance("INT8-W8A8", 600, 1), *few])
    assert not found.decided and found.winner == "BASE"
    assert "--limit" in found.to_decide[0]
    for record in (r for r in made + few if r.measure == "harness" and r.raw):
        for task in record.raw["tasks"].values():
            task["available"] = 150
    found = outcome(tmp_path / "few", [*made, *performance("INT8-W8A8", 600, 1), *few])
    assert not found.decided and found.winner == "BASE" and not found.to_decide
    assert "These tasks have only 300 documents: they hardly decide it" in found.sentence


@pytest.mark.parametrize("use_case", ["latency", "throughput"])
def test_one_load_decides_nothing(tmp_path: Path, use_case: UseCase) -> None:
    single = [*performance("BASE", 300, 1, rounds=1), *quality("BASE"), *quality("INT8-W8A8")]
    found = outcome(tmp_path, [*single, *performance("INT8-W8A8", 600, 1, rounds=1)], use_case)
    assert not found.decided and found.winner == "BASE"
    assert "BASE and INT8-W8A8 cannot be ranked by one load each: loads differ" in found.sentence
    assert found.to_decide == ["python pipeline.py --model_id tiny --rounds auto"]


def test_contended_rounds_never_decide(tmp_path: Path) -> None:
    """What else the machine did: one round of three, then every round."""
    busy = {"window_s": 9.0, "cores": 2.0, "other_cores": 1.4}

    def during(records: list[Record], rounds: set[int]) -> list[Record]:
        return [
            r.model_copy(update={"contention": busy}) if r.round in rounds else r for r in records
        ]

    fast = both("INT8-W8A8", 600)
    found = outcome(tmp_path / "one", [*BASE, *during(fast, {2})])
    assert found.decided and found.winner == "INT8-W8A8"
    read = reading.read([tmp_path / "one"])
    notes = study.build(read).notes
    busily = "other processes used 1.4 of 2 cores"
    loads = "one user, 8 users and 32 users"
    assert f"round 2 of INT8-W8A8 does not count ({loads}): {busily}" in notes
    figure = study.build(read).candidates[1].figure("sequential", "output_tokens_per_s")
    assert figure is not None and len(figure.values) == 2
    found = outcome(tmp_path / "all", [*BASE, *during(fast, {1, 2, 3})])
    assert not found.decided and found.winner == "BASE"
    assert (
        "BASE and INT8-W8A8 cannot be compared: no round has both and was quiet" in found.sentence
    )
    assert found.to_decide == ["python pipeline.py --model_id tiny --rounds auto"]


def test_noise_that_hides_a_gain_is_undecided(tmp_path: Path) -> None:
    noisy = [*performance("INT8-W8A8", 400, 6 << 20, spread=0.3), *quality("INT8-W8A8")]
    command = {"command": ["pipeline.py", "--model_id", "tiny", "--rounds", "3", "--limit", "9"]}
    base = [*performance("BASE", 300, 10 << 20, **command), *quality("BASE")]
    found = outcome(tmp_path, [*base, *noisy])
    assert not found.decided and found.winner == "BASE"
    assert "INT8-W8A8 may be up to" in found.sentence
    again = ["python pipeline.py --model_id tiny --limit 9 --rounds auto"]
    assert found.to_decide in (again, ["python pipeline.py --model_id tiny --rounds auto"])


def test_without_a_base(tmp_path: Path) -> None:
    found = outcome(tmp_path, both("INT8-W8A8", 600))
    assert not found.decided and found.winner is None
    again = "python pipeline.py --model_id tiny --rounds auto"
    assert [c for c in found.to_decide if "pipeline.py" in c] == [again]
    alone = {"command": ["benchmark.py", "--model", "tiny-INT8-W8A8", "--repeats", "3"]}
    found = outcome(tmp_path / "alone", performance("INT8-W8A8", 600, 1, **alone))
    assert found.to_decide[0] == (
        "python pipeline.py --model_id tiny --schemes BASE,INT8-W8A8 --batch_sizes 8,32 "
        "--max_new_tokens 64 --max_model_len 1024 --rounds auto"
    )


def test_the_memory_budget_is_a_gate(tmp_path: Path) -> None:
    found = outcome(tmp_path, typical(), "latency", budget=9 << 20)
    assert found.winner == "INT8-W8A8" and "does not fit" in reason(found, "BASE")
    tight = outcome(tmp_path / "tight", typical(), "latency", budget=1 << 20)
    assert tight.decided and tight.winner is None and not tight.to_decide
    assert tight.sentence == "No scheme fits 1.00 MiB: the smallest, INT8-W8A8, needs 8.00 MiB."
    metric = outcome(tmp_path / "metric", typical(), "latency", budget=2_000_000)
    assert metric.sentence.startswith("No scheme fits 2 MB (1.91 MiB)")


def test_a_compressed_checkpoint_on_uncompressed_kernels_is_out(tmp_path: Path) -> None:
    served = {"kernels": {"qkv_proj": ["UnquantizedLinearMethod"]}, "names_kernels": True}
    wrong = [*performance("INT8-W8A8", 600, 1, served=served), *quality("INT8-W8A8")]
    found = outcome(tmp_path, [*BASE, *wrong])
    assert "without a compressed kernel" in reason(found, "INT8-W8A8")


def test_the_base_in_another_dtype_needs_no_compressed_kernel(tmp_path: Path) -> None:
    served = {"kernels": {"qkv_proj": ["UnquantizedLinearMethod"]}, "names_kernels": True}
    cast = [*performance("FP16", 600, 1, served=served), *quality("FP16")]
    dense = [
        r.model_copy(update={"subject": r.subject.model_copy(update={"format": "dense"})})
        for r in cast
    ]
    assert outcome(tmp_path, [*BASE, *dense]).winner == "FP16"


def test_the_same_checkpoint_twice_is_no_difference(tmp_path: Path) -> None:
    """INT8 with the base's figures stands for a second run of the base: nothing beats it."""
    for use_case in ("latency", "throughput"):
        found = outcome(tmp_path / use_case, [*BASE, *both("INT8-W8A8", 300)], use_case)
        assert found.winner == "BASE" and "indistinguishable from it" in found.sentence


def test_the_command_has_the_options_measured_with(tmp_path: Path) -> None:
    options = {
        **OPTIONS,
        "dtype": "float16",
        "tensor_parallel_size": 2,
        "enforce_eager": True,
        "gpu_memory_utilization": 0.8,
    }
    changes = {"options": options, "machine": {**MACHINE, "gpus": [GPU]}}
    found = outcome(tmp_path, performance("BASE", 300, 1, **changes), budget=12 << 30)
    assert found.command == (
        "vllm serve tiny --dtype float16 --max-model-len 1024 --tensor-parallel-size 2 "
        "--gpu-memory-utilization 0.5 --enforce-eager"
    )
