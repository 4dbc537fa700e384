"""What must be equal for two records to be compared, and what is free."""

from typing import Any

import pytest

from comparing.context import conditions, context, differences, grouped, kind_of
from core.records import Record
from tests.report_case import GPU, MACHINE, OPTIONS, memory, quality, speed


def _speed(**changes: Any) -> Record:
    return speed("INT8-W8A8", [100.0], 8, **changes)


def _harness(**changes: Any) -> Record:
    settings = {"names": ["gsm8k"], "limit": 200, "add_bos_token": True, "num_fewshot": 5}
    record = quality("INT8-W8A8", **changes)[0]
    return record.model_copy(update={"settings": settings | changes.get("settings", {})})


def test_kinds() -> None:
    assert kind_of(_speed()) == "speed"
    assert kind_of(memory("BASE", 1)) == "memory"
    assert kind_of(_harness()) == "quality"
    assert kind_of(_speed().model_copy(update={"measure": "of a plug-in removed since"})) == "speed"


def _machine(**changes: Any) -> dict[str, Any]:
    return {"machine": {**MACHINE, **changes}}


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"run_id": "another"}, "run 20260101T000000Z-000001 and another"),
        (_machine(cpu="Xeon"), "processor AMD EPYC and Xeon"),
        (_machine(libraries={"vllm": "0.32.0", "torch": "2.14"}), "torch 2.13.0 and 2.14"),
        ({"options": {**OPTIONS, "dtype": "float32"}}, "dtype auto and float32"),
        ({"engine": "fake"}, "engine vllm and fake"),
        ({"settings": {"prompt_tokens": 1024}}, None),
    ],
)
def test_speed_of_another_kind(changes: dict[str, Any], difference: str | None) -> None:
    if "settings" in changes:
        changes = {"settings": _speed().settings | changes["settings"]}
        difference = "prompt_tokens 128 and 1024"
    other = _speed().model_copy(update=changes)
    assert differences(context(_speed()), context(other)) == [difference]


def test_a_device_counts_as_what_it_is() -> None:
    """Older records were asked for none: what computed is in the hardware."""
    older, auto, cpu = (
        _speed().model_copy(update={"options": {**OPTIONS, **device}})
        for device in ({}, {"device": "auto"}, {"device": "cpu"})
    )
    assert differences(context(older), context(auto)) == []
    assert differences(context(auto), context(cpu)) == []
    apple = cpu.model_copy(update=_machine(accelerator="mps"))
    assert differences(context(cpu), context(apple)) == ["accelerator - and mps"]


def test_the_driver_and_the_engines_own_settings_count() -> None:
    first, second = (
        _speed().model_copy(update=_machine(gpus=[GPU], driver=driver))
        for driver in ("570.1", "580.2")
    )
    assert differences(context(first), context(second)) == ["driver 570.1 and 580.2"]
    first, second = (
        _speed().model_copy(update={"served": {"process": {"LD_PRELOAD": [name]}}})
        for name in ("libtcmalloc.so", "libiomp5.so")
    )
    assert differences(context(first), context(second)) == [
        'LD_PRELOAD ["libtcmalloc.so"] and ["libiomp5.so"]'
    ]


@pytest.mark.parametrize("free", [{"repeats": 9}, {"requests": 50}, {"batch_size": 64}])
def test_what_is_free_for_speed(free: dict[str, Any]) -> None:
    other = _speed().model_copy(update={"settings": _speed().settings | free})
    assert not differences(context(_speed()), context(other))


def test_memory_is_compared_across_runs_and_speed_is_not_unless_asked_for() -> None:
    first, second = memory("BASE", 1), memory("BASE", 1, run_id="another")
    assert not differences(context(first), context(second))
    newer = _speed(run_id="another", **_machine(libraries={"vllm": "0.33.0"}))
    assert not differences(conditions(_speed()), conditions(newer))


@pytest.mark.parametrize(
    ("option", "free"),
    [
        ({"max_model_len": 256}, False),
        ({"dtype": "float32"}, False),
        ({"kv_cache_memory_bytes": 1 << 30}, True),
        ({"max_num_seqs": 16}, True),
    ],
)
def test_options_of_quality(option: dict[str, Any], free: bool) -> None:
    other = _harness().model_copy(update={"options": {**OPTIONS, **option}})
    assert (not differences(context(_harness()), context(other))) is free


@pytest.mark.parametrize(
    ("setting", "free"),
    [
        ({"limit": 40}, True),
        ({"names": ["piqa"]}, True),
        ({"data_dir": "elsewhere"}, True),
        ({"num_fewshot": 0}, False),
        ({"add_bos_token": False}, False),
        ({"text": {"digest": "x", "data_dir": "elsewhere"}}, False),
    ],
)
def test_questions_of_quality(setting: dict[str, Any], free: bool) -> None:
    settings = {"text": {"digest": "y", "data_dir": "here"}}
    first = _harness(settings=settings)
    other = first.model_copy(update={"settings": first.settings | setting})
    assert (not differences(context(first), context(other))) is free


def test_long_settings_are_quoted_by_their_digest() -> None:
    texts = {"settings": _speed().settings | {"texts": ["a" * 50, "b"]}}
    own = context(_speed().model_copy(update=texts))["texts"]
    assert own.startswith("2 of one's own (") and "aaaa" not in own


def test_records_that_never_loaded_join_the_group_that_knows_more() -> None:
    whole = _speed().model_copy(update={"served": {"process": {"LD_PRELOAD": ["a.so"]}}})
    failed = _speed(status="failed").model_copy(update={"served": None})
    other = _speed(run_id="another")
    groups = grouped((context(r), r.run_id + r.status) for r in (failed, whole, other))
    assert groups == [[whole.run_id + "ok", whole.run_id + "failed"], ["anotherok"]]
