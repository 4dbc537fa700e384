"""Casts every floating-point number of a model to one dtype, file by file.

No class of the model is needed: tensors keep their names and files, so any architecture can be
cast. One file of weights is in memory at a time.
"""

import json
import time
from pathlib import Path
from typing import Any

from checkpoints import checkpoint, loading
from compressing.preflight import Plan
from compressing.settings import Settings
from core.cli import Tell
from core.errors import UserError
from core.scheme import Scheme

NEEDS = ()
PRELOADED = ("safetensors.torch",)


def make(
    scheme: Scheme,
    plan: Plan,
    settings: Settings,
    source: Path,
    output: Path,
    rows: list[list[int]],
    progress: Tell,
) -> dict[str, Any]:
    """Cast the model in `source` to the scheme's dtype into `output`; no `rows` are needed.

    Returns `recipe` and `phases` (seconds of import and of everything else). Raises `UserError` for
    numbers that the dtype cannot hold.
    """
    started = time.perf_counter()
    import torch
    from safetensors.torch import save_file

    imported = time.perf_counter()
    assert scheme.dtype is not None
    base, dtype = checkpoint.read(source), getattr(torch, scheme.dtype)
    loading.copy_beside_weights(source, output, settings.trust_remote_code)
    _write_config(base.config, scheme.dtype, output)
    for number, file in enumerate(base.files):
        progress(f"file {number + 1} of {len(base.files)}", number, len(base.files))
        save_file(_cast(file, dtype), output / file.name, metadata={"format": "pt"})
    if base.index is not None:
        index = {"metadata": {"total_size": plan.predicted_bytes}, "weight_map": base.index}
        _write(output / "model.safetensors.index.json", index)
    phases = {"import_s": imported - started, "save_s": time.perf_counter() - imported}
    return {"recipe": [{"Cast": {"dtype": scheme.dtype}}], "phases": phases}


def _cast(file: Path, dtype: Any) -> dict[str, Any]:
    """All tensors of a file, those of floating-point numbers in `dtype`."""
    from safetensors import safe_open

    with safe_open(file, framework="pt") as tensors:
        return {name: cast(tensors.get_tensor(name), dtype, name) for name in tensors.keys()}  # noqa: SIM118


def cast(tensor: Any, dtype: Any, name: str) -> Any:
    """A tensor in `dtype`; whole numbers stay as they are. Raises `UserError` for an overflow."""
    if not tensor.is_floating_point():
        return tensor
    result = tensor.to(dtype)
    beyond = int((result.isinf() & ~tensor.isinf()).sum())
    if beyond:
        import torch

        most, kind = torch.finfo(dtype).max, str(dtype).removeprefix("torch.")
        raise UserError(
            f"{beyond:,} of {tensor.numel():,} numbers of {name} are beyond {most:g}, the largest "
            f"that {kind} can hold: take BF16"
        )
    return result


def _write_config(config: dict[str, Any], dtype: str, output: Path) -> None:
    """The base's config with another dtype, in its parts too."""
    key = "torch_dtype" if "torch_dtype" in config else "dtype"
    _write(output / "config.json", {**_dtypes(config, dtype), key: dtype})


def _dtypes(config: dict[str, Any], dtype: str) -> dict[str, Any]:
    changed = {}
    for key, value in config.items():
        part = isinstance(value, dict) and key.endswith("config")
        named = key in ("dtype", "torch_dtype") and isinstance(value, str)
        changed[key] = _dtypes(value, dtype) if part else dtype if named else value
    return changed


def _write(file: Path, document: dict[str, Any]) -> None:
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
