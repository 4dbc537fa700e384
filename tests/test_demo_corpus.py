"""The demo data has the published formats, is reproducible, and keeps its questions to itself."""

import json
import re
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from scripts.demo_corpus import Corpus
from scripts.demo_corpus.__main__ import (
    FILES,
    PERPLEXITY_DOCUMENTS,
    file_name,
    write_corpus,
)
from scripts.demo_corpus.corpus import RENDER, question_text
from scripts.demo_corpus.events import query

DATA = Path(__file__).parents[1] / "demo" / "data"
SCANNED_DOCUMENTS = 20_000


def read(name: str) -> list[dict[str, Any]]:
    """Return the records of a committed file."""
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("name", "fields"), [
    ("gsm8k_test.jsonl", {"question": str, "answer": str}),
    ("gsm8k_train.jsonl", {"question": str, "answer": str}),
    ("hellaswag_validation.jsonl", {
        "ind": int, "activity_label": str, "ctx_a": str, "ctx_b": str, "ctx": str,
        "endings": list, "source_id": str, "split": str, "split_type": str, "label": str}),
    ("piqa_validation.jsonl", {"goal": str, "sol1": str, "sol2": str, "label": int}),
    ("arc_easy_test.jsonl", {"id": str, "question": str, "choices": dict, "answerKey": str}),
    ("ultrachat_calibration.jsonl", {"prompt": str, "prompt_id": str, "messages": list}),
])
def test_every_record_has_exactly_the_published_fields(name: str, fields: dict[str, type]) -> None:
    for record in read(name):
        assert {key: type(value) for key, value in record.items()} == fields


@pytest.mark.parametrize(("name", "least"), [
    *[(file_name(family, "held_out"), 250) for family in FILES],
    *[(file_name(family, "train"), 64) for family in FILES],
    ("ultrachat_calibration.jsonl", 512),
])
def test_the_sets_are_large_enough(name: str, least: int) -> None:
    assert len(read(name)) >= least


def test_choices_are_distinct_and_the_label_points_at_one() -> None:
    for record in read("hellaswag_validation.jsonl"):
        assert len(set(record["endings"])) == 4
        assert record["label"] in "0123"
        assert record["ctx"] == f"{record['ctx_a']} {record['ctx_b']}"
    for record in read("piqa_validation.jsonl"):
        assert record["sol1"] != record["sol2"]
        assert record["label"] in (0, 1)
    for record in read("arc_easy_test.jsonl"):
        assert len(set(record["choices"]["text"])) == 4
        assert record["choices"]["label"] == ["A", "B", "C", "D"]
        assert record["answerKey"] in record["choices"]["label"]


def test_chats_alternate_and_begin_with_their_prompt() -> None:
    for chat in read("ultrachat_calibration.jsonl"):
        roles = [message["role"] for message in chat["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert chat["messages"][0]["content"] == chat["prompt"]


def value(expression: str) -> Fraction:
    """Evaluate ``a+b`` and its like without ``eval``."""
    left, operator, right = re.fullmatch(r"(\d+)([-+*/])(\d+)", expression).groups()
    a, b = Fraction(left), Fraction(right)
    return {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else Fraction(0)}[operator]


@pytest.mark.parametrize("name", ["gsm8k_test.jsonl", "gsm8k_train.jsonl"])
def test_the_arithmetic_is_right(name: str) -> None:
    for record in read(name):
        steps = re.findall(r"(\S+) = <<([^=]+)=(\d+)>>(\d+)", record["answer"])
        assert 1 <= len(steps) <= 4
        for shown, expression, result, repeated in steps:
            assert shown == expression
            assert result == repeated
            assert value(expression) == int(result)
        assert record["answer"].splitlines()[-1] == f"#### {steps[-1][2]}"


def test_no_held_out_question_is_in_the_training_stream() -> None:
    corpus = Corpus(0)
    questions = [question_text(family, record) for family in FILES
                 for record in read(file_name(family, "held_out"))]
    asked = {f"Question: {q}\n" for q in questions} | {q for q in questions if ": " in q[:60]}
    text = "\n".join(_plain(d) for d in islice(corpus.training_documents(), SCANNED_DOCUMENTS))
    assert not [question for question in asked if question in text]


def _plain(document: str | list[dict[str, str]]) -> str:
    if isinstance(document, str):
        return document + "\n"
    return "\n".join(message["content"] for message in document)


@pytest.mark.parametrize("family", FILES)
def test_a_training_question_never_equals_a_held_out_one(family: str) -> None:
    corpus = Corpus(0)
    rng = corpus.rng("test")
    held_out = {question_text(family, record) for record in read(file_name(family, "held_out"))}
    drawn = {question_text(family, corpus.questions[family](rng, False)) for _ in range(5000)}
    assert not held_out & drawn


def test_a_held_out_fact_is_stated_in_training() -> None:
    corpus = Corpus(0)
    text = "\n".join(_plain(d) for d in islice(corpus.training_documents(), SCANNED_DOCUMENTS))
    records = read("arc_easy_test.jsonl")
    met = sum(record["id"].split("_")[1] in text for record in records)
    assert met > 0.9 * len(records)


def test_the_perplexity_text_is_long_and_not_in_the_training_stream() -> None:
    text = (DATA / "perplexity.txt").read_text(encoding="utf-8")
    assert len(text) > 200_000  # about four characters a token
    documents = set(islice(Corpus(0).held_out_documents(), PERPLEXITY_DOCUMENTS))
    assert all(document in text for document in documents)
    trained = map(_plain, islice(Corpus(0).training_documents(), SCANNED_DOCUMENTS))
    assert not documents & {document.removesuffix("\n") for document in trained}


def test_the_committed_data_is_what_the_seed_gives(tmp_path: Path) -> None:
    for path in write_corpus(Corpus(0), tmp_path):
        assert path.read_bytes() == (DATA / path.name).read_bytes(), path.name


def test_another_seed_gives_another_world() -> None:
    first, second = (Corpus(seed).records("arc", "held_out", 20) for seed in (0, 1))
    assert first != second


def test_questions_read_as_the_harness_shows_them() -> None:
    record = read("hellaswag_validation.jsonl")[0]
    label, ending = record["activity_label"], record["endings"][int(record["label"])]
    assert query(record).startswith(f"{label}: {record['ctx_a']}")
    assert RENDER["hellaswag"](record).endswith(f" {ending}")
    problem = read("gsm8k_test.jsonl")[0]
    assert RENDER["arithmetic"](problem) == (
        f"Question: {problem['question']}\nAnswer: {problem['answer']}")
