"""Disk, weights, KV cache and the peaks of a session's stages."""

import pytest

from core.measure import Workload
from measures import memory
from tests.measures.conftest import Load

SERVED = {
    "weights_bytes": 700,
    "kv_cache_bytes": 300,
    "kv_cache_tokens": 60,
    "max_concurrency": 1.5,
    "engine": "fake",
}
KNOWN = {
    "checkpoint_bytes": 800.0,
    "weights_bytes": 700.0,
    "kv_cache_bytes": 300.0,
    "kv_cache_tokens": 60.0,
    "max_concurrency": 1.5,
}
STAGES = [
    ({}, {}),
    ({"idle": {"rss": 5}}, {}),
    ({"idle": {"used_bytes": 5, "peak_bytes": 9}}, {}),
    ({"loaded": {"peak_bytes": 50}}, {"peak_bytes": 50, "loading_peak_bytes": 50}),
    (
        {"idle": {"peak_bytes": 45}, "loaded": {"peak_bytes": 50}, "batch": {"peak_bytes": 40}},
        {
            "peak_bytes": 50,
            "loading_peak_bytes": 50,
            "inference_peak_bytes": 40,
            "batch_peak_bytes": 40,
        },
    ),
    (
        {"sequential": {"peak_bytes": 60}, "batch": {"peak_bytes": 70}},
        {
            "peak_bytes": 70,
            "inference_peak_bytes": 70,
            "sequential_peak_bytes": 60,
            "batch_peak_bytes": 70,
        },
    ),
    (  # of several batch sizes the one that took most
        {
            f"{n}:{m}": {"peak_bytes": p}
            for n, m, p in ((1, "batch", 70), (2, "batch", 75), (0, "load", 9))
        },
        {"peak_bytes": 75, "inference_peak_bytes": 75, "batch_peak_bytes": 75},
    ),
    (  # a GPU that other processes use too, or a process that holds its libraries
        {
            "idle": {"used_bytes": 30, "peak_bytes": 90},
            "loaded": {"used_bytes": 55, "peak_bytes": 60},
            "0:batch": {"used_bytes": 55, "peak_bytes": 75},
        },
        {
            "peak_bytes": 45,
            "loading_peak_bytes": 30,
            "inference_peak_bytes": 45,
            "batch_peak_bytes": 45,
            "idle_bytes": 30,
        },
    ),
    (  # what others used on the GPU before is gone: there is no figure
        {"idle": {"used_bytes": 30}, "loaded": {"peak_bytes": 29}},
        {},
    ),
    (
        {"idle": {"used_bytes": 30}, "loaded": {"peak_bytes": 30}},
        {"peak_bytes": 0, "loading_peak_bytes": 0, "idle_bytes": 30},
    ),
]


@pytest.mark.parametrize(("stages", "peaks"), STAGES)
def test_figures(stages: dict[str, dict[str, int]], peaks: dict[str, float]) -> None:
    raw = {"checkpoint_bytes": 800, "served": SERVED, "stages": stages}
    figures = memory.figures(raw)
    assert {name: figure.value for name, figure in figures.items()} == KNOWN | peaks


def test_what_the_engine_serves_is_kept(load: Load) -> None:
    loaded = load()
    loaded.memory = {"loaded": {"peak_bytes": 5}}
    raw = memory.run(loaded, Workload())
    assert raw["stages"] == loaded.memory and raw["checkpoint_bytes"] == 1000
    figures = memory.figures(raw)
    assert figures["kv_cache_tokens"].value == 2048
    assert figures.keys() <= memory.MEASURE.quantities.keys()
