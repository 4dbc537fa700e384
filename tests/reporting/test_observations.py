"""Observations in words, generated from what was measured."""

from pathlib import Path

from reporting.contents import document
from reporting.deciding import observations
from reporting.formats import json as data
from tests.report_case import OPTIONS, figure, performance
from tests.reporting.conftest import made


def test_observations_come_from_the_data(tmp_path: Path) -> None:
    eager = {"options": {**OPTIONS, "enforce_eager": True}}
    slow = [
        *performance("BASE", 300, 10 << 20, **eager),
        *performance("INT4-W4A16", 250, 4 << 20, **eager),
        *performance(
            "FP8-W8A8",
            90,
            6 << 20,
            **eager,
            served={"kernels": {"qkv_proj": ["X/ChannelWiseTorchFP8ScaledMMLinearKernel"]}},
        ),
    ]
    said = " ".join(observations.observations(made(tmp_path, slow)))
    assert "CPUWNA16LinearKernel" in said and "weight-only: the 4-bit weights" in said
    assert "separate PyTorch operators" in said
    assert "too small for compression to pay" in said and "enforce_eager" in said
    assert "Peak memory hardly moves" in said
    fast = made(
        tmp_path / "fast",
        [*performance("BASE", 10, 16 << 30), *performance("INT4-W4A16", 20, 5 << 30)],
    )
    said = " ".join(observations.observations(fast))
    assert "slower" not in said and "too small" not in said


def test_the_speed_up_of_one_user_is_the_latency_the_decision_is_made_by(tmp_path: Path) -> None:
    """Throughput and latency of one user that contradict each other: the latency counts."""
    slow = [
        r.model_copy(
            update={"figures": {**r.figures, "e2e_latency_s": figure([0.4] * 3, "s", "lower")}}
        )
        if r.measure == "sequential"
        else r
        for r in performance("INT8-W8A8", 600, 1)
    ]
    built = document.build(made(tmp_path, [*performance("BASE", 300, 2), *slow]), "latency")
    assert built.outcomes[0].winner == "BASE" and built.outcomes[0].decided
    table = next(t for t in built.tables if t.key == "speed")
    assert [cell.text for cell in table.rows[1][:2]] == ["INT8-W8A8", "one user"]
    assert table.rows[1][2].text.startswith("0.53x")
    assert "speed-up: latency of one user, tokens/s of 8 users and 32 users" in table.notes[0]
    assert "INT8-W8A8 is slower than BASE with one user" in " ".join(built.observations)
    scheme = data.as_json(built)["schemes"]["INT8-W8A8"]
    assert scheme["speed_up"]["sequential"]["value"] < 1 < scheme["speed_up"]["batch 8"]["value"]
