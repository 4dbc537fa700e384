"""The table of one GPU's numbers: shares of the roofline, ratios, steps that go on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from checkpoints import checkpoint, models
from compressing.settings import Settings
from core.engine import Options
from core.errors import UserError
from core.records import Figure, Record, Subject
from scripts import gpu_results, gpu_table

ROOFLINE = {"copy_bytes_per_s": 1e12, "matrix_flops_per_s": {"bf16": 1e14, "fp8": 2e14}}
OF = gpu_table.Sizes(embedding_bytes=1_000_000_000, block_parameters=7_000_000_000)


def record(scheme: str, tokens_per_s: float, batch_size: int | None = None) -> Record:
    """16 GB of weights, 131,072 bytes of KV cache a token, 20 ms a step, 200 ms to first tokens."""
    speeds = [tokens_per_s * factor for factor in (0.99, 1.0, 1.01)]
    figures = {
        name: Figure(value=values[1], values=values, unit="", better="none")
        for name, values in {
            "output_tokens_per_s": speeds,
            "tpot_s": [0.02] * 3,
            "ttft_s": [0.2] * 3,
        }.items()
    }
    rows = [[1024, 128, 0.0, 0.1, 2.0], [1024, 128, 0.0, 0.4, 2.0]]
    return Record(
        run_id="r",
        kind="performance",
        measure="batch" if batch_size else "sequential",
        status="ok",
        engine="vllm",
        options={},
        machine={},
        command=[],
        started="",
        ended="",
        subject=Subject(
            model="m",
            scheme=scheme,
            path="m",
            fingerprint="",
            bytes=0,
            format="",
            revision=None,
            manifest={},
        ),
        served={
            "weights_bytes": 17_000_000_000,
            "kv_cache_bytes": 131_072_000,
            "kv_cache_tokens": 1000,
        },
        settings={"prompt_tokens": 1024, "max_new_tokens": 128, "batch_size": batch_size or 5},
        figures=figures,
        raw={
            "columns": [
                "prompt_tokens",
                "output_tokens",
                "sent_s",
                "first_token_s",
                "last_token_s",
            ],
            "repeats": [rows] * 3,
        },
    )


def test_decoding_reads_weights_and_cache_once_a_step() -> None:
    one, many = record("BASE", 50), record("BASE", 50, batch_size=32)
    read = 16e9 + (1024 + 64) * 131_072
    assert gpu_table.decode_share(one, OF, 1e12) == pytest.approx(read / 0.02 / 1e12)
    more = 16e9 + 32 * (1024 + 64) * 131_072
    assert gpu_table.decode_share(many, OF, 1e12) == pytest.approx(more / 0.02 / 1e12)


def test_prefill_multiplies_every_weight_once_a_token() -> None:
    rates = ROOFLINE["matrix_flops_per_s"]
    one, two = record("BASE", 50), record("BASE", 50, batch_size=2)
    assert gpu_table.prefill_share(one, OF, rates) == pytest.approx(14e9 * 1024 / 0.2 / 1e14)
    assert gpu_table.prefill_share(two, OF, rates) == pytest.approx(14e9 * 2048 / 0.4 / 1e14)
    fp8 = gpu_table.prefill_share(record("FP8-W8A8", 50), OF, rates)
    assert fp8 == pytest.approx(14e9 * 1024 / 0.2 / 2e14)
    assert gpu_table.prefill_share(record("INT8-W8A8", 50), OF, rates) is None


def test_ratios_stand_beside_the_published_ones() -> None:
    speeds = {"BASE": 100, "FP8-W8A8": 120, "INT4-W4A16-RTN": 80}
    records = [record(scheme, speed, 128) for scheme, speed in speeds.items()]
    base, fp8, int4 = (vars(line) for line in gpu_table.lines(records, OF, ROOFLINE))
    assert base["ratio"] is None
    assert fp8["ratio"] == pytest.approx(1.2) and fp8["separated"] and not gpu_table.differs(fp8)
    assert int4["published"] == 0.61 and gpu_table.differs(int4)
    (few,) = gpu_table.lines([record("INT4-W4A16-RTN", 80, 32)], OF, ROOFLINE)
    assert few.published is None


@pytest.mark.parametrize(
    ("scheme", "format_"),
    [
        ("BASE", "bf16"),
        ("INT4-W4A16-AWQ", "bf16"),
        ("FP8-W8A8-KV8", "fp8"),
        ("INT4-W4AFP8", "fp8"),
        ("INT8-W8A8-RTN", "int8"),
        ("NVFP4", None),
        ("INT4-W4A8", None),
    ],
)
def test_the_format_a_scheme_multiplies_in(scheme: str, format_: str | None) -> None:
    assert gpu_table.number_format(scheme) == format_


def test_a_folder_holds_one_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = gpu_results.Plan(
        model_id="demo",
        schemes=["BASE"],
        workloads=[(8, 8)],
        batch_sizes=[2],
        repeats=2,
        num_prompts=1,
        settings=Settings(),
        options=Options(),
    )
    gpu_results._same_plan(plan)
    gpu_results._same_plan(replace(plan, schemes=["BASE", "FP8-W8A8"]))
    with pytest.raises(UserError, match="choose another --out"):
        gpu_results._same_plan(replace(plan, workloads=[(8, 16)]))
    with pytest.raises(UserError, match="choose another --out"):
        gpu_results._same_plan(replace(plan, options=Options(enforce_eager=True)))


def test_sizes_of_the_demo_model() -> None:
    sizes = gpu_table.sizes(checkpoint.read(models.DEMO_PATH))
    assert sizes.embedding_bytes == 2048 * 256 * 2
    attention = 2 * 256 * 256 + 2 * 128 * 256
    assert sizes.block_parameters == 4 * (attention + 3 * 256 * 1024)


def test_workloads() -> None:
    assert gpu_results.parse_workloads("1024:128,128:1024") == [(1024, 128), (128, 1024)]
    for wrong in ("", "1024", "1:2:3", "0:5", "a:b"):
        with pytest.raises(UserError, match="in:out"):
            gpu_results.parse_workloads(wrong)


def test_steps_go_on_where_they_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran: list[str] = []

    def step(name: str, fails: bool = False) -> tuple:
        def work() -> dict:
            ran.append(name)
            if fails and ran.count(name) == 1:
                raise RuntimeError("the card fell off")
            return {}

        return name, work

    steps = [step("BASE"), step("FP8-W8A8", fails=True), step("INT4-W4A16")]
    assert gpu_results.run(steps, minutes=15) is False
    assert ran == ["BASE", "FP8-W8A8", "INT4-W4A16"]
    assert "fell off" in json.loads((tmp_path / "steps" / "FP8-W8A8.json").read_text())["error"]
    assert gpu_results.run(steps, minutes=15) is True
    assert ran[3:] == ["FP8-W8A8"]


def test_without_a_gpu_it_says_what_can_be_tried(process) -> None:
    done = process("scripts/gpu_results.py", "--out", "o", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2 and "--dry_run" in done.stderr
