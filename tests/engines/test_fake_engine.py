"""The fake engine: fixed answers on a clock of its own, and the failures it acts out."""

import json
from pathlib import Path

import pytest

from core.engine import Options, Sampling
from engines.fake import FakeEngine


def engine(folder: Path, **settings: object) -> FakeEngine:
    (folder / "fake.json").write_text(json.dumps(settings))
    return FakeEngine(folder, Options())


def test_a_batch_takes_as_long_as_one_request(base: Path) -> None:
    with engine(base, tokens_per_s=100) as fake:
        first, second = fake.generate([[1, 2], [4]], Sampling(max_new_tokens=5))
        (later,) = fake.generate([[1, 2]], Sampling(max_new_tokens=5))
    assert (first.prompt_tokens, second.prompt_tokens) == (2, 1)
    assert first.first_token_s - first.sent_s == pytest.approx(0.004)
    assert first.last_token_s - first.first_token_s == pytest.approx(4 / 100)
    assert second.last_token_s == first.last_token_s == later.sent_s
    assert first.token_ids == later.token_ids != second.token_ids


def test_distributions_add_up_and_differ_with_error(base: Path) -> None:
    import numpy as np

    text = list(b"some text")
    with engine(base) as fake, engine(base, error=0.5) as noisy:
        exact, shifted = (e.score_distribution(text, 256) for e in (fake, noisy))
        (scores,) = fake.score([text])
        again = fake.score_distribution(text, 1, exact.top_ids[:, :3])
    assert exact.top_logprobs is not None
    assert np.exp(exact.top_logprobs).sum(axis=1) == pytest.approx(np.ones(len(text) - 1), abs=1e-4)
    assert (np.diff(exact.top_logprobs, axis=1) <= 0).all()  # the likeliest first
    assert (scores.logprobs == exact.logprobs).all()
    assert (again.at_logprobs == exact.top_logprobs[:, :3]).all()
    assert not np.allclose(exact.logprobs, shifted.logprobs)


@pytest.mark.parametrize(("settings", "blank"), [({}, False), ({"silent": True}, True)])
def test_a_silent_one_answers_blanks(base: Path, settings: dict[str, bool], blank: bool) -> None:
    with engine(base, **settings) as fake:
        (answer,) = fake.generate([[1, 2]], Sampling(max_new_tokens=4))
    assert (fake.decode(answer.token_ids).strip() == "") is blank


def test_not_a_number_is_acted_out(base: Path) -> None:
    import numpy as np

    with engine(base, nan=True) as fake:
        assert np.isnan(fake.score([[1, 2, 3]])[0].logprobs).all()


def test_an_error_is_acted_out(base: Path) -> None:
    with pytest.raises(RuntimeError, match="told to fail"), engine(base, fail="error"):
        pass
