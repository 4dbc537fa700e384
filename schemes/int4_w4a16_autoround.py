"""INT4-W4A16-AUTOROUND: 4-bit weights whose rounding is learnt (AutoRound, signed gradients)."""

from functools import partial

from core.scheme import Method, Scheme
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="INT4 weights, 16-bit activations, learnt rounding",
    weight_bits=4,
    activations=None,
    methods=(Method.AUTOROUND,),
    calibration=True,
    storage=_storage.INT4_GROUP,
    serving=_storage.INT4_SERVING,
    recipe=partial(_llmcompressor.autoround, "W4A16"),
)
