"""The registry: the names users type, and that its data agree with each other."""

import pytest

from core import plugins
from core.scheme import Scheme, Serving

SIX = {
    "FP8-W8A8": (8, 8, "RTN", False),
    "INT8-W8A16": (8, 16, "GPTQ", True),
    "INT8-W8A8": (8, 8, "SmoothQuant + GPTQ", True),
    "INT8-W8A16-RTN": (8, 16, "RTN", False),
    "INT4-W4A16": (4, 16, "GPTQ", True),
    "INT4-W4A16-AWQ": (4, 16, "AWQ", True),
}


@pytest.mark.parametrize("name", SIX)
def test_the_six_classic_schemes(name: str) -> None:
    scheme: Scheme = plugins.load("schemes", name)
    found = (scheme.weight_bits, scheme.activation_bits, scheme.method, scheme.calibration)
    assert found == SIX[name]
    assert scheme.ignore == ("lm_head",)


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("BASE", 16.0),
        ("FP8-W8A8", 8.00),
        ("INT8-W8A16", 8.13),
        ("INT4-W4A16", 4.13),
        ("INT4-W4A16-AWQ", 4.16),
        ("NVFP4", 4.50),
        ("MXFP4", 4.25),
        ("MXFP8", 8.25),
    ],
)
def test_bits_per_weight(name: str, bits: float) -> None:
    assert plugins.load("schemes", name).storage.bits_per_weight() == pytest.approx(bits, abs=0.01)


@pytest.mark.parametrize(
    ("serving", "capability", "kind"),
    [
        (Serving(native=(8, 9), fallback=(7, 5)), (9, 0), "native"),
        (Serving(native=(8, 9), fallback=(7, 5)), (8, 9), "native"),
        (Serving(native=(8, 9), fallback=(7, 5)), (8, 0), "fallback"),
        (Serving(native=(8, 9), fallback=(7, 5)), (7, 0), "none"),
        (Serving(native=(7, 5)), (7, 0), "none"),
        (Serving(native=(7, 5), below=(10, 0)), (9, 0), "native"),
        (Serving(native=(7, 5), below=(10, 0)), (10, 0), "none"),
        (Serving(native=None, fallback=(7, 5)), (9, 0), "fallback"),
        (Serving(only=(9, 0)), (9, 0), "native"),
        (Serving(only=(9, 0)), (10, 0), "none"),
    ],
)
def test_serving_on_gpu(serving: Serving, capability: tuple[int, int], kind: str) -> None:
    verdict = serving.on_gpu(capability)
    assert verdict.kind == kind
    assert verdict.reason


def test_fp8_below_8_9_names_the_fallback() -> None:
    verdict = plugins.load("schemes", "FP8-W8A8").verdict((8, 0), frozenset())
    assert verdict.kind == "fallback"
    assert "weight-only (Marlin)" in verdict.reason


@pytest.mark.parametrize(
    ("cpu", "flags", "kind"),
    [
        ("yes", {}, "native"),
        ("no", {}, "none"),
        ("amx", {}, "none"),
        ("amx", {"amx_tile"}, "native"),
    ],
)
def test_serving_on_cpu(cpu: str, flags: set[str], kind: str) -> None:
    assert Serving(cpu=cpu).on_cpu(frozenset(flags)).kind == kind  # type: ignore[arg-type]
