"""What the schemes share: recipes of llmcompressor's modifiers, by method.

The functions are bound to a number format in the scheme files; `compressing.oneshot` runs them. A
format is a preset of compressed-tensors by name, and what its weights have otherwise by keyword:
`partial(gptq, "W4A16", group_size=64)`.
"""

from typing import Any

# llmcompressor 0.14 stores 4-bit weights with quantized activations one byte each unless told so.
PACKED = {"quantization_format": "pack-quantized"}
KV_CACHE_FP8 = {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True}


def _format(preset: str, weights: dict[str, Any]) -> dict[str, Any]:
    """A modifier's arguments for a number format: compressed-tensors' preset of that name.

    `weights` are the `QuantizationArgs` of the weights that differ from the preset's.
    """
    if not weights:
        return {"targets": "Linear", "scheme": preset}
    from compressed_tensors.quantization import QuantizationArgs, preset_name_to_scheme

    scheme = preset_name_to_scheme(preset, ["Linear"])
    changed = QuantizationArgs(**{**scheme.weights.model_dump(), **weights})
    return {"config_groups": {"group_0": scheme.model_copy(update={"weights": changed})}}


def rtn(preset: str, ignore: list[str], kv_cache: bool = False, **weights: Any) -> list[Any]:
    """Round to nearest; optionally FP8 KV-cache scales."""
    from compressed_tensors.quantization import QuantizationArgs
    from llmcompressor.modifiers.quantization import QuantizationModifier

    options = {"kv_cache_scheme": QuantizationArgs(**KV_CACHE_FP8)} if kv_cache else {}
    return [QuantizationModifier(**_format(preset, weights), ignore=ignore, **options)]


def gptq(preset: str, ignore: list[str], **weights: Any) -> list[Any]:
    """GPTQ (Frantar et al. 2022, arXiv 2210.17323)."""
    from llmcompressor.modifiers.gptq import GPTQModifier

    return [GPTQModifier(**_format(preset, weights), ignore=ignore)]


def smoothquant_gptq(preset: str, ignore: list[str], **weights: Any) -> list[Any]:
    """SmoothQuant with strength 0.8 (Xiao et al. 2022, arXiv 2211.10438), then GPTQ."""
    from llmcompressor.modifiers.transform import SmoothQuantModifier

    return [SmoothQuantModifier(smoothing_strength=0.8), *gptq(preset, ignore, **weights)]


def awq(preset: str, ignore: list[str], **weights: Any) -> list[Any]:
    """AWQ (Lin et al. 2023, arXiv 2306.00978): scales searched on calibration text, then RTN."""
    from llmcompressor.modifiers.transform import AWQModifier

    return [AWQModifier(duo_scaling="both"), *rtn(preset, ignore, **weights)]


def autoround(preset: str, ignore: list[str], **weights: Any) -> list[Any]:
    """AutoRound (Cheng et al. 2023, arXiv 2309.05516), 200 iterations of signed gradient descent.

    Rounding is learnt eagerly without an accelerator: compiling there costs more than it saves.
    """
    import torch
    from llmcompressor.modifiers.autoround import AutoRoundModifier

    options = {"iters": 200, "enable_torch_compile": torch.accelerator.is_available()}
    return [AutoRoundModifier(**_format(preset, weights), ignore=ignore, **options)]
