"""Which schemes are meant, and which checkpoints are there."""

from pathlib import Path

import pytest

from checkpoints.models import places as places_of
from compressing import missing
from compressing.settings import Settings
from core.errors import UserError
from tests import models


def test_choice_of_schemes() -> None:
    assert missing.choose("all") == ["BASE", *missing.CLASSIC]
    assert missing.choose("fp8_w8a8,base") == ["BASE", "FP8-W8A8"]
    assert len(missing.choose("every")) > 12
    with pytest.raises(UserError, match="Did you mean"):
        missing.choose("FP8-W8A9")


def test_a_single_scheme_nobody_named_is_returned(tmp_path: Path) -> None:
    odd = models.write_model(tmp_path / "odd", models.llama_shapes(hidden=96))
    places = places_of(str(odd), ["BASE", "INT4-W4A16-RTN"], tmp_path)
    impossible = missing.check(places, Settings(), named=False)
    assert list(impossible) == ["INT4-W4A16-RTN"]
    assert "128 input columns" in impossible["INT4-W4A16-RTN"]
