"""NVFP4: NVIDIA's 4-bit floating point, weights and activations, one FP8 scale per 16."""

from functools import partial

from core.scheme import Activations, Method, Scheme, Serving, Storage
from schemes import _llmcompressor

SCHEME = Scheme(
    summary="NVFP4 weights and activations",
    weight_bits=4,
    activations=Activations(bits=4, kind="float"),
    methods=(Method.RTN,),
    calibration=True,
    storage=Storage(
        format="nvfp4-pack-quantized", weight_bits=4, group=16, scale_bits=8, fixed_bits=64
    ),
    serving=Serving(native=(10, 0), fallback=(7, 5), cpu="no"),
    recipe=partial(_llmcompressor.rtn, "NVFP4"),
)
