"""Which records are held against each other: contexts, weights, engines, and all that was asked."""

from typing import Any

import pytest

from core.records import Record
from quality.comparison import quality
from tests.quality_records import harness, record

RIGHT = [1.0] * 700 + [0.0] * 300
WORSE = [1.0] * 600 + [0.0] * 400
SHORT, LONG = {"max_model_len": 256}, {"max_model_len": 1024}


def at(minute: int, made: Record, **changes: Any) -> Record:
    """A record as it would have been made so many minutes later, in another way."""
    return made.model_copy(update={"ended": f"2026-01-01T01:{minute:02d}:00+00:00", **changes})


def of_base(scores: list[float] = RIGHT, minute: int = 0, **changes: Any) -> Record:
    return at(minute, harness("BASE", {"a": scores}), **changes)


def mine(scores: list[float] = RIGHT, minute: int = 1, **changes: Any) -> Record:
    return at(minute, harness("INT4-W4A16", {"a": scores}), **changes)


CONTEXTS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"options": LONG}, {"options": SHORT}, "max_model_len 1024 and 256"),
    ({"options": {"dtype": "auto"}}, {"options": {"dtype": "float16"}}, "dtype auto and float16"),
    (
        {"settings": {"add_bos_token": True}},
        {"settings": {"add_bos_token": False}},
        "add_bos_token True and False",
    ),
    (
        {"settings": {"apply_chat_template": False}},
        {"settings": {"apply_chat_template": True}},
        "apply_chat_template False and True",
    ),
    ({"engine": "vllm"}, {"engine": "another"}, "engine vllm and another"),
]


@pytest.mark.parametrize(("first", "second", "words"), CONTEXTS)
def test_what_was_asked_in_another_way_is_not_paired(
    first: dict[str, Any], second: dict[str, Any], words: str
) -> None:
    found = quality([of_base(**first)], [mine(**second)])
    assert found.verdict is None and found.unpaired and not found.tasks
    assert found.reason == f"the base and the checkpoint were not asked alike: {words}"
    assert quality([of_base(**first)], [mine(**first)]).verdict == "pass"


def test_of_several_contexts_the_one_with_most_documents_counts() -> None:
    """Not the newest: 20 documents of another length replace no verdict on 1000."""
    base = [of_base(options=LONG), of_base(RIGHT[690:710], 5, options=SHORT)]
    own = [mine(WORSE, options=LONG), mine(RIGHT[690:710], 6, options=SHORT)]
    found = quality(base, own)
    assert found.verdict == "fail" and found.tasks["a"].n == 1000
    only = quality(base[1:], own)
    assert only.verdict == "undecided" and only.tasks["a"].n == 20


def test_a_later_easier_question_replaces_no_failure() -> None:
    base = [of_base(), at(5, harness("BASE", {"easy": RIGHT}))]
    own = [mine(WORSE), at(6, harness("INT4-W4A16", {"easy": RIGHT}))]
    found = quality(base, own)
    assert found.verdict == "fail" and set(found.tasks) == {"a", "easy"}
    assert found.failed == ["a"] and found.looks == 2


def test_fewer_documents_later_replace_no_pass() -> None:
    base = [of_base(), of_base(RIGHT[:40], 5)]
    own = [mine(), mine(RIGHT[:40], 6)]
    found = quality(base, own)
    assert found.verdict == "pass" and found.tasks["a"].n == 1000 and found.looks == 1


def test_a_document_scored_twice_counts_as_the_last_time() -> None:
    found = quality([of_base()], [mine(WORSE), mine(RIGHT, 6)])
    assert (found.tasks["a"].worse, found.looks) == (0, 1)
    found = quality([of_base()], [mine(RIGHT, 6), mine(WORSE)])  # in whatever order they come
    assert found.tasks["a"].worse == 0


def test_every_look_costs_confidence() -> None:
    """400 documents without a flip prove a point at a first look, and not at a second."""
    first = quality([of_base([*RIGHT[:300], *RIGHT[-100:]])], [mine([*RIGHT[:300], *RIGHT[-100:]])])
    assert (first.verdict, first.looks) == ("pass", 1)
    scores = [*RIGHT[:300], *RIGHT[-100:]]
    small = quality([of_base(scores)], [mine(scores[:50]), mine(scores, 6)])
    assert (small.verdict, small.looks) == ("undecided", 2)
    assert small.aggregate is not None and first.aggregate is not None
    assert small.aggregate.p_pass == first.aggregate.p_pass
    both = quality([of_base(scores[:50]), of_base(scores, 5)], [mine(scores, 6)])
    assert both.looks == 2  # it was the base that had fewer


def test_the_base_is_what_the_checkpoint_was_made_from() -> None:
    own = mine()
    manifest = {"base": {"fingerprint": "f-base"}}
    own = own.model_copy(update={"subject": own.subject.model_copy(update={"manifest": manifest})})
    found = quality([of_base()], [own])
    assert found.verdict is None and found.unpaired
    assert "other weights than the checkpoint was made from" in found.reason
    base = of_base()
    for fingerprint in ("f-base", ""):  # lm-eval's own files do not say
        weights = base.subject.model_copy(update={"fingerprint": fingerprint})
        right = base.model_copy(update={"subject": weights})
        assert quality([right], [own]).verdict == "pass"
        assert quality([of_base(WORSE, 9), right], [own]).tasks["a"].worse == 0
    before = mine(minute=0)  # a checkpoint against its former self: that is no base
    assert quality([before], [own]).verdict == "pass"


def test_a_checkpoint_made_anew_does_not_keep_its_old_scores() -> None:
    old, new = mine(WORSE), mine(RIGHT[:500], 6)
    weights = new.subject.model_copy(update={"fingerprint": "anew"})
    found = quality([of_base()], [old, new.model_copy(update={"subject": weights})])
    assert found.tasks["a"].n == 500 and found.tasks["a"].worse == 0


def test_runs_of_no_real_work_replace_no_real_ones() -> None:
    """A failed one, an unknown measure's, a simulated engine's."""
    real = {"engine": "vllm"}
    base, own = [of_base(**real)], [mine(WORSE, **real)]
    fake = [of_base(minute=7), mine(minute=8)]
    failed = mine(minute=9, status="failed", raw=None, reason="out of memory", **real)
    unknown = record("unheard_of", "INT4-W4A16", {"tasks": {}})
    found = quality([*base, fake[0]], [*own, fake[1], failed, unknown])
    assert found.verdict == "fail" and found.tasks["a"].worse == 100
    assert quality(fake[:1], fake[1:]).verdict == "pass"  # where there is nothing else


def test_what_a_measure_does_not_merge_is_that_asked_most() -> None:
    def words(minute: int, same: bool, pairs: int) -> Record:
        raw = {"documents": ["1"], "generated": ["yes" if same else "no"]}
        return at(minute, record("references", "X", raw), settings={"pairs": ["p"] * pairs})

    raw = {"documents": ["1"], "generated": ["yes"]}
    base = record("references", raw=raw, settings={"pairs": ["p"]})
    few = quality([base], [words(1, True, 1), words(2, False, 1)])
    assert few.paired["same_answers"] == 0.0  # of equals the newest
