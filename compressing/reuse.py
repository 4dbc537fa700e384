"""Which checkpoints of a model exist already, and whether they may stand for a scheme as they are.

Making them anew takes hours, so what is there is reused; what was made from other weights never is.
"""

from pathlib import Path
from typing import Any

from checkpoints import checkpoint, models
from core.errors import UserError


def missing(model_id: str, schemes: list[str], output_dir: Path) -> list[str]:
    """Schemes whose checkpoint has to be made; the base always exists."""
    paths = {name: models.checkpoint_path(model_id, name, output_dir) for name in schemes}
    return [name for name, path in paths.items() if not path.exists()]


def made_otherwise(
    model_id: str, scheme: str, settings: dict[str, Any], output_dir: Path
) -> list[str]:
    """Names of the `settings` that a checkpoint which is there was made with other values of.

    Raises `UserError` when it is not whole, was not made by compress.py, or from other weights.
    """
    path = models.checkpoint_path(model_id, scheme, output_dir)
    again = (
        f"remove it, or run `python compress.py --compression_type {scheme} "
        f"--model_id {model_id} --force`"
    )
    if not (path / models.MANIFEST).is_file():
        raise UserError(f"{path} is there but was not made by compress.py: {again}")
    checkpoint.read(path)
    manifest = checkpoint.read_json(path / models.MANIFEST)
    base = checkpoint.read(models.folder(model_id)).fingerprint
    if manifest.get("base", {}).get("fingerprint") != base:
        raise UserError(f"{path} was made from other weights than {model_id} has now: {again}")
    made_with = manifest.get("settings") or {}
    return [key for key in made_with if made_with[key] != _plain(settings.get(key))]


def _plain(value: Any) -> Any:
    """As it comes back from JSON, which has no tuples."""
    return list(value) if isinstance(value, tuple) else value
