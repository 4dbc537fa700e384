"""Throughput and latencies from the times of requests, worked out by hand."""

from dataclasses import replace

import pytest

from core.engine import Completion
from core.errors import UserError
from core.measure import OPEN_SIZE, Loaded, Workload
from measures import _requests, batch, sequential
from tests.measures.conftest import Load

COLUMNS = ["prompt_tokens", "output_tokens", "sent_s", "first_token_s", "last_token_s"]
LOAD = Workload(requests=3, batch_size=4, prompt_tokens=16, max_new_tokens=20, repeats=2)


def raw(*repeats: list[list[float]]) -> dict[str, object]:
    return {"columns": COLUMNS, "repeats": list(repeats)}


# two requests sent together at 10 s, the second answered last, at 14 s
TOGETHER = [[100, 11, 10.0, 10.5, 12.5], [50, 21, 10.0, 11.5, 14.0]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("output_tokens_per_s", (11 + 21) / 4),
        ("total_tokens_per_s", (11 + 21 + 100 + 50) / 4),
        ("ttft_s", (0.5 + 1.5) / 2),
        ("e2e_latency_s", (2.5 + 4.0) / 2),
        ("tpot_s", (2.0 / 10 + 2.5 / 20) / 2),
    ],
)
def test_figures_of_two_requests(name: str, value: float) -> None:
    assert _requests.figures(raw(TOGETHER))[name].value == pytest.approx(value)


def test_the_window_runs_from_the_first_sent_to_the_last_token() -> None:
    one_after_another = [[5, 10, 0.0, 1.0, 2.0], [5, 10, 2.0, 3.0, 4.0], [5, 10, 4.0, 5.0, 8.0]]
    figures = _requests.figures(raw(one_after_another))
    assert figures["output_tokens_per_s"].value == pytest.approx(30 / 8)
    assert figures["e2e_latency_s"].value == 2.0  # of the median request


def test_a_figure_is_over_repeats() -> None:
    slower = [[100, 11, 0.0, 1.0, 3.0]]
    slowest = [[100, 11, 0.0, 1.0, 11.0]]
    figure = _requests.figures(raw(TOGETHER, slower, slowest))["output_tokens_per_s"]
    assert figure.values == pytest.approx([8.0, 11 / 3, 1.0])
    assert figure.value == pytest.approx(11 / 3) and figure.low is None


def test_a_row_without_all_its_columns_is_no_request() -> None:
    with pytest.raises(ValueError):
        _requests.figures(raw([[5, 1, 0.0, 1.0, 1.0, 7.0]]))


def test_one_token_has_no_time_per_further_token() -> None:
    assert "tpot_s" not in _requests.figures(raw([[5, 1, 0.0, 1.0, 1.0]]))
    mixed = _requests.figures(raw([[5, 1, 0.0, 1.0, 1.0], [5, 2, 0.0, 1.0, 3.0]]))
    assert mixed["tpot_s"].value == 2.0


@pytest.mark.parametrize(("measure", "requests"), [(sequential.MEASURE, 3), (batch.MEASURE, 4)])
def test_every_request_of_every_repeat_is_kept(load: Load, measure, requests: int) -> None:
    loaded = load(tokens_per_s=10.0)
    kept = measure.run(loaded, LOAD)
    assert list(kept["columns"]) == COLUMNS
    assert [len(rows) for rows in kept["repeats"]] == [requests, requests]
    assert loaded.drawn == 3 * requests  # warm-up and two repeats, no prompt twice
    for prompt, output, sent, first, last in [row for rows in kept["repeats"] for row in rows]:
        assert (prompt, output) == (16, 20)
        assert first - sent == pytest.approx(0.004) and last - first == pytest.approx(1.9)
    figures = measure.figures(kept)
    assert figures["tpot_s"].value == pytest.approx(0.1)
    together = 1 if measure is sequential.MEASURE else requests
    assert figures["output_tokens_per_s"].value == pytest.approx(together * 20 / 1.904)
    values = {name: figure.value for name, figure in figures.items()}
    settings = {"requests": requests, "batch_size": requests, "max_new_tokens": 20}
    derived = measure.shown.derive(settings, values)
    assert derived == {"total_s": pytest.approx(1.904 * requests / together)}
    assert {*figures, *derived} == measure.quantities.keys()


def test_work_is_reported_while_it_goes_on(load: Load) -> None:
    ticks: list[int] = []
    loaded = load()
    loaded.tick = lambda *_: ticks.append(1)
    batch.run(loaded, LOAD)
    assert len(ticks) == 2
    sequential.run(loaded, LOAD)
    assert len(ticks) == 2 + 2 + 9  # repeats, and every request of three rounds


def short(tokens: int):
    """Sends requests that are answered with this many tokens."""

    def send(loaded: Loaded, prompts: list[list[int]], workload: Workload) -> list[Completion]:
        sampling = replace(workload.sampling, max_new_tokens=tokens)
        return loaded.engine.generate(prompts, sampling)

    return send


@pytest.mark.parametrize(("tokens", "fine"), [(20, True), (19, True), (21, True), (18, False)])
def test_answers_of_another_length_are_no_load(load: Load, tokens: int, fine: bool) -> None:
    if fine:
        assert _requests.timed(load(), LOAD, 1, short(tokens))["repeats"][0][0][1] == tokens
        return
    with pytest.raises(_requests.InvalidLoad, match="gave 18 tokens where 20 were asked for"):
        _requests.timed(load(), LOAD, 1, short(tokens))


def test_batch_sizes() -> None:
    assert _requests.LoadOptions(batch_sizes="32,1, 8,8").sizes() == [1, 8, 32]
    assert _requests.LoadOptions(batch_sizes="auto").sizes() == [OPEN_SIZE]
    for wrong in ("", "0", "8,auto", "automatic"):
        with pytest.raises(
            UserError, match="--batch_sizes wants numbers like 1,8,32, auto or none, not"
        ):
            _requests.LoadOptions(batch_sizes=wrong).sizes()


def test_no_batch_is_asked_for() -> None:
    assert _requests.LoadOptions(batch_sizes="none").sizes() == []
