"""What commands print at their end: the report's tables, of the records they made."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from core import cli
from core.records import Record
from quality.comparison import Scored, parse_margins
from reporting.console import results
from reporting.contents.summary import summary
from reporting.deciding import study
from reporting.formats import terminal
from tests.quality_records import harness
from tests.report_case import performance, quality, typical, write


def line_of(text: str, start: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith(start))
    return line


def scored(*checkpoints: list[Record]) -> list[Scored]:
    base = quality("BASE")
    return [
        Scored(base=base, checkpoint=base),
        *(Scored(base=base, checkpoint=records) for records in checkpoints),
    ]


def test_one_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    results.show_performance(performance("INT8-W8A8", 400, 6 << 20), Path("perf_results"), False)
    shown = capsys.readouterr()
    row = " ".join(line_of(shown.out, "INT8-W8A8 ").split())
    assert row.startswith("INT8-W8A8 6.00 MiB 400 4,000 2.29 16.0 1,600 6.00 MiB")
    assert row.endswith("524,288 2.00 GiB 4.00")
    assert "; all of each checkpoint was in the page cache" in shown.out
    assert "speed-up" not in shown.out and "15 records in perf_results/" in shown.err


def test_a_run_has_a_row_for_what_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, typical())
    results.show_run(typical(), "tiny", [tmp_path], "1", False)
    shown = capsys.readouterr().out
    summary = shown.partition("\nQuality\n")[0]
    assert line_of(summary, "INT8-W8A8 ").split()[1:4] == ["1.33x", "1.33x", "pass"]
    assert set(line_of(summary, "FP8-W8A8 ").split()[1:]) == {"-", "not", "served"}
    assert line_of(summary, "FP8-W8A8:") == "FP8-W8A8: not served natively here: no kernel"
    assert "INT8-W8A8: mean of 2 tasks, 800 documents, 0.00 points" in shown
    assert "For one user's latency: INT8-W8A8" in shown


def test_a_run_without_a_decision_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results.show_run(performance("BASE", 300, 1), "tiny", [tmp_path], "1", False)
    shown = capsys.readouterr()
    assert "no decision: there are no records" in shown.err and line_of(shown.out, "BASE ")
    results.show_run(performance("BASE", 300, 1), "tiny", [tmp_path], "1", True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["report"] is None and len(printed["records"]) == 15


def test_loads_that_overlap_are_indistinguishable(capsys: pytest.CaptureFixture[str]) -> None:
    noisy = performance("INT8-W8A8", 310, 1, spread=0.2)
    results.show_run([*performance("BASE", 300, 1), *noisy], "tiny", [], "1", False)
    shown = capsys.readouterr().out
    assert line_of(shown.partition("\nWhich")[0], "INT8-W8A8 ").split()[1] == "~"
    assert "speed-up over BASE, over 3 fresh loads; ~: indistinguishable from BASE" in shown
    assert "vary by more than 8 %: INT8-W8A8 batch 32, INT8-W8A8 batch 8" in shown


def test_quality_beside_the_base(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = scored(quality("INT8-W8A8", 0.7, 0.002), quality("INT4-W4A16", 0.5, 0.08))
    said = results.show_quality(pairs, parse_margins("1"), Path("eval_results"), False)
    assert [compared.verdict for compared in said][1:] == ["pass", "fail"]
    shown = capsys.readouterr()
    table = shown.out.partition("\nTasks\n")[0]
    assert "pass" in line_of(table, "INT8-W8A8 ") and "fail" in line_of(table, "INT4-W4A16 ")
    assert "INT4-W4A16: demo_arc_easy differs from the base (-" in shown.out
    assert "McNemar p" in shown.out and "12 records in eval_results/" in shown.err


def test_cut_prompts_and_groups_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    base, checkpoint = (
        harness(scheme, {"a": [1.0, 0.0] * 20, "b": [1.0, 1.0] * 20})
        for scheme in ("BASE", "INT8-W8A8")
    )
    for record in (base, checkpoint):
        assert record.raw is not None
        record.raw |= {"groups": {"both": ["a", "b"]}, "truncated": 3}
    of_base = [base]
    pairs = [
        Scored(base=of_base, checkpoint=of_base),
        Scored(base=of_base, checkpoint=[checkpoint]),
    ]
    results.show_quality(pairs, parse_margins("1"), Path(), False)
    shown = capsys.readouterr().out
    assert "BASE, INT8-W8A8: 3 prompts did not fit the context" in shown
    assert "INT8-W8A8: a: 4 of 40 prompts" not in shown and " cut " not in shown
    assert line_of(shown, "INT8-W8A8  both").split()[1:4] == ["both", "75.0", "%"]
    assert line_of(shown, "BASE       both").split()[1:4] == ["both", "75.0", "%"]


def test_what_was_cut_stands_beside_the_score(capsys: pytest.CaptureFixture[str]) -> None:
    base, checkpoint = (
        harness(scheme, {"a": [1.0, 0.0] * 20, "b": [1.0, 1.0] * 20})
        for scheme in ("BASE", "INT8-W8A8")
    )
    assert checkpoint.raw is not None
    checkpoint.raw["tasks"]["a"] |= {"generated": 40, "prompts_cut": 4, "answers_cut": 1}
    of_base = [base]
    pairs = [
        Scored(base=of_base, checkpoint=of_base),
        Scored(base=of_base, checkpoint=[checkpoint]),
    ]
    results.show_quality(pairs, parse_margins("1"), Path(), False)
    shown = capsys.readouterr().out
    said = "INT8-W8A8: a: 4 of 40 prompts lost their beginning, 1 of 40 answers used up their room"
    assert said in shown
    table = shown.partition("\nTasks\n")[2]
    assert line_of(table, "scheme ").split()[:4] == ["scheme", "task", "score", "cut"]
    rows = [line for line in table.splitlines() if line.startswith(("BASE ", "INT8-W8A8 "))]
    assert ["4 prompts, 1 answer" in row for row in rows] == [False, False, True, False]


def test_quality_as_json_has_paired_figures_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    said = results.show_quality(
        scored(quality("INT8-W8A8", 0.7, 0.002)), parse_margins("1"), Path(), True
    )
    assert [compared.paired.get("same_answers") for compared in said] == [1.0, 1.0]
    _, printed = json.loads(capsys.readouterr().out)
    assert printed["scheme"] == "INT8-W8A8" and printed["quality"]["same_answers"] == 1.0
    assert "paired" not in printed["quality"] and len(printed["records"]) == 4


def test_a_table_wider_than_the_terminal_is_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=80, soft_wrap=True)
    monkeypatch.setattr(cli, "out", screen)
    terminal.show_tables([summary(study.of_records(typical()), everything=True)])
    assert isinstance(screen.file, io.StringIO)
    shown = Text.from_ansi(screen.file.getvalue()).plain
    rows = [line for line in shown.splitlines() if line.startswith("INT8-W8A8 ")]
    assert len(rows) > 1 and max(map(len, rows)) <= 80 and "…" not in shown
    assert "4,000" in shown and "1.33x" in shown and "6.00 MiB" in shown


def test_the_verdict_is_of_all_that_is_held(tmp_path: Path) -> None:
    """A run of 20 documents after one of 400 says what a report says."""
    write(tmp_path, [*quality("BASE"), *quality("INT8-W8A8", 0.7, 0.002)])
    later = {"ended": "2026-02-01T00:00:00+00:00"}
    base, mine = (quality(s, documents=20, **later) for s in ("BASE", "INT8-W8A8"))
    pairs = [Scored(base=base, checkpoint=base), Scored(base=base, checkpoint=mine)]
    _, said = results.judged(pairs, parse_margins("1"), tmp_path)
    assert said.verdict == "pass" and said.looks == 1
    assert {task.n for task in said.tasks.values()} == {400}
    _, alone = results.judged(pairs, parse_margins("1"), tmp_path / "nothing")
    assert alone.verdict == "undecided" and alone.aggregate is not None and alone.aggregate.n == 40


def test_schemes_are_judged_with_all_that_are_held(tmp_path: Path) -> None:
    """3 of 1000 lost pass alone; not with five others that are in the folder."""

    def lost(scheme: str, number: int) -> Record:
        scores = [1.0] * (800 - number) + [0.0] * (200 + number)
        return harness(scheme, {"a": scores})

    base, lucky = [lost("BASE", 0)], [lost("INT8-W8A8", 3)]
    pairs = [Scored(base=base, checkpoint=base), Scored(base=base, checkpoint=lucky)]
    assert [q.verdict for q in results.judged(pairs, parse_margins("1"), tmp_path)][1] == "pass"
    write(tmp_path, [lost(f"INT{n}", 8) for n in range(5)])
    other = lost("INT9", 0)
    elsewhere = other.subject.model_copy(update={"model": "tiny-2"})
    write(tmp_path, [other.model_copy(update={"subject": elsewhere})])
    base_said, said = results.judged(pairs, parse_margins("1"), tmp_path)
    assert (said.verdict, said.schemes) == ("undecided", 6)
    assert base_said.verdict == "pass" and base_said.schemes == 1
    wide = results.judged(pairs, parse_margins("1,INT8-W8A8=3"), tmp_path)[1]
    assert wide.verdict == "pass" and wide.margin == "3 points"


def test_tasks_that_cannot_show_a_loss_are_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    base, mine = (
        harness(scheme, {"a": [1.0, 0.0] * 200, "b": [0.0] * 400}) for scheme in ("BASE", "X")
    )
    pairs = [Scored(base=[base], checkpoint=[base]), Scored(base=[base], checkpoint=[mine])]
    results.show_quality(pairs, parse_margins("1"), Path("nothing"), False)
    shown = capsys.readouterr().out
    row = next(line for line in shown.splitlines() if line.startswith("X") and " b (acc)" in line)
    assert row.rstrip().endswith("uninformative: base at chance (0.0 %)")
    assert "not judged: b: base at chance (0.0 %); see --apply_chat_template" in " ".join(
        shown.split()
    )
