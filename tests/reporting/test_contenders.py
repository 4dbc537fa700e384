"""What further rounds go to: schemes that may still win, and the base."""

from core.records import Record
from reporting.deciding.decision import contenders
from tests.report_case import performance, quality


def both(scheme: str, rate: float, accuracy: float = 0.7, spread: float = 0.01) -> list[Record]:
    return [*performance(scheme, rate, 6 << 20, spread), *quality(scheme, accuracy)]


BASE = [*performance("BASE", 300, 10 << 20), *quality("BASE")]


def test_nothing_is_left_where_one_scheme_is_clearly_the_best() -> None:
    records = [*BASE, *both("INT8-W8A8", 500), *both("INT4-W4A16", 400)]
    assert contenders(records) == set()


def test_two_that_may_both_be_the_best_go_on_with_the_base() -> None:
    noisy = both("INT8-W8A8", 500, spread=0.08)
    records = [*BASE, *noisy, *both("INT4-W4A16", 490), *both("FP8-W8A8", 250)]
    assert contenders(records) == {"BASE", "INT8-W8A8", "INT4-W4A16"}


def test_a_scheme_that_failed_its_quality_is_no_contender() -> None:
    lossy = both("INT4-W4A16", 505, accuracy=0.3, spread=0.08)
    assert contenders([*BASE, *both("INT8-W8A8", 500), *lossy]) == set()


def test_one_load_leaves_everybody_in() -> None:
    records = [r for r in (*BASE, *both("INT8-W8A8", 500)) if r.kind == "quality" or r.round == 1]
    assert contenders(records) == {"BASE", "INT8-W8A8"}
