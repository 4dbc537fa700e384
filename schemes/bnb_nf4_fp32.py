"""BNB-NF4-FP32: the weights of BNB-NF4, multiplied in 32 bits where bitsandbytes does so."""

from core.scheme import BitsAndBytes, Method, Scheme
from schemes import _storage

SCHEME = Scheme(
    summary="bitsandbytes NF4 weights, double quantization, computed in FP32",
    weight_bits=4,
    activations=None,
    methods=(Method.RTN,),
    calibration=False,
    storage=_storage.bitsandbytes_4bit("nf4"),
    serving=_storage.BITSANDBYTES_SERVING,
    recipe=BitsAndBytes("nf4", compute_dtype="float32"),
)
