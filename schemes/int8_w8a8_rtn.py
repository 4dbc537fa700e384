"""INT8-W8A8-RTN: 8-bit integer weights and activations, rounded to nearest."""

from functools import partial

from core.scheme import Activations, Method, Scheme
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="INT8 weights and activations, no SmoothQuant",
    weight_bits=8,
    activations=Activations(bits=8, kind="int"),
    methods=(Method.RTN,),
    calibration=False,
    storage=_storage.INT8_CHANNEL,
    serving=_storage.INT8_SERVING,
    recipe=partial(_llmcompressor.rtn, "W8A8"),
)
