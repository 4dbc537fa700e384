"""FP8-W8A8-BLOCK: FP8 with one weight scale per 128 x 128 block (DeepSeek-V3's layout)."""

from functools import partial

from core.scheme import Activations, Method, Scheme, Serving, Storage
from schemes import _llmcompressor

SCHEME = Scheme(
    summary="FP8 weights in 128x128 blocks, activations in groups of 128",
    weight_bits=8,
    activations=Activations(bits=8, kind="float"),
    methods=(Method.RTN,),
    calibration=False,
    storage=Storage(format="float-quantized", weight_bits=8, group=(128, 128)),
    # On 8.9 vLLM 0.32 puts Marlin before its Triton kernel; 0.26 computes in FP8 there.
    serving=Serving(native=(9, 0), fallback=(7, 5), cpu="AMX"),
    recipe=partial(_llmcompressor.rtn, "FP8_BLOCK"),
)
