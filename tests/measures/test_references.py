"""Answers against references, and the files of metrics of one's own."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.engine import Options
from core.errors import UserError
from core.measure import ServedBase
from measures import references
from measures._answers import Broken
from measures.references import PromptOptions, Prompts
from tests.measures.conftest import Load


def metric(folder: Path, code: str, name: str = "length") -> Path:
    path = folder / f"{name}.py"
    path.write_text(code)
    return path


def test_answers_are_kept_and_scored(load: Load, tmp_path: Path) -> None:
    own = metric(tmp_path, "def score(generated, reference): return len(generated + reference)")
    pairs = (("one", "first"), ("two", "second"), ("one", "second"))
    loaded = load()
    ticks: list[int] = []
    loaded.tick = lambda *_: ticks.append(1)
    raw = references.run(loaded, Prompts(pairs=pairs, max_new_tokens=7, metrics=(str(own),)))
    assert len(raw["generated"]) == 3 and raw["generated"][0] == raw["generated"][2]
    assert raw["references"] == ["first", "second", "second"]
    assert raw["empty"] == 0 and len(ticks) == 1
    assert len(set(raw["documents"])) == 3  # by prompt and reference
    lengths = [len(a) + len(b) for a, b in zip(raw["generated"], raw["references"], strict=True)]
    assert raw["scores"]["length"] == lengths and min(lengths) > 5
    figures = references.figures(raw)
    assert figures["length"].value == pytest.approx(sum(lengths) / 3)
    units = references.MEASURE.quantities_of(raw)
    assert units.keys() | references.MEASURE.quantities.keys() == figures.keys()


@pytest.mark.parametrize(
    ("generated", "reference", "rouge", "bleu"),
    [
        ("the cat sat on the mat", "the cat sat on the mat", 1.0, 100.0),
        ("dogs bark loudly every night", "the cat sat on the mat", 0.0, 0.0),
    ],
)
def test_figures_of_whole_and_no_overlap(
    generated: str, reference: str, rouge: float, bleu: float
) -> None:
    raw = {"generated": [generated], "references": [reference], "scores": {"rouge_l": [rouge]}}
    figures = references.figures(raw)
    assert figures["bleu"].value == pytest.approx(bleu, abs=1e-9)
    assert figures["rouge_l"].value == rouge
    assert figures["chrf"].value > 99 if rouge else figures["chrf"].value < 20


def test_rouge_is_that_of_the_longest_common_subsequence(load: Load) -> None:
    """The fake engine's answer as its own reference is a whole overlap."""
    asked = Prompts(pairs=(("one", "x"),), max_new_tokens=30)
    answer = references.run(load(), asked)["generated"][0]
    same = references.run(load(), Prompts(pairs=(("one", answer),), max_new_tokens=30))
    assert same["scores"]["rouge_l"] == [1.0]
    assert references.run(load(), asked)["scores"]["rouge_l"] == [0.0]


def test_rouge_compares_stems(load: Load) -> None:
    """95 tokens of the fake engine hold the alphabet as a word; the reference has its plural."""
    pairs = (("one", "abcdefghijklmnopqrstuvwxyzs"),)
    raw = references.run(load(), Prompts(pairs=pairs, max_new_tokens=150))
    assert raw["scores"]["rouge_l"][0] > 0.3


def test_empty_answers_are_refused(load: Load) -> None:
    with pytest.raises(Broken, match="1 of 1 answers are empty"):
        references.run(load(silent=True), Prompts(pairs=(("one", "first"),)))


FILES: list[tuple[str, str]] = [
    ("x = 1", "has no function score"),
    ("score = 3", "has no function score"),
    ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
    ("def score(a, b): return 'much'", r"score\(\) gives no number"),
    ("def score(a, b): return None", r"score\(\) gives no number"),
    ("def score(a, b): return {}[a]", "KeyError: 'an answer'"),
    ("def score(a, b): return {}[b]", "KeyError: 'a reference'"),
    ("raise SystemExit(3)", "SystemExit: 3"),
    ("def score(a, b): exit(0)", "SystemExit: 0"),
]


