"""BNB-INT8: bitsandbytes' LLM.int8(): 8-bit weights and activations, outliers in 16 bits."""

from core.scheme import Activations, BitsAndBytes, Method, Scheme, Storage
from schemes import _storage

SCHEME = Scheme(
    summary="bitsandbytes INT8 weights and activations, columns of outliers in 16 bits",
    weight_bits=8,
    activations=Activations(bits=8, kind="int"),
    methods=(Method.LLM_INT8,),
    calibration=False,
    storage=Storage(format="bitsandbytes-int8", weight_bits=8, scale_bits=32, fixed_bits=8),
    serving=_storage.BITSANDBYTES_SERVING,
    recipe=BitsAndBytes("int8"),
)
