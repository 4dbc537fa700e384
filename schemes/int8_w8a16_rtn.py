"""INT8-W8A16-RTN: 8-bit integer weights, 16-bit activations, rounded to nearest."""

from functools import partial

from core.scheme import Method, Scheme
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="INT8 weights, 16-bit activations",
    weight_bits=8,
    activations=None,
    methods=(Method.RTN,),
    calibration=False,
    storage=_storage.INT8_GROUP,
    serving=_storage.INT8_WEIGHT_ONLY_SERVING,
    recipe=partial(_llmcompressor.rtn, "W8A16"),
)
