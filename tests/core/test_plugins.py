"""Plug-ins are found by file name, however it is spelled."""

import pytest

from core import plugins
from core.errors import UserError


@pytest.mark.parametrize("spelling", ["INT4-W4A16-AWQ", "int4_w4a16_awq", "Int4-w4a16_Awq "])
def test_spellings(spelling: str) -> None:
    assert plugins.find("schemes", spelling) == "int4_w4a16_awq"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("INT4-W4A61", "INT4-W4A16"), ("int8w8a8", "INT8-W8A8"), ("NVFP4A6", "NVFP4A16")],
)
def test_unknown_name_says_what_was_meant(wrong: str, meant: str) -> None:
    with pytest.raises(UserError, match=rf"Did you mean {meant}\? There are: BASE, "):
        plugins.find("schemes", wrong)


def test_unknown_name_far_from_all() -> None:
    with pytest.raises(UserError) as caught:
        plugins.find("schemes", "zzzzzzzz")
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize(("name", "bits"), [("INT4-W4A16", 4), ("int8_w8a8", 8), ("gptq", None)])
def test_a_scheme_by_name_or_none(name: str, bits: int | None) -> None:
    scheme = plugins.scheme(name)
    assert (scheme and scheme.weight_bits) == bits
