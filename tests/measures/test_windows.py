"""Windows over a text: every token scored once, and with all the context there is room for."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from measures._windows import sliding, window


def test_without_overlap() -> None:
    windows = sliding(list(range(10)), 5, 4, begin=99)
    assert [w.ids for w in windows] == [[99, 0, 1, 2, 3], [99, 4, 5, 6, 7], [99, 8, 9]]
    assert [w.first for w in windows] == [1, 1, 1]


def test_with_overlap_only_new_tokens_are_scored() -> None:
    windows = sliding(list(range(8)), 5, 2, begin=99)
    assert [w.ids for w in windows] == [[99, 0, 1, 2, 3], [99, 2, 3, 4, 5], [99, 4, 5, 6, 7]]
    assert [w.first for w in windows] == [1, 3, 3]


def test_without_bos_the_first_token_has_nothing_before_it() -> None:
    windows = sliding(list(range(5)), 3, 2, begin=None)
    assert [(w.ids, w.first) for w in windows] == [([0, 1, 2], 1), ([2, 3, 4], 1)]


@given(st.integers(0, 200), st.integers(2, 50), st.integers(1, 49), st.sampled_from([None, 999]))
def test_every_token_is_scored_once(
    count: int, length: int, stride: int, begin: int | None
) -> None:
    ids = list(range(count))
    windows = sliding(ids, length, min(stride, length - 1), begin)
    scored = [token for w in windows for token in w.ids[w.first :]]
    assert scored == ids[0 if begin is not None else 1 :]
    assert all(len(w.ids) <= length for w in windows)
    assert all(a.ids != b.ids for a, b in pairwise(windows))


def test_windows_fit_the_context() -> None:
    assert [window(None, longest) for longest in (512, 513, 1024, 8192)] == [256, 512, 512, 2048]
    assert window(300, 301) == 300
