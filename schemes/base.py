"""BASE: the model as it is, so that the uncompressed weights need no special case anywhere."""

from core.scheme import Scheme, Serving
from schemes import _storage

SCHEME = Scheme(
    summary="the uncompressed model",
    weight_bits=16,
    activations=None,
    methods=(),
    calibration=False,
    storage=_storage.DENSE,
    serving=Serving(native=(7, 5), cpu="yes"),
    recipe=None,
    ignore=(),
)
