"""MXFP4: OCP microscaling 4-bit floating point, weights and activations, one scale per 32."""

from functools import partial

from core.scheme import Activations, Method, Scheme, Serving, Storage
from schemes import _llmcompressor

SCHEME = Scheme(
    summary="MXFP4 weights and activations",
    weight_bits=4,
    activations=Activations(bits=4, kind="float"),
    methods=(Method.RTN,),
    calibration=False,
    storage=Storage(format="mxfp4-pack-quantized", weight_bits=4, group=32, scale_bits=8),
    serving=Serving(native=(10, 0), fallback=(8, 0), cpu="no"),
    recipe=partial(_llmcompressor.rtn, "MXFP4"),
)
