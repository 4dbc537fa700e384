"""INT8-W8A8: 8-bit integer weights and activations, SmoothQuant 0.8 then GPTQ."""

from functools import partial

from core.scheme import Activations, Method, Scheme
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="INT8 weights and activations with SmoothQuant",
    weight_bits=8,
    activations=Activations(bits=8, kind="int"),
    methods=(Method.SMOOTHQUANT, Method.GPTQ),
    calibration=True,
    storage=_storage.INT8_CHANNEL,
    serving=_storage.INT8_SERVING,
    recipe=partial(_llmcompressor.smoothquant_gptq, "W8A8"),
    folds_scales=True,
)
