"""Figures as text: one way for each kind of figure."""

import pytest

from core import words
from core.records import Figure
from core.stats import Ratio, over_loads
from measures import load
from reporting.reading import measures


@pytest.mark.parametrize(
    ("value", "unit", "shown_in", "text"),
    [
        (8.38 * (1 << 30), "bytes", "", "8.38 GiB"),
        (112, "bytes", "", "112 B"),
        (1.5 * 1024, "bytes", "MiB", "1.50 KiB"),
        (0.2204, "s", "ms", "220 ms"),
        (3.3, "s", "", "3.30 s"),
        (3736.4, "tokens/s", "", "3,736 tokens/s"),
        (0.76, "fraction", "%", "76.0 %"),
        (0.76, "fraction", "", "0.760"),
        (1.82, "1", "", "1.82"),
        (5.0, "J/token", "ms", "5.00 J/token"),
    ],
)
def test_values(value: float, unit: str, shown_in: str, text: str) -> None:
    assert words.value_text(value, unit, shown_in) == text


@pytest.mark.parametrize(
    ("values", "unit", "shown_in", "cell", "full"),
    [
        ([0.1, 0.2, 0.4], "s", "ms", "200 (35.7 to 1,119)", "200 ms (35.7 to 1,119)"),
        ([2.0], "tokens/s", "", "2.00", "2.00 tokens/s"),
        ([9 << 20, 10 << 20], "bytes", "", "9.49 MiB (4.86 to 18.5)", "9.49 MiB (4.86 to 18.5)"),
    ],
)
def test_intervals(values: list[float], unit: str, shown_in: str, cell: str, full: str) -> None:
    estimated = Figure.model_validate({"unit": unit, "better": "lower", **vars(over_loads(values))})
    assert words.figure_text(estimated, shown_in) == cell
    assert words.full_text(estimated, shown_in) == full


@pytest.mark.parametrize(
    ("title", "unit", "shown_in", "text"),
    [
        ("latency", "s", "ms", "latency ms"),
        ("tokens/s", "tokens/s", "", "tokens/s"),
        ("KV tokens", "tokens", "", "KV tokens"),
        ("weights", "bytes", "", "weights"),
        ("first load", "s", "", "first load s"),
        ("ROUGE-L", "fraction", "", "ROUGE-L"),
        ("toxic", "fraction", "%", "toxic %"),
    ],
)
def test_headings_name_the_unit_once(title: str, unit: str, shown_in: str, text: str) -> None:
    assert words.heading(title, unit, shown_in) == text


def test_an_interval_that_ends_next_to_one_gets_a_third_digit() -> None:
    assert words.ratio_text(Ratio(value=1.3, low=1.004, high=1.69)) == "1.300x (1.004 to 1.690)"
    assert words.ratio_text(Ratio(value=1.3, low=1.2, high=1.4)) == "1.30x (1.20 to 1.40)"


@pytest.mark.parametrize(
    ("number", "text"), [(-1.0, "-1.00"), (0.434, "+0.43"), (-0.001, "0.00"), (0.0, "0.00")]
)
def test_a_difference_of_nothing_has_no_sign(number: float, text: str) -> None:
    assert words.signed(number) == text


@pytest.mark.parametrize(("bits", "text"), [(4.125, "4.13"), (4.1249, "4.12"), (8.0, "8.00")])
def test_bits_are_rounded_in_one_way(bits: float, text: str) -> None:
    assert words.bits_text(bits) == text


@pytest.mark.parametrize(
    ("number", "text"), [(1, "1 record"), (0, "0 records"), (1200, "1,200 records")]
)
def test_numbers_of_things(number: int, text: str) -> None:
    assert words.several(number, "record") == text


def test_a_batch_of_one_is_one_user() -> None:
    loads = [measures.load(key) for key in ("sequential", "batch 1", "batch 8")]
    assert loads == ["one user", "one user (batch 1)", "8 users"]


@pytest.mark.parametrize(
    ("cached", "said"), [((1.0, 0.999), "; all of each"), ((1.0, 0.42), "; at least 42 % of each")]
)
def test_the_page_cache_in_words(cached: tuple[float, ...], said: str) -> None:
    assert said in load.note({}, [{"page_cache": share} for share in cached])
