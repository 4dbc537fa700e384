"""BF16: the base's weights as 16-bit floating-point (bfloat16) numbers, and served so."""

from core.scheme import Cast, Method, Scheme, Serving
from schemes import _storage

SCHEME = Scheme(
    summary="the weights cast to bfloat16, served in it",
    weight_bits=16,
    activations=None,
    methods=(Method.CAST,),
    calibration=False,
    storage=_storage.DENSE,
    serving=Serving(native=(8, 0), cpu="yes"),
    recipe=Cast("bfloat16"),
    ignore=(),
)
