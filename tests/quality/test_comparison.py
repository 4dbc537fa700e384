"""Verdicts from records: pairs, mismatches, corrections, margins."""

import pytest

from core.errors import UserError
from quality.comparison import Margin, parse_margins, quality
from quality.tasks import primary
from tests.quality_records import harness, record

RIGHT = [1.0] * 800 + [0.0] * 200


def test_the_base_beside_itself_passes() -> None:
    base = [harness("BASE", {"a": RIGHT, "b": RIGHT})]
    found = quality(base, base)
    assert found.verdict == "pass" and found.aggregate is not None
    assert found.aggregate.difference == 0 and found.aggregate.recovery == 100


def test_one_broken_task_fails_though_the_mean_does_not() -> None:
    tasks = {name: RIGHT for name in "abcdefgh"}
    broken = {**tasks, "b": [1.0] * 740 + [0.0] * 260}
    found = quality([harness("BASE", tasks)], [harness("INT4-W4A16", broken)])
    assert found.aggregate is not None and found.aggregate.verdict == "pass"
    assert found.verdict == "fail" and found.reason.startswith("b lost more than")
    assert found.p_values["b"] < 0.05 and found.p_values["a"] == 1


def test_documents_that_both_answered_are_paired() -> None:
    """A base that was asked on for more keeps its verdict."""
    base = harness("BASE", {"a": RIGHT}, {"a": [f"{n + 5:012x}" for n in range(1000)]})
    base.raw["tasks"]["a"]["scores"]["acc,none"] = [*RIGHT[5:], *RIGHT[:5]]  # type: ignore[index]
    found = quality([base], [harness("INT4-W4A16", {"a": RIGHT})])
    assert found.verdict == "pass" and found.tasks["a"].n == 995
    assert (found.tasks["a"].worse, found.tasks["a"].better) == (0, 0)
    assert found.incomplete == ("995 of the 1,000 documents asked of a",)
    assert found.reason.endswith("; rests on 995 of the 1,000 documents asked of a")


def test_other_documents_are_not_paired() -> None:
    base = harness("BASE", {"a": RIGHT})
    other = harness("INT4-W4A16", {"a": RIGHT}, {"a": [f"{n:012}" for n in range(2000, 3000)]})
    found = quality([base], [other])
    assert found.verdict is None and found.unpaired
    assert "none is the same: score the base anew" in found.reason


def test_what_is_missing_is_said() -> None:
    base, mine = [harness("BASE", {"a": RIGHT})], [harness("INT4-W4A16", {"b": RIGHT})]
    assert "different tasks" in quality(base, mine).reason
    assert "not scored" not in quality(base, base).reason
    assert quality([], mine).reason == "no task was scored on the base"
    failed = record("harness", "INT4-W4A16", status="failed", reason="a log-probability is nan")
    assert quality(base, [failed]).reason == "a log-probability is nan"


def test_a_group_is_one_task() -> None:
    base, mine = harness("BASE", {"a": RIGHT, "b": RIGHT}), harness("X", {"a": RIGHT, "b": RIGHT})
    for record_ in (base, mine):
        assert record_.raw is not None
        record_.raw["groups"] = {"whole": ["a", "b"]}
    found = quality([base], [mine])
    assert list(found.tasks) == ["whole"] and found.tasks["whole"].n == 2000


def test_what_a_margin_means_nothing_to_is_not_judged() -> None:
    base, mine = harness("BASE", {"a": [30.0] * 20}), harness("X", {"a": [40.0] * 20})
    assert quality([base], [mine]).reason.startswith("no task gives right or wrong")
    better = harness("BASE", {"a": RIGHT})
    assert better.raw is not None
    better.raw["tasks"]["a"]["higher_is_better"]["acc,none"] = False
    assert quality([better], [better]).verdict is None


def test_margins() -> None:
    margins = parse_margins("2,INT4_w4a16=97%")
    assert margins[""].of(0.5) == pytest.approx(0.02)
    assert margins["INT4-W4A16"].of(0.5) == pytest.approx(0.015)
    assert str(margins["INT4-W4A16"]) == "97 % recovery" and str(Margin()) == "1 point"
    worse = [1.0] * 770 + [0.0] * 230
    base, mine = [harness("BASE", {"a": RIGHT})], [harness("INT4-W4A16", {"a": worse})]
    verdicts = [quality(base, mine, Margin(points=p)).verdict for p in (1, 10)]
    assert verdicts == ["fail", "pass"]


@pytest.mark.parametrize("text", ["x", "0", "-1", "20%", "INT4=", "200%"])
def test_margins_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="--margin wants"):
        parse_margins(text)


def test_perplexity_is_paired_by_window() -> None:
    raw = {"nll": [100.0, 300.0, 500.0], "tokens": [50, 50, 50], "begins_with": 1}
    more = {**raw, "nll": [101.0, 301.0, 501.0]}
    found = quality([record("perplexity", raw=raw)], [record("perplexity", "INT4-W4A16", more)])
    assert "perplexity_ratio" in found.paired
    value, low, high = found.paired["perplexity_ratio"]
    assert value == pytest.approx(2.718281828 ** (1 / 50))
    assert low == pytest.approx(value) and high == pytest.approx(value)


@pytest.mark.parametrize(
    ("settings", "paired"), [({"data_dir": "b"}, True), ({"window": 64}, False)]
)
def test_where_the_text_lay_is_no_setting(settings: dict[str, object], paired: bool) -> None:
    raw = {"nll": [100.0], "tokens": [50], "begins_with": 1}
    base = record("perplexity", raw=raw, settings={"window": 128, "data_dir": "a"})
    mine = record("perplexity", "FP8-W8A8", raw, settings={**base.settings, **settings})
    assert ("perplexity_ratio" in quality([base], [mine]).paired) == paired


def test_generated_answers_that_are_the_bases() -> None:
    def answers(*texts: str) -> dict[str, object]:
        return {"documents": ["1", "2"], "generated": list(texts)}

    base = [record("references", raw=answers("yes", "no"))]
    mine = [record("references", "INT4-W4A16", answers("yes", "maybe"))]
    assert quality(base, mine).paired["same_answers"] == 0.5


@pytest.mark.parametrize(
    ("metrics", "chosen"),
    [
        (["acc,none", "acc_norm,none"], "acc_norm,none"),
        (["exact_match,flexible-extract", "exact_match,strict-match"], "exact_match,strict-match"),
        (["rouge1,none", "f1,none"], "rouge1,none"),
        ([], None),
    ],
)
def test_the_metric_a_task_is_judged_by(metrics: list[str], chosen: str | None) -> None:
    assert primary(metrics) == chosen
