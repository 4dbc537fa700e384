"""INT4-W4AFP8: 4-bit integer weights, FP8 activations, GPTQ (Hopper only)."""

from functools import partial

from core.scheme import Activations, Method, Scheme, Serving
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="INT4 weights, FP8 activations",
    weight_bits=4,
    activations=Activations(bits=8, kind="float"),
    methods=(Method.GPTQ,),
    calibration=True,
    storage=_storage.INT4_GROUP,
    serving=Serving(only=(9, 0), cpu="no"),
    recipe=partial(_llmcompressor.gptq, "W4AFP8"),
    save_options=_llmcompressor.PACKED,
)
