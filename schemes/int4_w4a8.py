"""INT4-W4A8: 4-bit integer weights, 8-bit integer activations, GPTQ."""

from functools import partial

from core.scheme import Activations, Method, Scheme, Serving
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="INT4 weights, INT8 activations",
    weight_bits=4,
    activations=Activations(bits=8, kind="int"),
    methods=(Method.GPTQ,),
    calibration=True,
    storage=_storage.INT4_GROUP,
    # CompressedTensorsWNA8Int of vLLM 0.32 takes the kernels of weight-only INT4; 0.26 on 9.0 takes
    # the scheme of INT4-W4AFP8, whose activations are FP8.
    serving=Serving(
        native=None, fallback=(7, 5), fallback_how="16-bit activations (Machete, Marlin)", cpu="no"
    ),
    recipe=partial(_llmcompressor.gptq, "W4A8"),
    save_options=_llmcompressor.PACKED,
)
