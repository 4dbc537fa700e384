"""FP8-W8A8: 8-bit floating-point weights and activations, activation scales found per token."""

from functools import partial

from core.scheme import Activations, Method, Scheme
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="FP8 weights and activations, dynamic activation scales",
    weight_bits=8,
    activations=Activations(bits=8, kind="float"),
    methods=(Method.RTN,),
    calibration=False,
    storage=_storage.FP8_CHANNEL,
    serving=_storage.FP8_SERVING,
    recipe=partial(_llmcompressor.rtn, "FP8_DYNAMIC"),
)