@pytest.mark.parametrize(("code", "sentence"), FILES, ids=[code for code, _ in FILES])
def test_files_that_are_no_metrics(tmp_path: Path, code: str, sentence: str) -> None:
    path = metric(tmp_path, code)
    with pytest.raises(UserError, match=f"--metric .*length.py: {sentence}"):
        references.check_metrics((path,), prompts=True)


@pytest.mark.parametrize(
    ("names", "prompts", "sentence"),
    [
        (("a",), False, "--prompts_file, which is not given"),
        (("bleu",), True, "--metric bleu.py: there is a metric of that name already"),
        (("a", "a"), True, "--metric a.py: there is a metric of that name already"),
        (("absent",), True, r"--metric .*absent.py: there is no such file"),
    ],
)
def test_metrics_that_cannot_be(tmp_path: Path, names: Any, prompts: bool, sentence: str) -> None:
    paths = [tmp_path / f"{name}.py" for name in names]
    if names != ("absent",):
        paths = [metric(tmp_path, "def score(a, b): return 1", name) for name in names]
    with pytest.raises(UserError, match=sentence):
        references.check_metrics(tuple(paths), prompts)


@pytest.mark.parametrize(("names", "prompts"), [((), False), ((), True), (("a", "b"), True)])
def test_metrics_that_are_fine(tmp_path: Path, names: Any, prompts: bool) -> None:
    code = "def score(generated, reference): return len(generated)"
    paths = tuple(metric(tmp_path, code, name) for name in names)
    references.check_metrics(paths, prompts)
    assert [references.load_metric(path)("four", "x") for path in paths] == [4] * len(paths)


def test_what_is_no_python_file_is_no_metric(tmp_path: Path) -> None:
    path = tmp_path / "metric.txt"
    path.write_text("score")
    with pytest.raises(UserError, match="not a Python file"):
        references.load_metric(path)


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("bleu", "def score(a, b): return 1", "a metric of that name already"),
        ("none", "def score(a, b): return None", "gives no number"),
        ("boom", "def score(a, b): return {}[a]", "KeyError"),
        ("empty", "", "has no function score"),
    ],
)
def test_metrics_that_are_none(tmp_path: Path, name: str, code: str, sentence: str) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text(code)
    with pytest.raises(UserError, match=sentence):
        references.check_metrics((path,), True)


@pytest.mark.parametrize("content", ["[]", "{}", '[{"prompt": "x"}]', '["x"]', "["])
def test_prompts_that_are_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"prompts\.json"):
        references.read_pairs(path)


CODE = "def score(generated, reference): return 1"


@pytest.mark.parametrize(
    ("folder", "pair", "code", "same"),
    [
        ("first", ("one", "two"), CODE, True),
        ("second", ("one", "two"), CODE, True),  # where the files lay is no difference
        ("first", ("one", "three"), CODE, False),
        ("first", ("onet", "wo"), CODE, False),
        ("first", ("one", "two"), CODE + ".5", False),
        ("first", ("one", "two"), "", False),
    ],
)
def test_settings_say_which_prompts_references_and_metrics(
    base: Path, tmp_path: Path, folder: str, pair: tuple[str, str], code: str, same: bool
) -> None:
    served = ServedBase(
        path=base, fingerprint="f", context_length=512, engine="fake", options=Options()
    )

    def digest(where: str, pair: tuple[str, str], code: str) -> str:
        (home := tmp_path / where).mkdir(exist_ok=True)
        file = home / "prompts.json"
        file.write_text(json.dumps([dict(zip(("prompt", "reference"), pair, strict=True))]))
        metrics = (metric(home, code),) if code else ()
        (planned,) = references.plan(PromptOptions(prompts_file=file, metric=metrics), served)
        return planned.digest

    first = digest("first", ("one", "two"), CODE)
    assert len(first) == 12 and (digest(folder, pair, code) == first) == same
