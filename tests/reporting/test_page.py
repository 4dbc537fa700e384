"""The page: what it folds, and what it tells of each scheme."""

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest

from reporting.contents import document
from reporting.formats import _details as details
from reporting.formats import html as page
from tests.report_case import EVIL, analysis, performance, quality, typical
from tests.reporting.conftest import made


def test_a_long_command_is_folded_whole_and_broken_between_options(tmp_path: Path) -> None:
    built = document.build(made(tmp_path, typical()), "memory")
    command = "python score.py --model 'a b' --limit 5 --json"
    undecided = replace(built.outcomes[0], decided=False, to_decide=[command])
    shown = page.html(replace(built, outcomes=[undecided]))
    folded = shown.partition("<summary>How to decide it</summary>")[2].partition("</details>")[0]
    code = folded.partition("<code>")[2].partition("</code>")[0]
    assert html.unescape(re.sub("<[^>]*>", "", code)) == command
    assert "<span>--limit 5</span>" in code and 'class="copy"' in folded


def test_settings_are_told_per_measure(tmp_path: Path) -> None:
    (scheme,) = details.schemes(made(tmp_path, performance("BASE", 300, 1, model="demo")))
    settings = scheme.partition("<h3>Settings</h3>")[2].partition("<h3>")[0]
    options, *measures = settings.split("<details>")
    assert "max model len" in options and "batch size" not in options
    told = {m.partition("<summary>")[2].partition("<")[0]: m for m in measures}
    assert set(told) == {"load", "sequential", "batch 8", "batch 32", "memory"}
    assert "<dt>batch size</dt><dd>32</dd>" in told["batch 32"]
    assert "<dt>folder</dt><dd>demo/model</dd>" in scheme


def test_what_is_inside_a_checkpoint_is_shown_as_text(tmp_path: Path) -> None:
    """Findings, a row of the table, both charts; layers are folded beyond sixty."""
    found = made(tmp_path, [*typical(), analysis("INT8-W8A8", [EVIL, "<script>x</script>"], 61)])
    built = document.build(found)
    shown = page.html(built).partition('<script type="application/json"')[0]
    assert "<h3>What is inside</h3>" in shown and "2 findings." in shown
    assert "<script>x" not in shown and "&lt;script&gt;x" in shown and "<img" not in shown
    assert "61 layers against the base</summary>" in shown
    table = next(t for t in built.tables if t.key == "checkpoints")
    assert [cell.text for cell in table.rows[0]] == [
        "INT8-W8A8",
        "2 findings",
        "8.25",
        "I8 6.00 MiB, BF16 1.00 MiB",
        "60.0",
        "model.layers.0.mlp.up_proj (30.0 dB)",
    ]
    drawn = page.chart_data(built)
    assert drawn["dtypes"]["series"] == {"I8": [6.0], "BF16": [1.0]}
    assert len(drawn["sqnr"][0]["lines"]["up_proj"]) == 61


def test_prompts_stand_above_the_answers(tmp_path: Path) -> None:
    """Next to the base's; what both answer alike stands there once."""
    asked = {"settings": {"pairs": [["Where is\nthe lake?", "north"], [EVIL, "x"]]}}
    records = [
        r.model_copy(update=asked) if r.measure == "references" else r
        for r in [*performance("BASE", 300, 1), *quality("BASE")]
    ]
    others = {"generated": ["other", "two"], "documents": ["a", "b"], "scores": {}}
    records += performance("INT8-W8A8", 400, 1)
    records += [
        r.model_copy(update={**asked, "raw": others}) if r.measure == "references" else r
        for r in quality("INT8-W8A8")
    ]
    study = made(tmp_path, records)
    _, scheme = details.schemes(study)
    first, second = scheme.partition("<h3>Answers</h3>")[2].split('<div class="answer">')[1:]
    assert "Prompt 1</p>" in first and ">Where is\nthe lake?</div>" in first
    assert ">other</div>" in first and "INT8-W8A8</p>" in first and "BASE</p>" in first
    assert "<img" not in second and html.escape(EVIL) in second
    assert "INT8-W8A8 and BASE, word for word</p>" in second and second.count(">two</div>") == 1


def test_a_long_list_is_counted_in_the_settings(tmp_path: Path) -> None:
    texts = {"settings": {"texts": [f"prompt number {n}" for n in range(50)]}}
    record = performance("BASE", 300, 1, rounds=1)[1].model_copy(update=texts)
    (scheme,) = details.schemes(made(tmp_path, [record]))
    assert "<dt>texts</dt><dd>50 of them, in the record</dd>" in scheme


@pytest.mark.parametrize(
    ("decided", "winner", "badge"),
    [
        (True, "BASE", '<span class="badge good">decided'),
        (False, "BASE", '<span class="badge open">undecided'),
        (True, None, '<span class="badge bad">none fits'),
    ],
)
def test_a_badge_is_green_only_for_what_is_decided(
    tmp_path: Path, decided: bool, winner: str | None, badge: str
) -> None:
    built = document.build(made(tmp_path, typical()), "memory")
    outcome = replace(built.outcomes[0], decided=decided, winner=winner, to_decide=[])
    assert badge in page.html(replace(built, outcomes=[outcome]))
