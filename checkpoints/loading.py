"""Loading a base model in transformers, whichever of its automatic classes knows it."""

import shutil
from pathlib import Path
from typing import Any

# what a model of several parts needs besides its tokenizer; engines read it
PROCESSOR = ("preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json")


def load(folder: Path, trust_remote_code: bool) -> Any:
    """The model in its own dtype: a language model, or one of several parts that holds one."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    chosen: Any = AutoModelForCausalLM
    several = type(config) in AutoModelForImageTextToText._model_mapping
    if several and type(config) not in AutoModelForCausalLM._model_mapping:
        chosen = AutoModelForImageTextToText
    model = chosen.from_pretrained(folder, dtype="auto", trust_remote_code=trust_remote_code)
    _plain_linear(model)
    return model


def _plain_linear(model: Any) -> None:
    """Make Falcon's own kind of linear layer an ordinary one, which computes the same.

    compressed-tensors 0.19 finds layers by their parent classes but stores the very class only.
    """
    import torch

    for module in model.modules():
        if type(module).__name__ == "FalconLinear":
            module.__class__ = torch.nn.Linear


def copy_processor(model: Path, checkpoint: Path) -> None:
    """Copy how a model of several parts prepares images, where it says so."""
    for name in PROCESSOR:
        if (model / name).is_file():
            shutil.copyfile(model / name, checkpoint / name)
