"""BNB-FP4: bitsandbytes' 4-bit floating-point weights in blocks of 64, scales quantized too."""

from core.scheme import BitsAndBytes, Method, Scheme
from schemes import _storage

SCHEME = Scheme(
    summary="bitsandbytes FP4 weights, double quantization, 16-bit activations",
    weight_bits=4,
    activations=None,
    methods=(Method.RTN,),
    calibration=False,
    storage=_storage.bitsandbytes_4bit("fp4"),
    serving=_storage.BITSANDBYTES_SERVING,
    recipe=BitsAndBytes("fp4"),
)
