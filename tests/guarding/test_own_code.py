"""A model's own Python code: refused before work where nothing loads without it."""

from pathlib import Path

import pytest

from checkpoints import checkpoint
from core.errors import UserError
from guarding import own_code
from tests import models

AUTO_MAP = {"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}


def test_only_what_transformers_does_not_know_is_refused(tmp_path: Path) -> None:
    known = checkpoint.read(models.write_model(tmp_path / "known", auto_map=AUTO_MAP))
    own_code.refuse(known, trust_remote_code=False)
    config = {"auto_map": AUTO_MAP, "model_type": "their_own"}
    unknown = checkpoint.read(models.write_model(tmp_path / "unknown", **config))
    own_code.refuse(unknown, trust_remote_code=True)
    with pytest.raises(UserError, match=r"needs Python code of its own .* knows no 'their_own'"):
        own_code.refuse(unknown, trust_remote_code=False)


def test_what_transformers_does_not_know_at_all_is_refused_too(tmp_path: Path) -> None:
    unknown = checkpoint.read(models.write_model(tmp_path / "unknown", model_type="their_own"))
    own_code.refuse(unknown, trust_remote_code=False)  # an engine may know it
    with pytest.raises(UserError, match="knows no model of type 'their_own'"):
        own_code.refuse_unknown(unknown, trust_remote_code=False)
    own_code.refuse_unknown(checkpoint.read(models.write_model(tmp_path / "known")), False)
