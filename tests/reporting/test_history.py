"""Run against run: what is statistically significant is called, and nothing else."""

import json
import math
import random
import statistics
from pathlib import Path

import pytest

from core.errors import UserError
from core.records import Figure, Record
from reporting.contents.changes import change_table
from reporting.deciding import history, runs
from reporting.deciding.history import Change
from reporting.reading import results as reading
from tests.report_case import (
    MACHINE,
    OPTIONS,
    figure,
    performance,
    quality,
    typical,
    write,
)


def run(number: int, rate: float = 300, **changes: object) -> list[Record]:
    stamp = f"2026-01-{number:02d}T00:00:00+00:00"
    when = {"run_id": f"202601{number:02d}T", "started": stamp, "ended": stamp, **changes}
    return performance("BASE", rate, 10 << 20, **when)


def compared(folder: Path, *made: list[Record]) -> list[Change]:
    for records in made:
        write(folder, records)
    known = runs.runs(reading.read([folder]))
    return history.compare(known[-2], known[-1], known[:-1])


def calls(changes: list[Change]) -> dict[str, str]:
    return {f"{c.measure} {c.figure}": c.called for c in changes}


def three(*rates: float) -> list[list[Record]]:
    """Runs that differ by about one per cent."""
    return [run(n, rate) for n, rate in enumerate(rates or (300, 303, 297), start=1)]


def test_the_same_twice_is_no_difference(tmp_path: Path) -> None:
    found = calls(compared(tmp_path, *three(), run(4, 301)))
    assert set(found.values()) == {"no difference"}


def test_two_runs_do_not_tell_how_much_runs_differ(tmp_path: Path) -> None:
    """Times are tested where three earlier runs say so, whatever one run's loads spread."""
    found = calls(compared(tmp_path, run(1), run(2, 200)))
    assert found["sequential e2e_latency_s"] == "not tested"
    assert found["memory weights_bytes"] == "no difference"


@pytest.mark.parametrize(("rate", "called"), [(200, "regression"), (450, "improvement")])
def test_what_is_outside_the_noise_is_called(tmp_path: Path, rate: float, called: str) -> None:
    found = calls(compared(tmp_path, *three(), run(4, rate)))
    assert found["sequential e2e_latency_s"] == called
    assert found["batch 32 output_tokens_per_s"] == called
    assert found["memory weights_bytes"] == "no difference"


def test_a_size_has_no_noise(tmp_path: Path) -> None:
    bigger = [r for r in run(2) if r.measure != "memory"]
    stamp = "2026-01-02T00:00:00+00:00"
    bigger += performance("BASE", 300, 11 << 20, run_id="20260102T", ended=stamp)[-1:]
    assert calls(compared(tmp_path, run(1), bigger))["memory weights_bytes"] == "regression"


def test_what_failed_since_is_a_regression(tmp_path: Path) -> None:
    failed = [
        r.model_copy(update={"status": "failed", "reason": "crash", "figures": {}}) for r in run(2)
    ]
    changes = compared(tmp_path, run(1), failed)
    assert {c.called for c in changes} == {"regression"} and "crash" in changes[0].reason


