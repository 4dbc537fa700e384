"""The page: what it folds, and what it tells of each scheme."""

import html
import re
from dataclasses import replace
from pathlib import Path

from reporting.contents import document
from reporting.formats import _details as details
from reporting.formats import html as page
from tests.report_case import EVIL, analysis, performance, typical
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
