"""Perplexity: the exponential of nats over tokens, each token counting the same."""

import math
from pathlib import Path

import pytest

from core.engine import Options
from core.measure import ServedBase
from measures import perplexity
from measures._windows import Text
from measures.perplexity import PerplexityOptions
from tests.measures.conftest import Load

CASES = [
    # nats and tokens of each window, perplexity
    ([2.0, 30.0], [1, 10], math.exp(32 / 11)),
    ([0.0, 0.0], [5, 7], 1.0),
    ([math.log(8) * 3], [3], 8.0),
]


@pytest.mark.parametrize(("nll", "tokens", "value"), CASES)
def test_figures(nll: list[float], tokens: list[int], value: float) -> None:
    figures = perplexity.figures({"nll": nll, "tokens": tokens})
    assert figures["perplexity"].value == pytest.approx(value)
    assert figures["scored_tokens"].value == sum(tokens)
    assert figures["scored_tokens"].low is None
    assert (figures["perplexity"].low is None) == (len(nll) == 1)


def test_the_interval_is_of_the_perplexity_itself() -> None:
    figure = perplexity.figures({"nll": [10.0, 20.0], "tokens": [10, 10]})["perplexity"]
    assert (figure.low, figure.high) == (pytest.approx(math.e), pytest.approx(math.e**2))


def test_what_is_no_number_is_no_perplexity() -> None:
    with pytest.raises(ValueError, match="no mean"):
        perplexity.figures({"nll": [math.nan, 1.0], "tokens": [1, 1]})


def settings(folder: Path, text: str, **changes: object) -> Text:
    path = folder / "text.txt"
    path.write_text(text)
    given = {"source": str(path), "digest": "d", "window": 10, "stride": 10, **changes}
    return Text(**given)


def test_every_token_but_the_first_is_scored_as_the_engine_says(load: Load, tmp_path: Path) -> None:
    loaded = load()
    text = "the quick brown fox jumps over the lazy dog"
    ticks: list[int] = []
    loaded.tick = lambda *_: ticks.append(1)
    raw = perplexity.run(loaded, settings(tmp_path, text, window=9, stride=8))
    assert sum(raw["tokens"]) == len(text) - 1
    logprobs = loaded.engine.score([list(text.encode())])[0].logprobs.astype("float64")
    assert sum(raw["nll"]) == pytest.approx(-logprobs.sum())
    assert raw["nll"][0] == pytest.approx(-logprobs[:8].sum())
    assert raw["begins_with"] is None and len(ticks) == 1
    assert perplexity.figures(raw).keys() == perplexity.MEASURE.quantities.keys()


def test_more_windows_than_are_sent_at_once(load: Load, tmp_path: Path) -> None:
    loaded = load()
    ticks: list[int] = []
    loaded.tick = lambda *_: ticks.append(1)
    raw = perplexity.run(loaded, settings(tmp_path, "ab" * 85))
    assert len(raw["tokens"]) == len(raw["nll"]) == 17 and len(ticks) == 2
    assert set(raw["tokens"]) == {9}  # without BOS each window's first token has nothing before it


def test_a_text_of_one_token_has_nothing_to_score(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"text\.txt has no token to score"):
        perplexity.run(load(), settings(tmp_path, "a"))


def test_settings_say_which_text_and_how_much_of_it(base: Path, tmp_path: Path) -> None:
    served = ServedBase(
        path=base, fingerprint="f", context_length=512, engine="fake", options=Options()
    )
    file = tmp_path / "text.txt"

    def planned(text: str, **options: int) -> Text:
        file.write_text(text)
        (found,) = perplexity.plan(PerplexityOptions(text=str(file), **options), served)
        return found

    first = planned("one text")
    assert first == planned("one text") and first.tokens is None
    assert first.digest != planned("another").digest  # under the same name
    assert planned("one text", perplexity_tokens=5).tokens == 5
