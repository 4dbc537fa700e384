"""MXFP8: OCP microscaling 8-bit floating point, weights and activations, one scale per 32."""

from functools import partial

from core.scheme import Activations, Method, Scheme, Serving, Storage
from schemes import _llmcompressor

SCHEME = Scheme(
    summary="MXFP8 weights and activations",
    weight_bits=8,
    activations=Activations(bits=8, kind="float"),
    methods=(Method.RTN,),
    calibration=False,
    storage=Storage(format="mxfp8-quantized", weight_bits=8, group=32, scale_bits=8),
    serving=Serving(native=(10, 0), fallback=(7, 5), cpu="no"),
    recipe=partial(_llmcompressor.rtn, "MXFP8"),
)
