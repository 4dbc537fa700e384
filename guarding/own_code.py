"""Models that bring Python code of their own, which runs only when it is asked for by name."""

from checkpoints.checkpoint import Checkpoint
from core.errors import UserError


def refuse(files: Checkpoint, trust_remote_code: bool) -> None:
    """Raise `UserError` for a model that transformers cannot load without running its code.

    Many name code (`auto_map`) that transformers no longer needs: those are let pass.
    """
    if trust_remote_code or not files.config.get("auto_map"):
        return
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    kind = files.config.get("model_type")
    if kind not in CONFIG_MAPPING_NAMES:
        raise UserError(
            f"{files.path} needs Python code of its own (auto_map; transformers knows no "
            f"{kind!r}): read it, then --trust_remote_code runs it"
        )
