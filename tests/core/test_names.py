"""Names from files: what is none, said in a sentence; what is made of others' text is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import names
from core.errors import UserError

NONE = {
    "a dictionary": ({"a": 1}, "no text"),
    "nothing": (None, "no text"),
    "empty": ("", "empty"),
    "up": ("../../etc", "/ or"),
    "absolute": ("/etc/passwd", "/ or"),
    "backslash": ("..\\up", "/ or"),
    "here": (".", "means a folder"),
    "above": ("..", "means a folder"),
    "NUL": ("a\0b", "cannot be shown"),
    "escape": ("\x1b[31m", "cannot be shown"),
    "lines": ("a\nb", "cannot be shown"),
    "surrogate": ("\ud800", "cannot be shown"),
    "turned": ("a\u202eb", "cannot be shown"),
    "option": ("--force", "begins with -"),
    "space": (" a", "space"),
    "long": ("é" * 51, "longer than 100 bytes"),
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_name_is_refused(name: str) -> None:
    value, why = NONE[name]
    with pytest.raises(UserError) as raised:
        names.checked_name(value, "its model", "compression.json")
    said = str(raised.value)
    assert said.startswith("compression.json: its model is ") and why in said
    assert said.isprintable() and len(said) < 300


@pytest.mark.parametrize("name", ["demo", "Llama-3.1-8B", "a b", "模型", "INT4-W4A16", "é" * 50])
def test_names_are_kept(name: str) -> None:
    assert names.checked_name(name, "", "") == name == names.as_name(name)


def test_a_folder_may_be_called_by_two_names() -> None:
    both = f"{'m' * names.MOST_BYTES}-{'s' * names.MOST_BYTES}"
    assert names.fault(both) and names.fault(both, names.FILE_BYTES) is None
    log = f"compress-{both}-20260101T000000Z-000001.log"
    assert len(log) <= names.FILE_BYTES


@given(text=st.text() | st.sampled_from([value for value, _ in NONE.values() if value]).map(str))
def test_any_text_makes_a_name(text: str) -> None:
    assert names.fault(names.as_name(text)) is None
