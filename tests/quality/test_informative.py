"""Tasks that cannot show a loss are not judged, and a divergence may withhold a pass."""

from typing import Any

import pytest

from core.records import Figure
from core.stats import wilson
from quality import informative
from quality.comparison import Margin, quality
from tests.quality_records import harness, record


@pytest.mark.parametrize(
    ("base", "n", "chance", "margin", "judged"),
    [
        (0.0, 250, 0.0, 0.01, False),
        (0.6, 250, 0.5, 0.01, True),
        (0.31, 250, 0.25, 0.01, True),
        (0.30, 250, 0.25, 0.01, False),  # Wilson's interval begins at 24.7 %
        (0.30, 1000, 0.25, 0.01, True),
        (0.008, 1000, 0.0, 0.01, False),  # a loss of all is within the margin
        (0.58, 2000, 0.5, 0.09, False),
        (0.60, 2000, 0.5, 0.09, True),
    ],
)
def test_a_base_at_chance(base: float, n: int, chance: float, margin: float, judged: bool) -> None:
    found = informative.at_chance(base, n, chance, margin, 0)
    assert (found is None) is judged


def test_the_likely_cause_is_named() -> None:
    found = informative.at_chance(0.24, 250, 0.25, 0.01, 0)
    assert str(found) == (
        "base at chance (24.0 %, chance 25.0 %); see --apply_chat_template and --num_fewshot"
    )
    cut = informative.at_chance(0.0, 250, 0.0, 0.01, 31)
    assert str(cut) == "base at chance (0.0 %); 31 prompts were cut, see --max_model_len"


def test_a_base_at_its_ceiling() -> None:
    assert informative.at_ceiling(0.989) is None
    assert str(informative.at_ceiling(0.99)) == (
        "base at its ceiling (99.0 %); too easy to lose anything small"
    )


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({}, ""),
        ({"top1_agreement": 0.85, "kl_mean": 0.5}, ""),
        ({"top1_agreement": 0.698}, "its likeliest tokens are the base's in only 69.8 % of places"),
        ({"kl_mean": 0.51}, "its predictions diverge from the base's by 0.510 nats a token"),
    ],
)
def test_divergences_that_contradict_a_pass(figures: dict[str, float], words: str) -> None:
    assert informative.contradiction(figures).startswith(words)
    assert bool(words) is bool(informative.contradiction(figures))


def test_wilson() -> None:
    from scipy.stats import binomtest

    for right, n in [(0, 10), (3, 40), (250, 250)]:
        exact = binomtest(right, n).proportion_ci(0.95, method="wilson")
        assert wilson(right / n, n) == pytest.approx((exact.low, exact.high), abs=1e-12)


HALF = [1.0] * 600 + [0.0] * 400


def both(base: list[float], mine: list[float], **chance: float) -> Any:
    """A usual task and one with these scores."""
    records = harness("BASE", {"a": HALF, "b": base}), harness("X", {"a": HALF, "b": mine})
    for made in records:
        (made.raw or {})["tasks"]["b"] |= chance
    return [records[0]], [records[1]]


def test_a_broken_model_does_not_pass_beside_a_base_without_a_score() -> None:
    zero = [0.0] * 1000
    found = quality(*both(zero, zero))
    assert found.judged == ("a",) and set(found.tasks) == {"a", "b"}
    assert found.verdict == "pass" and found.reason.startswith("1 task, 1,000 documents, ")
    assert "; not judged: b: base at chance (0.0 %); see --apply_chat_template" in found.reason
    alone = quality([harness("BASE", {"b": zero})], [harness("X", {"b": zero})])
    assert alone.verdict == "undecided" and alone.aggregate is None
    assert alone.reason.startswith("no task can show a loss; not judged: b: base at chance")
    assert alone.documents_needed is None


def test_a_guessing_base_is_not_judged_though_the_scores_differ() -> None:
    guessed, worse = [1.0] * 250 + [0.0] * 750, [1.0] * 100 + [0.0] * 900
    assert quality(*both(guessed, worse)).verdict == "fail"
    found = quality(*both(guessed, worse, chance=0.25))
    assert found.verdict == "pass" and found.tasks["b"].verdict == "undecided"
    assert found.tasks["b"].worse == 150 and found.p_values["b"] < 0.001


def test_an_easy_task_cannot_pass_but_can_fail() -> None:
    all_right = [1.0] * 1000
    found = quality(*both(all_right, all_right))
    assert found.judged == ("a",) and "b: base at its ceiling (100.0 %)" in found.reason
    worse = quality(*both(all_right, [1.0] * 900 + [0.0] * 100))
    assert worse.verdict == "fail" and worse.reason.startswith("b lost more than")
    alone = quality([harness("BASE", {"b": all_right})], [harness("X", {"b": all_right})])
    assert alone.verdict == "undecided" and alone.reason.startswith("no task can show a loss")


def divergence(agreement: float, **changes: Any) -> Any:
    figure = Figure(value=agreement, values=[agreement], unit="fraction", better="higher")
    return record("divergence", "X", {}, figures={"top1_agreement": figure}, **changes)


def test_a_contradiction_withholds_the_pass() -> None:
    base, mine = both(HALF, HALF)
    found = quality(base, [*mine, divergence(0.698)])
    assert found.verdict == "undecided" and found.documents_needed is None
    assert found.reason.startswith("passed on its tasks (mean of 2 tasks, 2,000 documents, 0.00")
    assert found.reason.endswith("in only 69.8 % of places: a contradiction")
    assert quality(base, [*mine, divergence(0.86)]).verdict == "pass"
    elsewhere = divergence(0.698, options={"dtype": "float16"})
    served = [made.model_copy(update={"options": {"dtype": "auto"}}) for made in mine]
    base_served = [made.model_copy(update={"options": {"dtype": "auto"}}) for made in base]
    assert quality(base_served, [*served, elsewhere]).verdict == "pass"
    lost = harness("X", {"a": [0.0] * 1000, "b": HALF})
    assert quality(base, [lost, divergence(0.698)]).reason.startswith("a lost more than")


def test_a_recovery_is_of_a_bases_score() -> None:
    zero = [0.0] * 1000
    found = quality(*both(zero, zero), Margin(points=None, recovery=99))
    assert found.judged == ("a",)
