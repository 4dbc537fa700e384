"""bitsandbytes' layers in transformers: what they multiply in, and what else they keep in memory.

What was asked for and what is done differ. On a processor with AVX512-BF16 weights of 4 bits are
packed anew when they are first used and multiplied in bfloat16, whatever the compute dtype;
LLM.int8() multiplies integers only where there is an instruction for it.
Source: `nn/modules.py`, `backends/cpu/ops.py` and `backends/default/ops.py` of bitsandbytes 0.50.2.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

INSTEAD = "multiplies as float32"


def computes(module: Any) -> str | None:
    """What a layer stores and multiplies in; None for one that is not bitsandbytes'."""
    state = getattr(module.weight, "quant_state", None)
    if state is not None:
        asked = _short(module.compute_dtype) if module.compute_dtype else "float32"
        done = "bfloat16" if _packs(module) else asked
        differs = f", not {asked}" if done != asked else ""
        return f"{state.quant_type} computes in {done}{differs}"
    if not hasattr(module, "state") or not hasattr(module.state, "threshold"):
        return None
    if not _multiplies_integers(module.weight.device.type):
        return f"int8 {INSTEAD}"
    return f"int8 computes in int8, columns beyond {module.state.threshold:g} uncompressed"


def explain(kernel: str) -> str | None:
    """What a layer does instead of computing in its own format."""
    if kernel.endswith(INSTEAD):
        return "multiplies its 8-bit numbers as float32, having no instruction for them"
    if ", not " in kernel:
        done, _, asked = kernel.rpartition(" computes in ")[2].partition(", not ")
        return f"multiplies in {done}, not in {asked} as the checkpoint asks,"
    return None


def settle(model: Any) -> None:
    """Have layers do what they leave to their first use, such as packing, while the model loads.

    Of LLM.int8() each product would warn that it rounds its inputs.
    """
    import logging

    import torch

    if any(computes(module) for module in model.modules() if isinstance(module, torch.nn.Linear)):
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
        with torch.inference_mode():
            model(input_ids=torch.zeros((1, 1), dtype=torch.long, device=model.device))


def tensors(model: "torch.nn.Module") -> list[Any]:
    """Scales and tables of all layers, which are neither parameters nor buffers."""
    found = []
    for module in model.modules():
        weight = getattr(module, "weight", None)
        state = getattr(weight, "quant_state", None)
        if state is not None:
            nested = getattr(state, "state2", None)
            parts = [state.absmax, state.code, getattr(state, "offset", None)]
            found += [*parts, *([nested.absmax, nested.code] if nested is not None else [])]
        found += [getattr(owner, "SCB", None) for owner in (weight, getattr(module, "state", None))]
    return [tensor for tensor in found if tensor is not None]


def _packs(module: Any) -> bool:
    return module.weight.device.type == "cpu" and bool(module.support_avx512bf16_for_cpu)


def _multiplies_integers(device: str) -> bool:
    import torch

    return device == "cuda" or torch.backends.cpu.get_cpu_capability() == "AVX512"


def _short(dtype: "torch.dtype") -> str:
    return str(dtype).removeprefix("torch.")
