"""What no report can be made of is found in any document, and said with its place."""

import json
import math
from typing import Any

import pytest

from core import strict_json

FAULTY = {
    "tiny": ({"a": [0, {"b": 1e-320}]}, "a.1.b: 1e-320 is no finite number"),
    "huge": ([1e308], "0: 1e+308 is no finite number"),
    "negative": ([-1e200], "0: -1e+200"),
    "digits": ({"n": 10**200}, "n: 1e+200"),
    "nan": ({"x": math.nan}, "x: nan"),
    "infinite": ({"x": [-math.inf]}, "x.0: -inf"),
    "surrogate": ({"x": {"y": "a\ud800"}}, "x.y: text that UTF-8 cannot hold"),
    "surrogate key": ({"x": {"\udc00": 1}}, "text that UTF-8 cannot hold"),
    "first": ({"a": 1, "b": 1e-320, "c": 1e-320}, "b: "),
}


@pytest.mark.parametrize("name", FAULTY)
def test_faults(name: str) -> None:
    document, sentence = FAULTY[name]
    assert sentence in (strict_json.fault(document) or "")
    text = json.dumps(document)
    assert strict_json.SUSPECT.search(text), "a quick look tells that it must be read closely"


def test_nesting() -> None:
    document: list = []
    for _ in range(200):
        document = [document]
    assert "objects and lists in each other" in (strict_json.fault(document) or "")


def test_what_records_hold_is_no_fault() -> None:
    document = {"a": [0, 0.0, -1, 1e-12, 2**64, True, None, 1e99], "b": {"c": "é 模型 🐛 1e999"}}
    assert strict_json.fault(document) is None
    usual = '{"hash": "3e123a4e5678", "x": 1.5e-07, "y": 123456789012, "z": "NaNo"}'
    assert not strict_json.SUSPECT.search(usual)


@pytest.mark.parametrize(
    "number", ["1" * 100 + "e99", "0." + "0" * 98 + "1e-99", "1" * 60 + "e49", "1e-101", "1E+0101"]
)
def test_a_number_in_any_spelling_is_looked_at(number: str) -> None:
    assert strict_json.fault(json.loads(f"[{number}]")) or 1e-100 <= abs(float(number)) <= 1e100
    assert strict_json.SUSPECT.search(f"[{number}]")


@pytest.mark.parametrize("depth", [1, 99, 100, 101, 150])
def test_nesting_is_the_fault_of_texts_without_suspects(depth: int) -> None:
    document: Any = 1
    for number in range(depth):
        document = [document] if number % 2 else {"a": document}
    said = strict_json.fault(document)
    assert strict_json.nesting(document) == (said and said.partition(": ")[2])
