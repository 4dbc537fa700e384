"""What the schemes share: llmcompressor's modifiers, and one run of `oneshot` with them.

The functions named after methods build recipes and are bound to a number format in the scheme
files; `compress` loads a model, applies a recipe and saves the checkpoint.
"""

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from checkpoints import loading
from core.scheme import Scheme

# llmcompressor 0.14 stores 4-bit weights with quantized activations one byte each unless told so.
PACKED = {"quantization_format": "pack-quantized"}
KV_CACHE_FP8 = {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True}

TokenRows = list[list[int]]
Progress = Callable[[str, int, int], None]


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


def compress(
    scheme: Scheme,
    model: Path,
    output: Path,
    rows: TokenRows,
    ignore: list[str],
    smoothing: list[tuple[str, tuple[str, ...]]],
    seed: int,
    trust_remote_code: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Compress `model` by `scheme` into `output`; `rows` are calibration token ids.

    `smoothing` are the pairs of layers between which scales may move (`compressing.smoothing`).
    Returns `recipe` (as text) and `phases` (seconds of import, load, calibrate and save).
    """
    started = time.perf_counter()
    import torch
    from llmcompressor import oneshot
    from transformers import AutoTokenizer, set_seed

    imported = time.perf_counter()
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=trust_remote_code)
    base = loading.load(model, trust_remote_code)
    loaded = time.perf_counter()
    assert scheme.recipe is not None
    recipe = scheme.recipe(ignore)
    _map(recipe, smoothing)
    described = [_described(modifier) for modifier in recipe]
    _mend_pin_memory(torch.accelerator.is_available())
    _report_layers(progress, passes=len(recipe))
    oneshot(model=base, tokenizer=tokenizer, recipe=recipe, **_calibration(rows))
    calibrated = time.perf_counter()
    base.save_pretrained(output, save_compressed=True, **scheme.save_options)
    tokenizer.save_pretrained(output)
    loading.copy_processor(model, output)
    _declare_ignored(output / "config.json", ignore)
    saved = time.perf_counter()
    marks = [started, imported, loaded, calibrated, saved]
    phases = ("import_s", "load_s", "calibrate_s", "save_s")
    spent = {name: b - a for name, (a, b) in zip(phases, pairwise(marks), strict=True)}
    return {"recipe": described, "phases": spent}


def _declare_ignored(config: Path, ignore: list[str]) -> None:
    """Add to the config what was left out under another name in memory than on disk.

    transformers loads GPT-NeoX's `embed_out` as `lm_head`, and llmcompressor declares that name.
    """
    document = json.loads(config.read_text(encoding="utf-8"))
    declared = document.get("quantization_config", {}).setdefault("ignore", [])
    declared += [entry for entry in ignore if entry not in declared]
    config.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _map(recipe: list[Any], smoothing: list[tuple[str, tuple[str, ...]]]) -> None:
    """Give the modifiers that move scales the pairs between which they may."""
    from llmcompressor.modifiers.transform import AWQModifier, SmoothQuantModifier
    from llmcompressor.modifiers.transform.awq.mappings import AWQMapping
    from llmcompressor.modifiers.transform.smoothquant.utils import LayerMap

    def pattern(name: str) -> str:
        return rf"re:(?!.*(?:vision|visual|audio))(?:.*\.)?(?:layers|h)\.\d+\.(?:.*\.)?{name}$"

    pairs = [(pattern(a), [pattern(b) for b in others]) for a, others in smoothing]
    for modifier in recipe:
        if isinstance(modifier, AWQModifier):
            modifier.mappings = [AWQMapping(a, others) for a, others in pairs]
        elif isinstance(modifier, SmoothQuantModifier):
            modifier.mappings = [LayerMap(others, a) for a, others in pairs]


def _described(modifier: Any) -> dict[str, Any]:
    """A modifier as plain data: what differs from llmcompressor's defaults."""
    settings = modifier.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return {type(modifier).__name__: settings}


def _calibration(rows: TokenRows) -> dict[str, Any]:
    """`oneshot`'s calibration arguments: already tokenized, and in the order given.

    Left to itself it shuffles without a seed, and the same command gives other weights.
    """
    if not rows:
        return {}
    from datasets import Dataset

    data = Dataset.from_dict({"input_ids": rows, "attention_mask": [[1] * len(r) for r in rows]})
    longest = max(len(row) for row in rows)
    return {
        "dataset": data,
        "num_calibration_samples": len(rows),
        "max_seq_length": longest,
        "shuffle_calibration_samples": False,
    }


def _mend_pin_memory(accelerator: bool) -> None:
    """AWQ in llmcompressor 0.14 pins memory even where there is no accelerator, and fails."""
    if accelerator:
        return
    from llmcompressor.pipelines.cache import IntermediatesCache

    IntermediatesCache.pin_memory = lambda self, *args, **options: None


def _report_layers(progress: Progress, passes: int) -> None:
    """Replace the calibration loop's own bar, one per layer, by calls of `progress`.

    The loop names its bars "(3/7): Calibrating"; `progress` gets the step, how many are done and
    how many there are over all passes (one per modifier that needs text).
    """
    from llmcompressor.pipelines.sequential import pipeline

    state = {"pass": 0, "last": 0}

    def bar(batches: Any, total: int, desc: str) -> Any:
        place, _, step = desc.partition(": ")
        layer, layers = (int(n) for n in place.strip("()").split("/"))
        if layer < state["last"]:
            state["pass"] += 1
        state["last"] = layer
        done = (state["pass"] * layers + layer - 1) * 2 + (step == "Propagating")
        whole = max(passes, state["pass"] + 1) * layers * 2
        for number, batch in enumerate(batches):
            progress(f"{step} layer {layer}/{layers}", done * total + number, whole * total)
            yield batch

    pipeline.tqdm = bar
