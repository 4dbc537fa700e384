"""The registry: the names users type, and that its data agree with each other."""

import pytest

from core import plugins
from core.scheme import Method, Serving

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
    scheme = plugins.load("schemes", name)
    facts = (scheme.weight_bits, scheme.activation_bits, scheme.method, scheme.calibration)
    assert facts == SIX[name]
    assert scheme.ignore == ("lm_head",)


@pytest.mark.parametrize(
    ("name", "activations"),
    [
        ("BASE", None),
        ("FP32", None),
        ("BNB-NF4", None),
        ("BNB-INT8", (8, "int", False)),
        ("INT8-W8A16", None),
        ("NVFP4A16", None),
        ("INT8-W8A8", (8, "int", False)),
        ("INT4-W4A8", (8, "int", False)),
        ("INT4-W4AFP8", (8, "float", False)),
        ("FP8-W8A8-STATIC", (8, "float", True)),
        ("NVFP4", (4, "float", False)),
    ],
)
def test_activations(name: str, activations: tuple[int, str, bool] | None) -> None:
    known = plugins.load("schemes", name).activations
    assert (known and (known.bits, known.kind, known.static)) == activations


def test_a_scheme_needs_text_for_its_methods_or_its_stored_scales() -> None:
    for name in plugins.names("schemes"):
        scheme = plugins.load("schemes", name)
        learns = set(scheme.methods) - {Method.RTN, Method.LLM_INT8, Method.CAST}
        stored = scheme.activations is not None and scheme.activations.static
        if learns or stored or scheme.kv_cache_bits:
            assert scheme.calibration, name
        assert bool(scheme.methods) == (scheme.recipe is not None), name
        assert scheme.folds_scales == bool(learns & {Method.SMOOTHQUANT, Method.AWQ}), name


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
        ("BNB-NF4", 4.127),
        ("BNB-FP4", 4.127),
        ("BNB-INT8", 8.008),
        ("FP32", 32.0),
        ("FP16", 16.0),
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


def test_bitsandbytes_is_served_by_vllm_with_its_plugin_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheme = plugins.load("schemes", "BNB-NF4")
    assert scheme.verdict(None, frozenset()).kind == "none"
    verdict = scheme.verdict((9, 0), frozenset())
    assert verdict.kind == "none" and "needs the package vllm-bnb-plugin" in verdict.reason
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "vllm_bnb_plugin")
    assert scheme.verdict((9, 0), frozenset()).kind == "native"


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("FP32", "float32"), ("FP16", "float16"), ("BF16", "bfloat16"), ("BASE", None),
     ("BNB-NF4", None)],
)  # fmt: skip
def test_a_cast_is_a_dtype_to_be_served_in(name: str, dtype: str | None) -> None:
    assert plugins.load("schemes", name).dtype == dtype


def test_fp8_below_8_9_names_the_fallback() -> None:
    verdict = plugins.load("schemes", "FP8-W8A8").verdict((8, 0), frozenset())
    assert verdict.kind == "fallback"
    assert "weight-only (Marlin)" in verdict.reason


@pytest.mark.parametrize(
    ("cpu", "flags", "kind"),
    [
        ("yes", {}, "native"),
        ("no", {}, "none"),
        ("AMX", {}, "none"),
        ("AMX", {"amx_tile"}, "native"),
        ("AVX-512", {"avx2"}, "none"),
        ("AVX-512", {"avx2", "avx512f"}, "native"),
    ],
)
def test_serving_on_cpu(cpu: str, flags: set[str], kind: str) -> None:
    assert Serving(cpu=cpu).on_cpu(frozenset(flags)).kind == kind  # type: ignore[arg-type]
