"""Models that bring Python code of their own, which runs only when it is asked for by name."""

from checkpoints.checkpoint import Checkpoint
from core.errors import UserError


def refuse(files: Checkpoint, trust_remote_code: bool) -> None:
    """Raise `UserError` for a model that transformers cannot load without running its code.

    Many name code (`auto_map`) that transformers no longer needs: those are let pass.
    """
    if trust_remote_code or not files.config.get("auto_map"):
        return
    if not _known(files):
        raise UserError(
            f"{files.path} needs Python code of its own (auto_map; transformers knows no "
            f"{files.config['model_type']!r}): read it, then --trust_remote_code runs it"
        )


def refuse_unknown(files: Checkpoint, trust_remote_code: bool) -> None:
    """Raise `UserError` for any model that transformers cannot load. Imports it, which takes long.

    What `refuse` lets pass because there is no code of its own is refused here.
    """
    refuse(files, trust_remote_code)
    if not files.config.get("auto_map") and not _known(files):
        kind = files.config["model_type"]
        raise UserError(f"{files.path}: the installed transformers knows no model of type {kind!r}")


def _known(files: Checkpoint) -> bool:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return files.config["model_type"] in CONFIG_MAPPING_NAMES
