"""INT4-W4A16-AWQ: 4-bit asymmetric weights in groups of 128, activation-aware scaling."""

from functools import partial

from core.scheme import Method, Scheme, Storage
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="INT4 asymmetric weights, 16-bit activations",
    weight_bits=4,
    activations=None,
    methods=(Method.AWQ,),
    calibration=True,
    storage=Storage(
        format="pack-quantized", weight_bits=4, group=128, zero_point_bits=4, fixed_bits=128
    ),
    serving=_storage.INT4_SERVING,
    recipe=partial(_llmcompressor.awq, "W4A16_ASYM"),
    folds_scales=True,
)
