"""What the schemes share: recipes of llmcompressor's modifiers, by method.

The functions are bound to a number format in the scheme files; `compressing.oneshot` runs them.
"""

from typing import Any

# llmcompressor 0.14 stores 4-bit weights with quantized activations one byte each unless told so.
PACKED = {"quantization_format": "pack-quantized"}
KV_CACHE_FP8 = {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True}


def rtn(preset: str, ignore: list[str], kv_cache: bool = False) -> list[Any]:
    """Round to nearest in the number format `preset`; optionally FP8 KV-cache scales."""
    from compressed_tensors.quantization import QuantizationArgs
    from llmcompressor.modifiers.quantization import QuantizationModifier

    scheme = QuantizationArgs(**KV_CACHE_FP8) if kv_cache else None
    options = {"kv_cache_scheme": scheme} if scheme else {}
    return [QuantizationModifier(targets="Linear", scheme=preset, ignore=ignore, **options)]


def gptq(preset: str, ignore: list[str]) -> list[Any]:
    """GPTQ (Frantar et al. 2022, arXiv 2210.17323)."""
    from llmcompressor.modifiers.gptq import GPTQModifier

    return [GPTQModifier(targets="Linear", scheme=preset, ignore=ignore)]


def smoothquant_gptq(preset: str, ignore: list[str]) -> list[Any]:
    """SmoothQuant with strength 0.8 (Xiao et al. 2022, arXiv 2211.10438), then GPTQ."""
    from llmcompressor.modifiers.transform import SmoothQuantModifier

    return [SmoothQuantModifier(smoothing_strength=0.8), *gptq(preset, ignore)]


def awq(preset: str, ignore: list[str]) -> list[Any]:
    """AWQ (Lin et al. 2023, arXiv 2306.00978): scales searched on calibration text, then RTN."""
    from llmcompressor.modifiers.transform import AWQModifier

    return [AWQModifier(duo_scaling="both"), *rtn(preset, ignore)]


def autoround(preset: str, ignore: list[str]) -> list[Any]:
    """AutoRound (Cheng et al. 2023, arXiv 2309.05516), 200 iterations of signed gradient descent.

    Rounding is learnt eagerly without an accelerator: compiling there costs more than it saves.
    """
    import torch
    from llmcompressor.modifiers.autoround import AutoRoundModifier

    compile_ = torch.accelerator.is_available()
    options = {"iters": 200, "enable_torch_compile": compile_}
    return [AutoRoundModifier(targets="Linear", scheme=preset, ignore=ignore, **options)]
