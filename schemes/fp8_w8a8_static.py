"""FP8-W8A8-STATIC: FP8 with one calibrated activation scale per layer."""

from functools import partial

from core.scheme import Activations, Method, Scheme, Storage
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="FP8 weights and activations, calibrated per-tensor scales",
    weight_bits=8,
    activations=Activations(bits=8, kind="float", static=True),
    methods=(Method.RTN,),
    calibration=True,
    storage=Storage(format="float-quantized", weight_bits=8, group="tensor", fixed_bits=16),
    serving=_storage.FP8_STATIC_SERVING,
    recipe=partial(_llmcompressor.rtn, "FP8"),
)
