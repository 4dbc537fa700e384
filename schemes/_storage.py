"""The layouts that several schemes share, as compressed-tensors 0.19 and bitsandbytes 0.50 write
them.
"""

from core.scheme import Serving, Storage

DENSE = Storage(format="dense", weight_bits=16)
FP8_CHANNEL = Storage(format="float-quantized", weight_bits=8)
INT8_CHANNEL = Storage(format="int-quantized", weight_bits=8)
INT8_GROUP = Storage(format="pack-quantized", weight_bits=8, group=128, fixed_bits=128)
INT4_GROUP = Storage(format="pack-quantized", weight_bits=4, group=128, fixed_bits=128)

FP8_SERVING = Serving(native=(8, 9), fallback=(7, 5), cpu="yes")
# vLLM 0.32's CPU build lacks the operator for static activation scales (static_scaled_fp8_quant).
FP8_STATIC_SERVING = Serving(native=(8, 9), fallback=(7, 5), cpu="no")
# vLLM has no INT8 matrix kernel from Blackwell (10.0) on.
INT8_SERVING = Serving(native=(7, 5), below=(10, 0), cpu="yes")
INT4_SERVING = Serving(native=(7, 5), cpu="AVX-512")
INT8_WEIGHT_ONLY_SERVING = Serving(native=(7, 5), cpu="no")
# vLLM has had no bitsandbytes of its own since 0.28; up to 0.27 it had, for GPUs from 7.0 on.
BITSANDBYTES_SERVING = Serving(native=(7, 5), package="vllm-bnb-plugin", cpu="no")


def bitsandbytes_4bit(quant_type: str) -> Storage:
    """Blocks of 64 weights share a scale, 256 scales one of their own.

    A layer has the 16 levels of its weights beside them, and its shape in 80 letters of text.
    """
    return Storage(
        format=f"bitsandbytes-{quant_type}",
        weight_bits=4,
        group=64,
        scale_bits=32,
        nested=256,
        fixed_bits=16 * 32 + 80 * 8,
    )
