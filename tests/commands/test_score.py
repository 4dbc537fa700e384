"""`score.py` through the fake engine: records, pairs, reuse of the base, bad input."""

import json
import math
from pathlib import Path

import pytest

from core import records
from quality.documents import paired_scores
from tests import models
from tests.commands.conftest import FAKE


def asks_lm_eval(arguments: tuple[object, ...], sentence: str) -> object:
    """A case that imports lm-eval, which takes seconds."""
    return pytest.param(arguments, sentence, marks=pytest.mark.real)


@pytest.mark.real
def test_tasks(command, world: Path) -> None:
    words = ("--tasks", "demo_gsm8k,demo_piqa", "--limit", 12, "--text", "none", "--num_fewshot", 1)
    done = command(
        "score.py", "--model", "tiny", "--model", "tiny-INT4-W4A16", "--engine", "fake", *words
    )
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line}
    assert rows["BASE"][-1] == "-"
    assert "uninformative: base at chance" in " ".join(rows["INT4-W4A16"])
    assert "INT4-W4A16: no task can show a loss" in done.stdout, done.stdout
    found = {r.subject.scheme: r for r in records.load_all(world / "eval_results")}
    base, compressed = (found[s].raw["tasks"] for s in ("BASE", "INT4-W4A16"))
    assert list(base) == ["demo_gsm8k", "demo_piqa"]
    assert base["demo_piqa"]["primary"] == "acc_norm,none"
    assert base["demo_gsm8k"]["n_shot"] == 1 and base["demo_piqa"]["n_shot"] == 0
    assert base["demo_piqa"]["documents"] == compressed["demo_piqa"]["documents"]
    assert len(set(base["demo_gsm8k"]["documents"])) == 12
    figure = found["BASE"].figures["demo_piqa/acc,none"]
    assert figure.value == pytest.approx(math.fsum(base["demo_piqa"]["scores"]["acc,none"]) / 12)
    assert figure.low is not None and 0 <= figure.low < figure.value
    folder = world / "eval_results" / "tiny-BASE"
    files = found["BASE"].raw["files"]
    assert {name.split("_2")[0] for name in files} == {
        "results",
        "samples_demo_gsm8k",
        "samples_demo_piqa",
    }
    lm_eval_results = json.loads((folder / files[0]).read_text())
    assert lm_eval_results["results"]["demo_piqa"]["acc,none"] == pytest.approx(figure.value)
    assert lm_eval_results["n-samples"]["demo_gsm8k"]["effective"] == 12


@pytest.mark.parametrize(
    ("broken", "arguments", "sentence"),
    [
        ({"nan": True}, ("--tasks", "none"), "not a finite number"),
        pytest.param(
            {"silent": True},
            ("--tasks", "demo_gsm8k", "--limit", 4),
            "answers are empty",
            marks=pytest.mark.real,
        ),
    ],
)
def test_broken_answers_are_a_failed_record(
    command, world: Path, broken: dict[str, bool], arguments: tuple[object, ...], sentence: str
) -> None:
    (world / "tiny-INT4-W4A16" / "fake.json").write_text(json.dumps(broken))
    done = command("score.py", "--model", "tiny-INT4-W4A16", *FAKE, *arguments)
    assert done.returncode == 1, done.stderr
    failed = [r for r in records.load_all(world / "eval_results") if r.status == "failed"]
    assert failed and {r.subject.scheme for r in failed} == {"INT4-W4A16"}
    assert any(sentence in (r.reason or "") for r in failed), [r.reason for r in failed]
    assert not any(r.figures for r in failed)


# lines of a task file that must not be passed over, and what is said of them before a load
UNASKED = {
    "code": ("unsafe_code: true", "code runs code that the model writes"),
    "top_k": ("generation_kwargs: {do_sample: true, temperature: 0.7, top_k: 5}", "asks for top_k"),
    "beams": ("generation_kwargs: {num_beams: 4, until: ['.']}", "asks for num_beams in"),
    "draw": ("generation_kwargs: {do_sample: true}", "do_sample and no temperature"),
}


