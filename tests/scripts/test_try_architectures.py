"""What came of every architecture: outcomes that are kept, and the table of them."""

import json
from dataclasses import asdict
from pathlib import Path

from scripts import try_architectures
from scripts.try_architectures import KEPT, Outcome


def test_a_scheme_much_worse_than_its_plain_sibling_has_failed() -> None:
    scheme, plain = next(iter(try_architectures.PLAIN.items()))
    worse = 2 * try_architectures.TIMES_WORSE
    outcomes = {plain: Outcome("ok", kl=0.01), scheme: Outcome("ok", kl=0.01 * worse)}
    failed = try_architectures._compared(dict(outcomes))[scheme]
    assert failed.kind == "failed" and f"{plain} is 0.01" in failed.reason
    alike = {plain: Outcome("ok", kl=0.01), scheme: Outcome("ok", kl=0.011)}
    assert try_architectures._compared(dict(alike)) == alike
    assert try_architectures._compared({scheme: outcomes[scheme]})[scheme].kind == "ok"


def test_outcomes_are_read_again(tmp_path: Path) -> None:
    assert try_architectures.known(tmp_path) == {}
    outcomes = {"Llama": {"FP8-W8A8": Outcome("ok", kl=0.5)}}
    plain = {name: {s: asdict(o) for s, o in row.items()} for name, row in outcomes.items()}
    (tmp_path / KEPT).write_text(json.dumps(plain))
    assert try_architectures.known(tmp_path) == outcomes


def test_reasons_are_numbered_once_below_the_table() -> None:
    why = "no kernel (log: build/logs/x.log)"
    outcomes = {
        "Llama": {"A": Outcome("ok", kl=0.0123), "B": Outcome("made", why)},
        "GPT-2": {"BASE": Outcome("refused", "Conv1D"), "B": Outcome("made", why)},
    }
    assert try_architectures.table(outcomes, ("A", "B")).splitlines() == [
        "| architecture | A | B |",
        "|---|---|---|",
        "| Llama | ok, 0.012 | made [1] |",
        "| GPT-2 | refused [2] | made [1] |",
        "",
        "1. no kernel",
        "2. Conv1D",
    ]
