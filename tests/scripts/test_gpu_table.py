"""The table of one GPU's numbers: shares of the roofline, ratios next to published ones, text."""

import pytest

from checkpoints import checkpoint, models
from core.records import Figure, Record, Subject
from scripts import gpu_rows, gpu_table

ROOFLINE = {"copy_bytes_per_s": 1e12, "matrix_flops_per_s": {"bf16": 1e14, "fp8": 2e14}}
OF = gpu_table.Sizes(embedding_bytes=1_000_000_000, block_parameters=7_000_000_000)


def loads(scheme: str, tokens_per_s: float, batch_size: int | None = None) -> list[Record]:
    """Three rounds that vary by one per cent."""
    turn = len(scheme) % 3
    return [
        record(scheme, tokens_per_s * (1 + 0.01 * ((turn + n) % 3 - 1)), batch_size, n)
        for n in (1, 2, 3)
    ]


def record(
    scheme: str, tokens_per_s: float, batch_size: int | None = None, number: int = 1
) -> Record:
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
        round=number,
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
    records = [r for scheme, speed in speeds.items() for r in loads(scheme, speed, 128)]
    base, fp8, int4 = (vars(line) for line in gpu_table.lines(records, OF, ROOFLINE))
    assert base["ratio"] is None
    assert (
        fp8["ratio"] == pytest.approx(1.2, rel=1e-3)
        and fp8["separated"]
        and not gpu_rows.differs(fp8)
    )
    assert int4["published"] == 0.61 and gpu_rows.differs(int4)
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


def test_sizes_of_the_demo_model() -> None:
    sizes = gpu_table.sizes(checkpoint.read(models.DEMO_PATH))
    assert sizes.embedding_bytes == 2048 * 256 * 2
    attention = 2 * 256 * 256 + 2 * 128 * 256
    assert sizes.block_parameters == 4 * (attention + 3 * 256 * 1024)


def test_the_text_of_a_summary() -> None:
    records = [*loads("BASE", 100, 128), *loads("INT4-W4A16-RTN", 80, 128)]
    lines = [vars(line) for line in gpu_table.lines(records, OF, ROOFLINE)]
    summary = {
        "loads": {"BASE": {"load_s": 12.34, "weights_bytes": 16 << 30, "kv_cache_tokens": 1234}},
        "compressions": {"INT4-W4A16-RTN": {"wall_s": 9.0}},
        "lines": lines,
        "failed": [{"scheme": "FP8-W8A8", "measure": "batch", "reason": "no kernel"}],
        "marks": {"random_weights": {"note": "noise"}},
    }
    rows = list(gpu_rows.rows(summary))
    assert rows[2] == "| BASE | - | 12.3 | - | 16.00 | 1,234 | - |"
    assert rows[6].startswith("| BASE | 1024/128 | 128 | 100 | - | - | ")
    assert rows[7].startswith("| INT4-W4A16-RTN | 1024/128 | 128 | 80 | 0.80x | 0.61x * | ")
    assert rows[8:] == [
        "* more than 10% from the published ratio",
        "FP8-W8A8 batch: no kernel",
        "noise",
    ]
