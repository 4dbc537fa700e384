"""INT4-W4A8: 4-bit integer weights, 8-bit integer activations, GPTQ."""

from functools import partial

from core.scheme import Scheme, Serving
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="INT4 weights, INT8 activations",
    weight_bits=4,
    activation_bits=8,
    method="GPTQ",
    preset="W4A8",
    calibration=True,
    storage=_storage.INT4_GROUP,
    serving=Serving(
        native=None, fallback=(7, 5), fallback_how="16-bit activations (Humming)", cpu="no"
    ),
    recipe=partial(_llmcompressor.gptq, "W4A8"),
    save_options=_llmcompressor.PACKED,
)
