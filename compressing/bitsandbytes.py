"""bitsandbytes through transformers: load a model quantized, save it as a checkpoint.

Weights are rounded while they are loaded, layer by layer, so that the whole model is never held
uncompressed. Where there is an NVIDIA GPU it is done there.
"""

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, loading
from checkpoints.headers import TORCH_FLOATS
from compressing import writing
from compressing.preflight import Plan
from compressing.settings import Settings
from core.cli import Tell
from core.errors import UserError
from core.scheme import BitsAndBytes, Scheme

NEEDS = ("bitsandbytes",)
PRELOADED = ("transformers",)  # bitsandbytes looks at the GPU, which no process may before its fork


def make(
    scheme: Scheme,
    plan: Plan,
    settings: Settings,
    source: Path,
    output: Path,
    rows: list[list[int]],
    progress: Tell,
) -> dict[str, Any]:
    """Quantize the model in `source` as planned into `output`; there are no `rows` to calibrate on.

    Returns `recipe` (transformers' config) and `phases` (seconds of import, load and save). Raises
    `UserError` where bitsandbytes has no build for this machine.
    """
    started = time.perf_counter()
    progress("importing bitsandbytes", 0, 0)
    device = _device()
    imported = time.perf_counter()
    progress("quantizing while the weights are loaded", 0, 0)
    config = _config(scheme, plan, settings, source)
    model = loading.load(
        source, settings.trust_remote_code, quantization_config=config, device_map={"": device}
    )
    writing.write_early(model, source, output, settings.trust_remote_code)
    loaded = time.perf_counter()
    progress("saving", 0, 0)
    writing.save(model, output)
    marks = [started, imported, loaded, time.perf_counter()]
    phases = ("import_s", "load_s", "save_s")
    spent = {name: b - a for name, (a, b) in zip(phases, pairwise(marks), strict=True)}
    return {"recipe": [{"BitsAndBytesConfig": config.to_diff_dict()}], "phases": spent}


def _device() -> str:
    """Where weights are quantized. Raises `UserError` where bitsandbytes cannot work there."""
    import torch
    from bitsandbytes import cextension

    device = "cuda" if torch.cuda.is_available() else "cpu"
    mock = getattr(cextension, "ErrorHandlerMockBNBNativeLibrary", ())
    if device == "cuda" and isinstance(cextension.lib, mock):
        raise UserError(
            f"bitsandbytes has no build for CUDA {torch.version.cuda}, which PyTorch has here: "
            "`python -m bitsandbytes` says what it looks for"
        )
    return device


def _config(scheme: Scheme, plan: Plan, settings: Settings, source: Path) -> Any:
    """transformers' `BitsAndBytesConfig`; by default it computes in the base's own dtype."""
    from transformers import BitsAndBytesConfig

    assert isinstance(scheme.recipe, BitsAndBytes)
    kept = {"llm_int8_skip_modules": plan.ignored}
    if scheme.recipe.quant_type == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, **kept)
    own = TORCH_FLOATS.get(checkpoint.read(source).dtype, "bfloat16")
    wanted = scheme.recipe.compute_dtype or settings.bnb_4bit_compute_dtype or own
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=scheme.recipe.quant_type,
        bnb_4bit_use_double_quant=scheme.storage.nested is not None,
        bnb_4bit_compute_dtype=wanted,
        **kept,
    )
