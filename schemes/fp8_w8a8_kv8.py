"""FP8-W8A8-KV8: FP8-W8A8 plus calibrated scales for an FP8 KV cache."""

from dataclasses import replace
from functools import partial

from core.scheme import Activations, Method, Scheme
from schemes import _llmcompressor, _storage

SCHEME = Scheme(
    summary="FP8 weights and activations, FP8 KV cache with calibrated scales",
    weight_bits=8,
    activations=Activations(bits=8, kind="float"),
    methods=(Method.RTN,),
    calibration=True,
    storage=_storage.FP8_CHANNEL,
    # on a CPU vLLM 0.32 keeps an FP8 KV cache with AVX-512 or AMX only
    serving=replace(_storage.FP8_SERVING, cpu="AVX-512"),
    recipe=partial(_llmcompressor.rtn, "FP8_DYNAMIC", kv_cache=True),
    kv_cache_bits=8,
)
