"""NVFP4A16: NVIDIA's 4-bit floating-point weights, 16-bit activations."""

from functools import partial

from core.scheme import Method, Scheme, Serving, Storage
from schemes import _llmcompressor

SCHEME = Scheme(
    summary="NVFP4 weights, 16-bit activations",
    weight_bits=4,
    activations=None,
    methods=(Method.RTN,),
    calibration=False,
    storage=Storage(
        format="nvfp4-pack-quantized", weight_bits=4, group=16, scale_bits=8, fixed_bits=32
    ),
    serving=Serving(native=(7, 5), cpu="no"),
    recipe=partial(_llmcompressor.rtn, "NVFP4A16"),
)
