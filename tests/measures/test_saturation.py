"""The ramp: from measured points to batch sizes, and where it ends."""

from dataclasses import replace

import pytest

from core.engine import Completion, TokenIds
from core.measure import Loaded, Workload
from measures import saturation
from measures.saturation import MEASURE, batch_sizes, rising
from tests.measures.conftest import Load

LOAD = Workload(prompt_tokens=16, max_new_tokens=20)


def points(*rates: float) -> saturation.Points:
    return [(2**n, rate) for n, rate in enumerate(rates)]


@pytest.mark.parametrize(
    ("rates", "requests", "goes_on"),
    [
        ((), 1, True),
        ((100,), 1, True),
        ((100, 100), 1, True),
        ((100, 100, 100), 1, False),
        ((100, 90, 180), 4, True),  # one doubling without gain ends nothing
        ((100, 190, 300, 310, 320), 4, False),
        ((100, 190, 300, 330, 400), 16, True),
        ((100, 190, 300, 329), 4, True),
        ((100, 190, 300, 325, 350), 16, True),  # over the two doublings it is clear
        ((41, 64, 148, 279, 452, 592, 665, 436, 627), 64, False),  # the demo model on two cores
    ],
)
def test_where_throughput_stops_to_grow(
    rates: tuple[float, ...], requests: int, goes_on: bool
) -> None:
    assert saturation.saturation(points(*rates)) == requests
    assert rising(points(*rates)) == goes_on
    assert MEASURE.figures({"points": points(*rates)})["requests"].value == requests


@pytest.mark.parametrize(
    ("saturated", "sizes"),
    [
        (1, [1]),
        (2, [2]),
        (4, [2, 4]),
        (8, [4, 8]),
        (16, [4, 16]),
        (32, [8, 32]),
        (64, [8, 64]),
        (256, [16, 256]),
    ],
)
def test_the_middle_is_near_the_geometric_mean(saturated: int, sizes: list[int]) -> None:
    assert batch_sizes(saturated) == sizes


def test_the_ramp_ends_where_the_kv_cache_is_full(load: Load) -> None:
    """The fake engine gains with every doubling, and its KV cache holds 2048 tokens."""
    ticks: list[int] = []
    loaded = load()
    loaded.tick = lambda *_: ticks.append(1)
    raw = MEASURE.run(loaded, LOAD)
    assert [size for size, _ in raw["points"]] == [1, 2, 4, 8, 16, 32]  # 64 x 36 tokens are 2304
    rate = 5 / (0.004 + 4 / 1000)  # a quarter of the 20 tokens
    assert [tokens_per_s for _, tokens_per_s in raw["points"]] == pytest.approx(
        [size * rate for size in (1, 2, 4, 8, 16, 32)]
    )
    assert len(ticks) == 6


def test_the_ramp_ends_where_the_scheduler_is_full(load: Load) -> None:
    loaded = load()
    loaded.engine.options = replace(loaded.engine.options, max_num_seqs=6)
    assert [size for size, _ in MEASURE.run(loaded, LOAD)["points"]] == [1, 2, 4]


def test_the_ramp_ends_where_nothing_is_gained(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that answers one request after the other."""
    loaded = load()
    together = loaded.engine.generate
    lengths: set[int] = set()

    def one_by_one(prompts: list[TokenIds], sampling) -> list[Completion]:
        lengths.update(map(len, prompts))
        return [answer for prompt in prompts for answer in together([prompt], sampling)]

    monkeypatch.setattr(loaded.engine, "generate", one_by_one)
    raw = MEASURE.run(loaded, LOAD)
    assert [size for size, _ in raw["points"]] == [1, 2, 4]
    assert lengths == {4}  # a quarter of the prompt
    assert MEASURE.figures(raw)["requests"].value == 1


def test_prompts_of_ones_own_are_counted_as_they_are(load: Load) -> None:
    """A token a byte: 2048 tokens are two requests of 980 and 20 tokens, not four."""
    own = replace(LOAD, texts=("x" * 980,))
    assert [size for size, _ in MEASURE.run(load(), own)["points"]] == [1, 2]


def test_a_single_token_is_not_cut(load: Load) -> None:
    loaded: Loaded = load()
    raw = MEASURE.run(loaded, replace(LOAD, prompt_tokens=1, max_new_tokens=1))
    assert raw["points"][0] == (1, pytest.approx(1 / 0.004))
