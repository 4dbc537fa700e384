"""Seconds until a checkpoint can answer, phase by phase."""

import pytest

from core.measure import Workload
from measures import load as measure
from tests.measures.conftest import Load

CASES = [
    # seconds to load, phases, what no phase accounts for
    (10.0, {"weights_s": 4.0, "compile_s": 2.5, "graph_capture_s": 1.0}, 2.5),
    (10.0, {"weights_s": 4.0}, 6.0),
    (10.0, {}, 10.0),
    (3.0, {"weights_s": 2.0, "compile_s": 2.0}, 0.0),  # phases that overlap
    (5.0, {"weights_s": 2.0, "other_s": 1.0}, 3.0),  # no phase of ours
]


@pytest.mark.parametrize(("load_s", "phases", "rest"), CASES)
def test_the_rest_is_what_no_phase_accounts_for(
    load_s: float, phases: dict[str, float], rest: float
) -> None:
    figures = measure.figures({"timing": {"load_s": load_s}, "phases": phases})
    assert figures["rest_s"].value == pytest.approx(rest)
    assert figures["load_s"].value == load_s
    known = {name: phases[name] for name in phases if name in measure.PHASES}
    assert {name: figures[name].value for name in known} == known
    assert "other_s" not in figures


def test_what_was_not_timed_is_no_figure() -> None:
    timing = {"load_s": 1.0, "import_s": None, "compile_cache": 0.0}
    figures = measure.figures({"timing": timing, "phases": {}})
    assert figures.keys() == {"load_s", "compile_cache", "rest_s"}
    assert figures["compile_cache"].value == 0 and figures["load_s"].low is None


def test_the_first_request_is_timed_apart(load: Load) -> None:
    loaded = load()
    raw = measure.run(loaded, Workload(prompt_tokens=8, max_new_tokens=4))
    assert raw["timing"]["first_request_ttft_s"] == pytest.approx(0.004)
    assert raw["timing"]["load_s"] == 2.0 and raw["phases"] == {"weights_s": 0.01}
    assert loaded.drawn == 1
    figures = measure.figures(raw)
    assert figures["rest_s"].value == pytest.approx(1.99)
    assert figures.keys() <= measure.MEASURE.quantities.keys()
