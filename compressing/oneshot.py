"""One run of llmcompressor: load a model, apply a scheme's recipe, save the checkpoint."""

import json
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checkpoints import loading
from compressing import writing
from compressing.preflight import Plan
from compressing.settings import Settings
from core.cli import Tell
from core.scheme import Scheme

if TYPE_CHECKING:
    from llmcompressor.modifiers import Modifier

TokenRows = list[list[int]]
NEEDS = ("llmcompressor",)
PRELOADED = ("transformers", "llmcompressor", "datasets")


def make(
    scheme: Scheme,
    plan: Plan,
    settings: Settings,
    source: Path,
    output: Path,
    rows: TokenRows,
    progress: Tell,
) -> dict[str, Any]:
    """Compress the model in `source` as planned into `output`; `rows` are calibration token ids.

    Returns `recipe` (as text) and `phases` (seconds of import, load, calibrate and save). Whatever
    can be written before the calibration is: hours of it must not end in a file that cannot be.
    """
    started = time.perf_counter()
    progress("importing llmcompressor", 0, 0)
    import torch
    from llmcompressor import oneshot
    from transformers import set_seed

    imported = time.perf_counter()
    set_seed(settings.seed)
    progress("loading the weights", 0, 0)
    model = loading.load(source, settings.trust_remote_code)
    tokenizer = writing.write_early(model, source, output, settings.trust_remote_code)
    _mend_saving()
    loaded = time.perf_counter()
    assert callable(scheme.recipe)
    recipe = scheme.recipe(plan.ignored)
    _map(recipe, plan.smoothing)
    described = [_described(modifier) for modifier in recipe]
    _mend_pin_memory(torch.accelerator.is_available())
    progress("quantizing", 0, 0)
    _report_layers(progress, passes=len(recipe))
    oneshot(model=model, tokenizer=tokenizer, recipe=recipe, **_calibration(rows))
    calibrated = time.perf_counter()
    progress("saving", 0, 0)
    writing.save(model, output, save_compressed=True, **scheme.save_options)
    _declare_ignored(output / "config.json", plan.ignored)
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


def _map(recipe: list["Modifier"], smoothing: list[tuple[str, tuple[str, ...]]]) -> None:
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


def _described(modifier: "Modifier") -> dict[str, Any]:
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


def _mend_saving() -> None:
    """Keep llmcompressor from taking more over from the base, once all the work is done.

    It merges the base's recipe.yaml into its own, and fails where that is broken; and it copies
    Python files, which `writing` does where the base's code is trusted.
    """
    from llmcompressor.transformers.compression import compressed_tensors_utils

    compressed_tensors_utils.infer_recipe_from_model_path = lambda path: None
    compressed_tensors_utils.copy_python_files_from_model_cache = lambda model, path: None


def _report_layers(progress: Tell, passes: int) -> None:
    """Replace the calibration loop's own bar, one per layer, by calls of `progress`.

    The loop names its bars "(3/7): Calibrating"; `progress` gets the step, how many are done and
    how many there are over all passes (one per modifier that needs text).
    """
    from llmcompressor.pipelines.sequential import pipeline

    state = {"pass": 0, "last": 0}

    def bar(batches: Iterable[Any], total: int, desc: str) -> Iterator[Any]:
        place, _, step = desc.partition(": ")
        layer, layers = (int(n) for n in place.strip("()").split("/"))
        if layer < state["last"]:
            state["pass"] += 1
        state["last"] = layer
        done = (state["pass"] * layers + layer - 1) * 2 + (step == "Propagating")
        whole = max(passes, state["pass"] + 1) * layers * 2
        several = f"pass {state['pass'] + 1} of {passes}, " if passes > 1 else ""
        for number, batch in enumerate(batches):
            progress(f"{several}layer {layer} of {layers}", done * total + number, whole * total)
            yield batch

    pipeline.tqdm = bar
