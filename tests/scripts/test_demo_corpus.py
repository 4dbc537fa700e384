"""The demo data has the published formats, is reproducible, and keeps its questions to itself."""

import json
import re
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from scripts.demo_corpus import Corpus, Document
from scripts.demo_corpus.__main__ import (
    FILES,
    PERPLEXITY_DOCUMENTS,
    file_name,
    write_corpus,
)
from scripts.demo_corpus.corpus import RENDER, question_text
from scripts.demo_corpus.events import query

DATA = Path(__file__).parents[2] / "demo" / "data"
TRAINING_DOCUMENTS = 100_000  # nine million tokens


def read(name: str) -> list[dict[str, Any]]:
    """Return the records of a committed file."""
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("gsm8k_test.jsonl", {"question": str, "answer": str}),
        ("gsm8k_train.jsonl", {"question": str, "answer": str}),
        (
            "hellaswag_validation.jsonl",
            {
                "ind": int,
                "activity_label": str,
                "ctx_a": str,
                "ctx_b": str,
                "ctx": str,
                "endings": list,
                "source_id": str,
                "split": str,
                "split_type": str,
                "label": str,
            },
        ),
        ("piqa_validation.jsonl", {"goal": str, "sol1": str, "sol2": str, "label": int}),
        ("arc_easy_test.jsonl", {"id": str, "question": str, "choices": dict, "answerKey": str}),
        ("ultrachat_calibration.jsonl", {"prompt": str, "prompt_id": str, "messages": list}),
    ],
)
def test_every_record_has_exactly_the_published_fields(name: str, fields: dict[str, type]) -> None:
    for record in read(name):
        assert {key: type(value) for key, value in record.items()} == fields


@pytest.mark.parametrize(
    ("name", "least"),
    [
        *[(file_name(family, "held_out"), 250) for family in FILES],
        *[(file_name(family, "train"), 64) for family in FILES],
        ("ultrachat_calibration.jsonl", 512),
    ],
)
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


def test_prompts_are_not_calibrated_on() -> None:
    pairs = json.loads((DATA / "prompts.json").read_text(encoding="utf-8"))
    prompts = {pair["prompt"] for pair in pairs}
    assert len(prompts) == len(pairs) == 100
    assert all(pair["reference"] for pair in pairs)
    assert not prompts & {chat["prompt"] for chat in read("ultrachat_calibration.jsonl")}


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


@pytest.fixture(scope="module")
def training_documents() -> list[Document]:
    """Return every document of a whole training run."""
    return list(islice(Corpus(0).training_documents(), TRAINING_DOCUMENTS))


def test_no_held_out_question_is_asked_in_training(training_documents: list[Document]) -> None:
    lines = {line for document in training_documents for line in _plain(document).splitlines()}
    lists = {part.rstrip() for line in lines for part in re.split(r"\d\. ", line)}  # in chats
    questions = {line.removeprefix("Question: ") for line in lines | lists}
    for family in ("arithmetic", "piqa", "arc"):
        held_out = {question_text(family, r) for r in read(file_name(family, "held_out"))}
        assert not held_out & questions


def test_training_hardly_ever_continues_a_held_out_context(
    training_documents: list[Document],
) -> None:
    # A question about a later step of the same activity may by chance begin with the very words
    # of a held-out one. It is another question; but it must stay a rarity.
    queries: dict[str, list[str]] = {}
    for record in read("hellaswag_validation.jsonl"):
        queries.setdefault(record["activity_label"], []).append(query(record))
    continued = {
        held_out
        for document in training_documents
        for line in _plain(document).splitlines()
        for held_out in queries.get(line.split(":")[0], [])
        if line.startswith(held_out)
    }
    assert len(continued) <= 0.01 * len(read("hellaswag_validation.jsonl"))


def _plain(document: Document) -> str:
    if isinstance(document, str):
        return document + "\n"
    return "\n".join(message["content"] for message in document)


@pytest.mark.parametrize("family", FILES)
@pytest.mark.parametrize("world", ["early", "late"])
def test_a_training_question_never_equals_a_held_out_one(family: str, world: str) -> None:
    corpus = Corpus(0)
    rng, asks = corpus.rng("test"), getattr(corpus, world).question
    held_out = {question_text(family, record) for record in read(file_name(family, "held_out"))}
    drawn = {question_text(family, asks(family, rng, False)) for _ in range(5000)}
    assert not held_out & drawn


def test_a_fact_asked_about_is_stated_in_training(training_documents: list[Document]) -> None:
    text = "\n".join(map(_plain, training_documents))
    words = set(re.findall(r"\w+", " ".join(set(text.split()))))
    names = [record["id"].split("_")[1] for record in read("arc_easy_test.jsonl")]
    assert sum(name in words for name in names) > 0.95 * len(names)


def test_the_two_worlds_share_no_thing() -> None:
    corpus = Corpus(0)
    early, late = corpus.early, corpus.late
    assert not {facts[0].entity for facts in early.facts.entities} & {
        facts[0].entity for facts in late.facts.entities
    }
    assert not {g.thing for g in early.goals.goals} & {g.thing for g in late.goals.goals}
    assert not set(early.events.made_up) & set(late.events.made_up)


def test_the_perplexity_text_is_long_and_not_trained_on(training_documents: list[Document]) -> None:
    text = (DATA / "perplexity.txt").read_text(encoding="utf-8")
    assert len(text) > 200_000  # about four characters a token
    documents = set(islice(Corpus(0).held_out_documents(), PERPLEXITY_DOCUMENTS))
    assert all(document in text for document in documents)
    assert not documents & {text for text in training_documents if isinstance(text, str)}


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
        f"Question: {problem['question']}\nAnswer: {problem['answer']}"
    )