def test_lost_quality_is_a_regression(tmp_path: Path) -> None:
    late = {"run_id": "20260102T", "ended": "2026-01-02T00:00:00+00:00"}
    worse = compared(tmp_path, quality("INT8-W8A8"), quality("INT8-W8A8", 0.5, **late))
    assert {c.called for c in worse if c.measure == "harness"} == {"regression"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"machine": {**MACHINE, "cores": 8}}, "cores 2 and 8"),
        ({"options": {**OPTIONS, "enforce_eager": True}}, "enforce_eager False and True"),
    ],
)
def test_other_hardware_or_settings_are_refused(tmp_path: Path, changes: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        compared(tmp_path, run(1), run(2, **changes))


@pytest.mark.parametrize("deviation", [0.03, 0.1])
def test_runs_alike_raise_no_alarm(deviation: float) -> None:
    """However far runs differ by themselves: 200 histories of three runs and two more."""
    rng = random.Random(0)

    def drawn() -> Figure:
        return figure([300 * 2.718281828 ** rng.gauss(0, deviation)], "tokens/s", "higher")

    def alarm() -> bool:
        earlier = [drawn() for _ in range(3)]
        return history.timed(earlier[-1], drawn(), earlier, 1)[0] in ("regression", "improvement")

    assert sum(alarm() for _ in range(200)) <= 0.08 * 200


def test_earlier_runs_tell_the_noise() -> None:
    """What is far outside 1 % is no regression where runs have always differed so much."""
    old, new = (figure([v], "tokens/s", "higher") for v in (300, 240))
    assert history.timed(old, new, [], 5) == ("not tested", None)
    quiet = [figure([v], "tokens/s", "higher") for v in (300, 303, 297, 301)]
    assert history.timed(old, new, quiet[:2], 5) == ("not tested", None)
    assert history.timed(old, new, quiet, 5)[0] == "regression"
    wild = [figure([v], "tokens/s", "higher") for v in (300, 230, 400, 260, 350, 290)]
    assert history.timed(old, new, wild, 5)[0] == "no difference"


def test_the_interval_is_students_over_earlier_runs() -> None:
    values = (300.0, 303.0, 297.0)
    earlier = [figure([v], "tokens/s", "higher") for v in values]
    called, ratio = history.timed(earlier[0], figure([310.0], "tokens/s", "higher"), earlier, 1)
    spread = statistics.stdev(math.log(v) for v in values)
    half = 4.302652729 * math.sqrt(2) * spread  # t(0.975, 2)
    assert ratio is not None and called == "no difference"
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx(
        (310 / 300, 310 / 300 * math.exp(-half), 310 / 300 * math.exp(half))
    )


def test_exit_codes(report, tmp_path: Path) -> None:
    for records in (*three(), run(4), run(5, 200)):
        write(tmp_path / "perf_results", records)
    done = report("--compare", "20260101", "20260105")
    assert done.exit_code == 3, done.stderr
    assert "regression: BASE sequential e2e_latency_s" in done.stderr
    assert report("--compare", "20260105", "20260101").exit_code == 0
    done = report("--history")
    assert done.exit_code == 3 and "20260101T" in done.stdout
    done = report("--compare", "20260101", "nothing")
    assert done.exit_code == 2 and "no run is called 'nothing'" in done.stderr


def test_figures_without_a_difference_are_one_line(tmp_path: Path) -> None:
    changes = compared(tmp_path, *three(), run(4, 301))
    table = change_table(changes, "before", "after")
    same = [change for change in changes if change.called == "no difference"]
    assert len(same) > 1 and len(table.rows) == len(changes) - len(same)
    assert table.notes[0].startswith(f"{len(same)} figures without a difference: ")
    assert not any(row[-1].text == "no difference" for row in table.rows)


def test_folders_can_be_compared(report, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, typical())
    line = ("--compare", "a", "b", "--results_dir", "a", "--json")
    done = report(*line)
    assert done.exit_code == 0, done.stderr
    assert '"regressions": 0' in done.stdout


def test_a_history_is_a_page_with_a_chart_a_figure(report, tmp_path: Path) -> None:
    write(tmp_path / "perf_results", [r for records in (*three(), run(4, 200)) for r in records])
    done = report("--history", "--format", "html")
    assert done.exit_code == 3 and "regression: BASE" in done.stderr, done.stderr
    shown = (tmp_path / "history-tiny.html").read_text()
    assert "<h1>How tiny went</h1><p>4 runs, 2026-01-01 to 2026-01-04</p>" in shown
    assert 'id="history-BASE"' in shown and 'id="changes"' in shown
    drawn = json.loads(shown.partition('id="charts">')[2].partition("</script>")[0])["history"]
    (latency,) = (chart for chart in drawn if chart["title"] == "latency, one user")
    assert [point["at"] for point in latency["lines"]["BASE"]] == [
        f"2026-01-0{number}T00:00:00" for number in range(1, 5)
    ]
    first, *_, second = latency["lines"]["BASE"]
    assert first["low"] < first["value"] < first["high"] < second["value"]
    assert (latency["unit"], latency["better"]) == ("ms", "lower")
    assert {c["unit"] for c in drawn if c["title"] == "weights"} == {"MiB"}
    done = report("--compare", "20260101T", "20260102T", "--format", "html")
    assert (
        done.exit_code == 2
        and "made as json, md or terminal (--history as html too)" in done.stderr
    )


def test_a_run_that_scored_only_is_not_what_the_newest_is_compared_with(tmp_path: Path) -> None:
    when = {n: {"run_id": f"202601{n:02d}T", "ended": f"2026-01-{n:02d}T01:00:00+00:00"}
            for n in (1, 2, 3)}  # fmt: skip
    for records in (run(1), quality("BASE", **when[1]), quality("BASE", **when[2]), run(3),
                    quality("BASE", **when[3])):  # fmt: skip
        write(tmp_path, records)
    known, _ = runs.comparable(runs.runs(reading.read([tmp_path])))
    assert [r.name for r in known] == ["20260101T", "20260102T", "20260103T"]
    before = runs.previous(known)
    assert before is not None and before.name == "20260101T"
    assert history.compare(before, known[-1])
