"""What a checkpoint made by transformers has beside its weights, written before hours of work."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from checkpoints import loading
from core.errors import UserError, first_line


def write_early(model: Any, source: Path, output: Path, trust: bool) -> Any:
    """Write whatever needs no calibration; returns the tokenizer, loaded from what was written.

    Raises `UserError` for a config that cannot be written and a tokenizer that is not whole.
    """
    from transformers import AutoTokenizer

    loading.copy_beside_weights(source, output, trust)
    try:
        model.config.save_pretrained(output)
        _write_generation(model, output)
        return AutoTokenizer.from_pretrained(output, trust_remote_code=trust)
    except Exception as problem:  # the libraries' errors share no other base
        if isinstance(problem, OSError) and problem.errno is not None:
            raise  # of the system, such as a full disk
        raise UserError(
            f"config or tokenizer of {source} cannot be written as the checkpoint's "
            f"({type(problem).__name__}: {first_line(problem)})"
        ) from problem


def _write_generation(model: Any, output: Path) -> None:
    """Write sampling defaults that a config had in itself, where the base has no file of them."""
    if (output / "generation_config.json").exists() or not model.can_generate():
        return
    with suppress(ValueError):  # transformers refuses some that models were published with
        model.generation_config.save_pretrained(output)


def save(model: Any, output: Path, **options: Any) -> None:
    """Write the weights; `options` are `save_pretrained`'s."""
    model.can_generate = lambda: False  # else its generation config is checked, and written
    model.save_pretrained(output, **options)
