"""Every scheme this card can serve: compressed, served with CUDA graphs, right, gone afterwards."""

import re
from collections.abc import Callable

import pytest

from core import plugins
from tests.gpu import look
from tests.gpu.conftest import Served, native

pytestmark = pytest.mark.gpu
Serve = Callable[[str], Served]
AGREEMENT = {16: 0.97, 8: 0.85, 4: 0.6}  # by the narrower of weights and activations
LEFT_BEHIND_BYTES = 256 << 20  # other drivers' housekeeping moves less
SCHEMES = native()


def bits(scheme: str) -> int:
    data = plugins.load("schemes", scheme)
    return min(data.weight_bits, data.activation_bits)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_served_with_cuda_graphs(serve: Serve, scheme: str) -> None:
    found = serve(scheme)
    assert found.reason is None
    assert found.seen["served"]["arguments"]["enforce_eager"] is False
    assert "graph_capture_s" in found.seen["phases"], found.seen["phases"]
    assert "weights_s" in found.seen["phases"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_answers_are_the_reference_models(serve: Serve, scheme: str) -> None:
    found = serve(scheme)
    assert found.reason is None
    agreed = look.agreement(found.seen["prompts"], found.seen["answers"])
    assert agreed >= AGREEMENT[bits(scheme)], agreed


@pytest.mark.parametrize("scheme", SCHEMES)
def test_memory_is_back_at_idle(serve: Serve, scheme: str) -> None:
    found = serve(scheme)
    assert found.after_bytes - found.idle_bytes < LEFT_BEHIND_BYTES


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_kernels_that_are_told_ran(serve: Serve, scheme: str) -> None:
    found = serve(scheme)
    assert found.reason is None
    ran = found.seen["cuda_kernels"]
    if not ran:
        pytest.skip("the profiler sees no CUDA kernels here (CUPTI)")
    quantized = [name for name in ran if look.ONLY_QUANTIZED.search(name)]
    for kind in ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"):
        for told in found.seen["served"]["kernels"][kind]:
            pattern = look.expected(told)
            assert pattern is not None, f"{told} is not in look.CUDA_NAMES; these ran: {ran}"
            assert any(re.search(pattern, name, re.IGNORECASE) for name in ran), (told, ran)
    if scheme == "BASE":
        assert not quantized
