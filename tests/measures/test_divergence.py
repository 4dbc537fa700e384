"""Distances between distributions: worked values, and a checkpoint against its base."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.engine import Scores
from core.errors import UserError
from measures import divergence
from measures._answers import NotFinite
from measures._windows import Text
from measures.divergence import Divergence
from tests.measures.conftest import Load

RAW: dict[str, Any] = {
    "kl_nanonats": ["100000000 300000000", "200000000 0 400000000"],
    "kl_sum": [0.4, 0.6],
    "tokens": [2, 3],
    "same_top": [1, 3],
    "delta_p_sum": [-0.1, 0.3],
    "nll": [4.0, 6.5],
    "base_nll": [4.0, 6.0],
    "covered_sum": [1.8, 2.9],
    "top_k": 2,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kl_mean", 0.2),
        ("kl_p99", 0.396),  # of 0, 0.1, 0.2, 0.3, 0.4
        ("top1_agreement", 0.8),
        ("delta_p_mean", 0.04),
        ("perplexity_ratio", math.exp(0.1)),
        ("covered_mass", 0.94),
    ],
)
def test_figures_are_means_over_places(name: str, value: float) -> None:
    figures = divergence.figures(RAW)
    assert figures[name].value == pytest.approx(value)
    assert figures[name].low is not None and figures[name].high is not None
    assert figures[name].low <= figures[name].value <= figures[name].high
    assert figures.keys() == divergence.MEASURE.quantities.keys()


def logs(*rows: list[float]) -> Any:
    return np.log(np.array(rows, np.float32))


def compare(base: Any, own: list[float], checkpoint: Any, ours: list[float], skip: int = 0) -> Any:
    """One window whose base had `base` of its likeliest tokens and `own` of the text's."""
    scores = Scores(
        logprobs=np.log(np.array(ours, np.float32)),
        greedy=np.zeros(len(ours), bool),
        top_logprobs=checkpoint.max(axis=1, keepdims=True),
        at_logprobs=checkpoint,
    )
    return divergence._compare(skip, base, np.log(np.array(own, np.float32)), scores)


KL = [
    # the base's likeliest tokens, the checkpoint's values of them, divergence
    ([0.5, 0.5], [0.5, 0.5], 0.0),
    ([0.5, 0.5], [0.25, 0.75], 0.5 * math.log(2) + 0.5 * math.log(2 / 3)),
    # the rest of 0.2 and 0.4 is one more token
    ([0.5, 0.3], [0.3, 0.3], 0.5 * math.log(5 / 3) + 0.2 * math.log(0.5)),
    # the checkpoint has nothing left for the rest: at least a millionth
    ([0.5, 0.3], [0.6, 0.4], 0.5 * math.log(5 / 6) + 0.3 * math.log(0.75) + 0.2 * math.log(2e5)),
]


@pytest.mark.parametrize(("base", "checkpoint", "value"), KL)
def test_the_divergence_of_one_place(
    base: list[float], checkpoint: list[float], value: float
) -> None:
    row = compare(logs(base), [base[0]], logs(checkpoint), [checkpoint[0]])
    assert row["kl_sum"] == pytest.approx(value, abs=1e-6)
    assert row["kl"] == str(round(row["kl_sum"] * 1e9)) and row["tokens"] == 1
    assert row["covered_sum"] == pytest.approx(sum(base))


def test_sums_of_a_window_leave_out_what_is_not_scored() -> None:
    base = logs([0.9, 0.1], [0.6, 0.4], [0.5, 0.5])
    checkpoint = logs([0.1, 0.9], [0.6, 0.4], [0.4, 0.6])
    row = compare(base, [0.9, 0.4, 0.5], checkpoint, [0.1, 0.4, 0.6], skip=1)
    assert row["tokens"] == 2 and row["same_top"] == 2  # in the last place by a tie of the base's
    assert row["delta_p_sum"] == pytest.approx(0.1, abs=1e-6)
    assert row["nll"] == pytest.approx(-math.log(0.4 * 0.6), abs=1e-6)
    assert row["base_nll"] == pytest.approx(-math.log(0.4 * 0.5), abs=1e-6)
    kl = 0.5 * math.log(0.5 / 0.4) + 0.5 * math.log(0.5 / 0.6)
    assert row["kl"] == f"0 {round(row['kl_sum'] * 1e9)}"
    assert row["kl_sum"] == pytest.approx(kl, abs=1e-6)


TIES = [
    # logits of the base and of the checkpoint, whether they agree
    ([2, 1, 0], [3, 1, 0], 1),
    ([2, 1, 0], [1, 3, 0], 0),
    ([2, 2, 0], [1, 3, 0], 1),  # the base's second of two
    ([1, 3, 0], [2, 2, 0], 1),
    ([2, 2, 0], [0, 3, 3], 1),
    ([2, 2, 0], [0, 1, 3], 0),
]


def agreement(base: Any, checkpoint: Any, k: int) -> int:
    """Places where the likeliest tokens agree, of which the base keeps `k`."""
    logs = [x - np.log(np.exp(x).sum(axis=1, keepdims=True)) for x in (base, checkpoint)]
    ids = np.argsort(-logs[0], axis=1, kind="stable")[:, :k]
    kept, own = (np.take_along_axis(x, ids, 1) for x in logs)
    scores = Scores(
        logprobs=own[:, 0],
        greedy=np.zeros(len(ids), bool),
        top_logprobs=logs[1].max(axis=1, keepdims=True),
        at_logprobs=own,
    )
    return int(divergence._compare(0, kept, kept[:, 0], scores)["same_top"])


