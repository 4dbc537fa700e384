"""FP32: the base's weights as 32-bit floating-point numbers, and served so."""

from dataclasses import replace

from core.scheme import Cast, Method, Scheme, Serving
from schemes import _storage

SCHEME = Scheme(
    summary="the weights cast to float32, served in it",
    weight_bits=32,
    activations=None,
    methods=(Method.CAST,),
    calibration=False,
    storage=replace(_storage.DENSE, weight_bits=32),
    serving=Serving(native=(7, 5), cpu="yes"),
    recipe=Cast("float32"),
    ignore=(),
)
