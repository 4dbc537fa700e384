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
    served = serve(scheme)
    assert served.reason is None
    assert served.seen["served"]["arguments"]["enforce_eager"] is False
    assert "graph_capture_s" in served.seen["phases"], served.seen["phases"]
    assert "weights_s" in served.seen["phases"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_answers_are_the_reference_models(serve: Serve, scheme: str) -> None:
    served = serve(scheme)
    assert served.reason is None
    agreed = look.agreement(served.seen["prompts"], served.seen["answers"])
    assert agreed >= AGREEMENT[bits(scheme)], agreed


@pytest.mark.parametrize("scheme", SCHEMES)
def test_memory_is_back_at_idle(serve: Serve, scheme: str) -> None:
    served = serve(scheme)
    assert served.after_bytes - served.idle_bytes < LEFT_BEHIND_BYTES


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_kernels_that_vllm_names_run(serve: Serve, scheme: str) -> None:
    served = serve(scheme)
    assert served.reason is None
    ran = served.seen["cuda_kernels"]
    if not ran:
        pytest.skip("the profiler sees no CUDA kernels here (CUPTI)")
    quantized = [name for name in ran if look.ONLY_QUANTIZED.search(name)]
    for kind in ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"):
        for kernel in served.seen["served"]["kernels"][kind]:
            pattern = look.expected(kernel)
            assert pattern is not None, f"{kernel} is not in look.CUDA_NAMES; these ran: {ran}"
            assert any(re.search(pattern, name, re.IGNORECASE) for name in ran), (kernel, ran)
    if scheme == "BASE":
        assert not quantized