@pytest.mark.parametrize(("base", "checkpoint", "agree"), TIES)
def test_likeliest_tokens_agree_where_one_is_in_both_first_places(
    base: list[float], checkpoint: list[float], agree: int
) -> None:
    both = np.array([base], np.float32), np.array([checkpoint], np.float32)
    assert agreement(*both, k=2) == agreement(*both[::-1], k=2) == agree


def test_agreement_does_not_depend_on_which_is_the_base() -> None:
    """Logits rounded so much that the first place is often shared, as in bfloat16."""
    exact = np.random.default_rng(0).normal(size=(500, 12))
    other = exact + 0.3 * np.random.default_rng(1).normal(size=exact.shape)
    base, checkpoint = (np.round(2 * x).astype(np.float32) / 2 for x in (exact, other))
    first, second = (x == x.max(axis=1, keepdims=True) for x in (base, checkpoint))
    assert max(first.sum(axis=1).max(), second.sum(axis=1).max()) <= 6
    expected = int((first & second).any(axis=1).sum())
    assert 300 < expected < 500
    assert agreement(base, checkpoint, 6) == agreement(checkpoint, base, 6) == expected


@pytest.mark.parametrize(
    ("covered", "said"),
    [([1.98, 2.97], []), ([1.97, 2.97], ["98.8 %"]), ([1.0, 1.65], ["53.0 %"])],
)
def test_a_divergence_of_too_few_tokens_is_warned_of(covered: list[float], said: list[str]) -> None:
    found = divergence.warnings({**RAW, "covered_sum": covered})
    assert len(found) == len(said)
    for text, share in zip(found, said, strict=True):
        assert text.startswith(f"the 2 likeliest tokens, which are compared, hold {share} of the")
        assert "KL divergences are lower bounds" in text
    assert divergence.warnings({}) == []


@pytest.mark.parametrize("broken", ["base", "checkpoint"])
def test_what_is_no_number_is_refused(broken: str) -> None:
    sides = {"base": logs([0.5, 0.5]), "checkpoint": logs([0.5, 0.5])}
    sides[broken][0, 1] = np.nan
    with pytest.raises(NotFinite, match="a log-probability is not a finite number"):
        compare(sides["base"], [0.5], sides["checkpoint"], [0.5])


@pytest.fixture
def asked(tmp_path: Path) -> Divergence:
    """What the base is asked: distributions of 8 likeliest tokens on a text of two windows."""
    (tmp_path / "text.txt").write_text("the quick brown fox jumps")
    text = Text(source=str(tmp_path / "text.txt"), digest="d", window=15, stride=15)
    reference = str(tmp_path / "build" / "references" / "base.npz")
    return Divergence(text=text, reference=reference, is_base=True, top_k=8)


def test_a_checkpoint_beside_its_base(load: Load, asked: Divergence) -> None:
    ticks: list[int] = []
    loaded = load()
    loaded.tick = lambda *_: ticks.append(1)
    raw = divergence.run(loaded, asked)
    assert raw["top_k"] == 8 and raw["tokens"] == [14, 9]
    assert len(ticks) == 4  # each window written and read
    kept = np.load(asked.reference)
    assert kept["ids0"].shape == (14, 8)
    assert bytes(kept["tokens1"].astype("u1")) == b" fox jumps"
    assert list(Path(asked.reference).parent.iterdir()) == [Path(asked.reference)]
    base = divergence.figures(raw)
    assert base["kl_mean"].value == 0 and base["top1_agreement"].value == 1
    assert base["perplexity_ratio"].value == 1 and 0.2 < base["covered_mass"].value < 1
    noisy = divergence.figures(divergence.run(load(error=0.5), replace(asked, is_base=False)))
    assert noisy["kl_mean"].value > 0.01 and noisy["top1_agreement"].value < 1
    assert noisy["covered_mass"].value == base["covered_mass"].value


def test_a_checkpoint_needs_its_base_and_the_same_tokens(load: Load, asked: Divergence) -> None:
    other = replace(asked, is_base=False)
    with pytest.raises(UserError, match="is not there: the base comes first"):
        divergence.run(load(), other)
    divergence.run(load(), asked)
    source = Path(asked.text.source)
    for text in (
        "the quick brown fox jumpS",
        "the quick brown fox",
        "the quick brown fox jumps" * 2,
    ):
        source.write_text(text)
        with pytest.raises(UserError, match="the base read other tokens than this checkpoint"):
            divergence.run(load(), other)


def test_windows_that_overlap_score_no_place_twice(load: Load, asked: Divergence) -> None:
    overlapping = replace(asked, text=replace(asked.text, stride=6))
    raw = divergence.run(load(), overlapping)
    assert sum(raw["tokens"]) == len("the quick brown fox jumps") - 1
    assert [len(text.split()) for text in raw["kl_nanonats"]] == raw["tokens"]
    assert raw.keys() == RAW.keys()


@pytest.mark.parametrize(("text", "enough"), [("ab", False), ("abc", True)])
def test_a_text_must_have_a_place_with_something_before_it(
    load: Load, asked: Divergence, text: str, enough: bool
) -> None:
    Path(asked.text.source).write_text(text)
    if enough:
        assert divergence.run(load(), asked)["tokens"] == [2]
        return
    with pytest.raises(UserError, match="too short to compare distributions on"):
        divergence.run(load(), asked)
