"""INT4-W4A16: 4-bit integer weights in groups of 128, 16-bit activations, GPTQ."""

from functools import partial

from core.scheme import Method, Scheme
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="INT4 weights, 16-bit activations",
    weight_bits=4,
    activations=None,
    methods=(Method.GPTQ,),
    calibration=True,
    storage=_storage.INT4_GROUP,
    serving=_storage.INT4_SERVING,
    recipe=partial(_llmcompressor.gptq, "W4A16"),
)
