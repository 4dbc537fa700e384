"""The command that a report prints for an open quality, copied and run: it decides as promised."""

import json
import shlex
from pathlib import Path

import pytest

from comparing.context import context
from core import records
from engines.fake import FakeEngine
from quality.comparison import Margin, quality
from reporting.deciding import commands, study
from reporting.reading import results as reading

ROWS = 700


def answer(prompt: str) -> str:
    """What the fake engine says to a prompt, two tokens long."""
    total = sum(prompt.encode())
    return FakeEngine.decode(None, [(total + n) % 1000 for n in range(2)])  # type: ignore[arg-type]


def write_task(folder: Path) -> None:
    """A task that the fake engine has right in three rows of four."""
    folder.mkdir()
    prompts = [f"What is {n} times {n % 7}?" for n in range(4 * ROWS)]
    told = [prompt for prompt in prompts if " " not in answer(prompt)][:ROWS]
    rows = [
        {"text": prompt, "answer": answer(prompt) if n % 4 else "??"}
        for n, prompt in enumerate(told)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "echo.yaml").write_text(
        f"task: echo\ndataset_path: json\ndataset_kwargs:\n  data_files:\n"
        f"    test: {folder}/rows.jsonl\noutput_type: generate_until\ntest_split: test\n"
        'doc_to_text: "{{text}}"\ndoc_to_target: "{{answer}}"\nnum_fewshot: 0\n'
        'generation_kwargs: {max_gen_toks: 2, until: ["\\n"]}\n'
        "metric_list:\n  - metric: exact_match\n    higher_is_better: true\n"
    )


def held(world: Path, scheme: str) -> list[records.Record]:
    made = records.load_all(world / "eval_results")
    return [r for r in made if (r.subject.scheme, r.measure) == (scheme, "harness")]


@pytest.mark.real
def test_the_command_to_decide_is_whole(command, world: Path) -> None:
    write_task(world / "own")
    options = ("--engine", "fake", "--max_model_len", 256, "--dtype", "float16", "--enforce_eager")
    asked = ("--tasks", "echo", "--include_path", "own", "--limit", 40, "--no_add_bos_token")
    done = command(
        "score.py", "--model", "tiny-INT4-W4A16", *options, *asked, "--text", "text.txt",
        "--window", 128, "--divergence_tokens", 0, "--margin", "1.1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "does not decide a margin of 1.1 points; about 457 documents" in done.stdout
    margins = {"": Margin(points=1.1)}
    compared = study.build(reading.read([world / "eval_results"]), margins=margins)
    (candidate,) = compared.compressed
    line = commands.score_command(compared, candidate)
    assert line == (
        "python score.py --model tiny-INT4-W4A16 --model tiny --tasks echo --limit 457 "
        "--no_add_bos_token --include_path own --text none --margin 1.1 --engine fake "
        "--dtype float16 --max_model_len 256 --enforce_eager"
    )
    again = command(*shlex.split(line)[1:])
    assert again.returncode == 0, again.stderr
    base, own = held(world, "BASE"), held(world, "INT4-W4A16")
    assert [len(side) for side in (base, own)] == [2, 2]
    assert len({tuple(context(record).items()) for record in (*base, *own)}) == 1
    found = quality(base, own, margins[""])
    assert (found.verdict, found.looks, found.tasks["echo"].n) == ("pass", 2, 457)
    assert "1 task, 457 documents, 0.00 points" in again.stdout
    assert "within the margin of 1.1 points" in again.stdout


@pytest.mark.real
def test_fewer_documents_later_do_not_open_a_verdict_again(command, world: Path) -> None:
    """Neither on the screen: it is the report's. And a base that was asked more is not asked."""
    write_task(world / "own")
    asked = ("--tasks", "echo", "--include_path", "own", "--engine", "fake", "--text", "none")
    for limit, words in ((600, "pass"), (50, "pass")):
        done = command(
            "score.py", "--model", "tiny-INT4-W4A16", *asked, "--max_model_len", 256,
            "--limit", limit, "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        printed = json.loads(done.stdout.splitlines()[-1])[1]["quality"]
        assert printed["verdict"] == words and printed["tasks"]["echo"]["n"] == 600
        assert printed["looks"] == 1
    assert len(held(world, "BASE")) == 1 and len(held(world, "INT4-W4A16")) == 2