def write_own_tasks(folder: Path, lines: dict[str, str]) -> None:
    """Tasks that continue a few rows, each with a line of its own in its file."""
    folder.mkdir()
    rows = [{"text": f"The fox number {n} jumps over {n + 1} dogs."} for n in range(12)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for name, line in lines.items():
        (folder / f"{name}.yaml").write_text(
            f"task: {name}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n"
            f"    test: {folder}/rows.jsonl\noutput_type: generate_until\ntest_split: test\n"
            f'doc_to_text: "{{{{text}}}}"\ndoc_to_target: "fox"\n{line}\n'
        )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--model", "absent"), "there is no model folder"),
        asks_lm_eval(("--model", "tiny", "--tasks", "demo_gsm9k"), "Did you mean demo_gsm8k"),
        asks_lm_eval(
            ("--model", "tiny", "--tasks", "bad", "--include_path", "bad"), "cannot be read as"
        ),
        asks_lm_eval(
            ("--model", "tiny", "--tasks", "gsm8k", "--data_dir", "data"), "5 shots come from the"
        ),
        *(
            asks_lm_eval(("--model", "tiny", "--tasks", name, "--include_path", "own"), sentence)
            for name, (_, sentence) in UNASKED.items()
        ),
        asks_lm_eval(
            ("--model", "tiny", "--tasks", "demo_gsm8k", "--max_model_len", 96),
            "demo_gsm8k lets an answer take 96 tokens, which leaves none of 96 tokens",
        ),
        (("--model", "tiny", "--tasks", "none", "--text", "absent.txt"), "no such file"),
        (("--model", "tiny", "--tasks", "none", "--text", "none"), "nothing is asked"),
        (("--model", "tiny", "--tasks", "none", "--window", 513), "does not fit 512 tokens"),
        (("--model", "tiny", "--tasks", "none", "--metric", "length.py"), "not given"),
        (("--model", "tiny", "--tasks", "none", "--prompts_file", "text.txt"), "not a JSON file"),
        (("--model", "tiny", "--margin", "lots"), "--margin wants points"),
        (("--model", "tiny", "--margin", "1,INT4-W4A17=2"), "Did you mean INT4-W4A16"),
        (("--model", "tiny", "--apply_chat_template"), "has no chat template"),
        (("--model", "tiny-INT4-W4A16", "--base", "other"), "other weights than other"),
        (("--model", "foreign", "--base", "wide"), "hidden_size is 256 and 128"),
        (("--model", "foreign"), "does not say what it was made from"),
    ],
)
def test_bad_input(command, world: Path, arguments: tuple[object, ...], sentence: str) -> None:
    models.write_model(world / "other", models.llama_shapes(layers=2))
    models.write_model(world / "wide", models.llama_shapes(), hidden_size=256)
    declared = {"quant_method": "gptq", "bits": 4}
    models.write_model(world / "foreign", quantization_config=declared)
    (world / "bad").mkdir()
    (world / "bad" / "bad.yaml").write_text("task: bad\noutput_type: [generate\n")
    write_own_tasks(world / "own", {name: line for name, (line, _) in UNASKED.items()})
    (world / "data").mkdir()
    row = {"question": "1+1?", "answer": "#### 2"}
    (world / "data" / "gsm8k_test.jsonl").write_text(json.dumps(row))
    done = command("score.py", "--engine", "fake", "--text", "text.txt", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert sentence in " ".join(done.stderr.split()), done.stderr
    assert not (world / "eval_results").exists()


@pytest.mark.real
def test_tasks_that_draw_or_run_code_where_that_is_allowed(command, world: Path) -> None:
    """What has no effect on greedy answers is passed over; sampling follows top_p."""
    write_own_tasks(
        world / "own",
        {
            "code": "unsafe_code: true\n"
            "generation_kwargs: {do_sample: false, top_k: 5, num_beams: 1}",
            "draw": "generation_kwargs: {temperature: 0.7, top_p: 0.9, max_gen_toks: 4}",
        },
    )
    options = ("--tasks", "code,draw", "--include_path", "own", "--confirm_run_unsafe_code")
    done = command("score.py", "--model", "tiny", "--engine", "fake", "--text", "none", *options)
    assert done.returncode == 0, done.stderr
    (record,) = records.load_all(world / "eval_results")
    assert set(record.raw["tasks"]) == {"code", "draw"} and record.raw["generated"] == 24


@pytest.mark.real
def test_tasks_of_other_kinds(command, world: Path) -> None:
    """A rolling task has a figure and no verdict, a group is one task, cut prompts are counted."""
    folder = world / "own"
    folder.mkdir()
    rows = [{"text": f"The fox number {n} jumps over {n + 1} dogs."} for n in range(12)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = f"dataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {folder}/rows.jsonl\n"
    (folder / "rolling.yaml").write_text(
        f"task: rolling\n{data}output_type: loglikelihood_rolling\ntest_split: test\n"
        'doc_to_text: ""\ndoc_to_target: "{{text}}"\n'
        "metric_list:\n  - metric: word_perplexity\n    higher_is_better: false\n"
    )
    (folder / "both.yaml").write_text("group: both\ntask:\n  - demo_piqa\n  - demo_arc_easy\n")
    (folder / "other.yaml").write_text("group: other\ntask:\n  - of_another_release\n")
    options = ("--tasks", "rolling,both,demo_gsm8k", "--include_path", "own", "--limit", 12)
    done = command(
        "score.py",
        "--model",
        "tiny-INT4-W4A16",
        "--engine",
        "fake",
        "--text",
        "none",
        *options,
        "--max_model_len",
        512,
    )
    assert done.returncode == 0, done.stderr
    by_scheme = {r.subject.scheme: r for r in records.load_all(world / "eval_results")}
    record = by_scheme["INT4-W4A16"]
    assert record.figures["rolling/word_perplexity,none"].better == "lower"
    assert record.raw is not None and record.raw["groups"] == {
        "both": ["demo_piqa", "demo_arc_easy"]
    }
    pairs = paired_scores(by_scheme["BASE"].raw, record.raw)
    assert {name: len(a) for name, (a, _) in pairs.items()} == {"both": 24, "demo_gsm8k": 12}
    assert record.raw["tasks"]["demo_piqa"]["available"] == 500
    cut = record.raw["tasks"]["demo_gsm8k"]["prompts_cut"]
    assert cut > 0  # of the two shots in bytes not all fit 512 tokens together with the answer
    assert f"demo_gsm8k: {cut} of 12 prompts lost their beginning" in " ".join(done.stdout.split())
    assert "word_perplexity" in done.stdout
