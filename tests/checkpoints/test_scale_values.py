"""Scales and zero points by their bits, for every dtype scales have."""

import struct
from pathlib import Path

import pytest

from checkpoints import checkpoint, scale_values
from checkpoints.headers import Tensor
from tests import models

NAN, INFINITE, ZERO, DENORMAL = "NaN", "infinite", "zero", "denormal"


def two_bytes(*patterns: int) -> bytes:
    return struct.pack(f"<{len(patterns)}H", *patterns)


# dtype, bytes of the first values (those after them are ordinary), what is wrong with how many
VALUES = [
    ("BF16", two_bytes(0x3F80, 0x0080, 0x7F7F, 0xBF80), {}),  # 1, smallest normal, largest, -1
    ("BF16", two_bytes(0x7FC0, 0xFF81, 0x7F80), {NAN: 2, INFINITE: 1}),
    ("BF16", two_bytes(0x0000, 0x8000, 0x0001, 0x807F), {ZERO: 2, DENORMAL: 2}),
    ("F16", two_bytes(0x3C00, 0x0400, 0x7BFF), {}),
    ("F16", two_bytes(0x7C00, 0xFC00, 0x7C01, 0x0000, 0x03FF), {
        NAN: 1, INFINITE: 2, ZERO: 1, DENORMAL: 1}),
    ("F32", struct.pack("<4f", 1.0, float("inf"), float("nan"), 0.0), {
        NAN: 1, INFINITE: 1, ZERO: 1}),
    ("F32", struct.pack("<2I", 0x00000001, 0x00800000), {DENORMAL: 1}),
    ("F8_E4M3", bytes([0x7F, 0xFF, 0x00, 0x80, 0x01, 0x7E, 0x78]), {NAN: 2, ZERO: 2}),
    ("U8", bytes([0, 1, 254, 255, 255]), {NAN: 2}),  # powers of two
    ("I32", bytes(4), {}),  # no float at all
]  # fmt: skip


def write(folder: Path, dtype: str, first: bytes, count: int = 16) -> tuple:
    models.write_model(folder, {"a.weight_scale": (dtype, (count,))}, {"a.weight_scale": first})
    read = checkpoint.read(folder)
    return read, read.tensors[0]


@pytest.mark.parametrize(("dtype", "first", "wrong"), VALUES)
def test_what_is_wrong_with_scales(
    tmp_path: Path, dtype: str, first: bytes, wrong: dict[str, int]
) -> None:
    assert dict(scale_values.bad_scales(*write(tmp_path, dtype, first))) == wrong


@pytest.mark.parametrize(
    ("dtype", "block", "wrong"),
    [
        ("F64", struct.pack("<5d", 1.0, float("nan"), -float("inf"), 0.0, 5e-324), [1, 1, 1, 1]),
        ("F64", struct.pack("<2d", 2.3e-308, 1.7e308), [0, 0, 0, 0]),
        ("F8_E5M2", bytes([0x3C, 0x7C, 0xFC, 0x7D, 0x7F, 0x00, 0x01]), [2, 2, 1, 0]),
    ],
)
def test_dtypes_that_few_have(dtype: str, block: bytes, wrong: list[int]) -> None:
    counts = dict(scale_values._judge(dtype, block))
    assert [counts[what] for what in (NAN, INFINITE, ZERO, DENORMAL)] == wrong


def test_powers_of_two_are_named_in_two_ways() -> None:
    assert dict(scale_values._judge("F8_E8M0", bytes([0, 255]))) == {NAN: 1}


def test_counts_go_on_over_blocks(tmp_path: Path) -> None:
    """9 MiB in blocks of 4."""
    count = 9 << 20
    folder = tmp_path / "c"
    models.write_model(folder, {"a.weight_scale": ("U8", (count,))})
    with (folder / "model.safetensors").open("r+b") as file:
        for end in (1, count // 2, count):
            file.seek(-end, 2)
            file.write(b"\xff")
    read = checkpoint.read(folder)
    assert scale_values.bad_scales(read, read.tensors[0]) == [(NAN, 3)]


POINTS = bytes([0, 7, 8, 127, 0xF8, 0xF7, 0x80])  # 0, 7, 8, 127, -8, -9, -128


@pytest.mark.parametrize(
    ("dtype", "bits", "outside"),
    [("I8", 4, 4), ("I8", 5, 2), ("I8", 2, 6), ("I8", 7, 2), ("I8", 8, 0), ("U8", 4, 0)],
)
def test_zero_points_outside_their_bits(
    tmp_path: Path, dtype: str, bits: int, outside: int
) -> None:
    read, tensor = write(tmp_path, dtype, POINTS, len(POINTS))
    assert scale_values.zero_points_outside(read, tensor, bits) == outside


@pytest.mark.parametrize(
    ("suffix", "scale"), [("weight_scale", True), ("SCB", True), ("weight", False), ("bias", False)]
)
def test_which_tensors_are_scales(suffix: str, scale: bool) -> None:
    assert scale_values.is_scale(suffix) is scale


def test_an_empty_tensor_has_no_bad_scale(tmp_path: Path) -> None:
    read, _ = write(tmp_path, "BF16", b"")
    empty = Tensor("a", "BF16", (0,), 0, "model.safetensors")
    assert scale_values.bad_scales(read, empty) == []
