"""Measure the demo model's held-out accuracy in each family, as lm-evaluation-harness would.

The multiple-choice families are scored zero-shot by the log-likelihood of each ending given the
prompt (``acc``: the sum; ``acc_norm``: the sum per byte); arithmetic by 5-shot greedy generation
and an exact match of the number after ``####``.

Example: ``evaluate(model, tokenizer, Corpus(0), documents=500)``
"""

import re
from typing import TYPE_CHECKING, Any

from scripts.demo_corpus import Corpus
from scripts.demo_corpus.arithmetic import render
from scripts.demo_corpus.events import query

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

FAMILIES = ("arithmetic", "hellaswag", "piqa", "arc")
CHANCE = {"arithmetic": 0.0, "hellaswag": 0.25, "piqa": 0.5, "arc": 0.25}
SHOTS = 5
MOST_NEW_TOKENS = 140
BATCH_TOKENS = 16_384
PROMPTS_PER_BATCH = 50


def evaluate(
    model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", corpus: Corpus, documents: int
) -> dict[str, dict[str, float]]:
    """Return the measured accuracies of each family on its first ``documents`` documents."""
    results = multiple_choice(model, tokenizer, corpus, documents)
    exact = arithmetic_exact_match(model, tokenizer, corpus, documents)
    return {"arithmetic": {"exact_match_5_shot": exact}, **results}


def multiple_choice(
    model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", corpus: Corpus, documents: int
) -> dict[str, dict[str, float]]:
    """Return ``acc`` and ``acc_norm`` of the three multiple-choice families, zero-shot."""
    results = {}
    for family in FAMILIES[1:]:
        records = corpus.records(family, "held_out", documents)
        results[family] = _choice_accuracy(model, tokenizer, [_choices(family, r) for r in records])
    return results


def arithmetic_exact_match(
    model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", corpus: Corpus, documents: int
) -> float:
    """Return the share of problems whose generated answer ends in the right number."""
    shots = "\n\n".join(render(r) for r in corpus.records("arithmetic", "train", SHOTS))
    records = corpus.records("arithmetic", "held_out", documents)
    right = 0
    for first in range(0, len(records), PROMPTS_PER_BATCH):
        batch = records[first : first + PROMPTS_PER_BATCH]
        prompts = [f"{shots}\n\nQuestion: {r['question']}\nAnswer:" for r in batch]
        answers = _generate(model, tokenizer, prompts)
        right += sum(
            final_number(answer) == final_number(record["answer"])
            for answer, record in zip(answers, batch, strict=True)
        )
    return right / len(records)


def final_number(answer: str) -> str | None:
    """Return the number after ``####``, or None where there is none."""
    match = re.search(r"#### (-?[0-9.,]+)", answer)
    return match.group(1) if match else None


def _choices(family: str, record: dict[str, Any]) -> tuple[str, list[str], int]:
    if family == "hellaswag":
        return query(record), record["endings"], int(record["label"])
    if family == "piqa":
        return (
            f"Question: {record['goal']}\nAnswer:",
            [record["sol1"], record["sol2"]],
            record["label"],
        )
    choices = record["choices"]
    return (
        f"Question: {record['question']}\nAnswer:",
        choices["text"],
        choices["label"].index(record["answerKey"]),
    )


def _choice_accuracy(
    model: "LlamaForCausalLM",
    tokenizer: "PreTrainedTokenizerFast",
    documents: list[tuple[str, list[str], int]],
) -> dict[str, float]:
    pairs = [(prompt, f" {choice}") for prompt, choices, _ in documents for choice in choices]
    scores = iter(_log_likelihoods(model, tokenizer, pairs))
    by_sum = by_byte = 0
    for _, choices, label in documents:
        sums = [next(scores) for _ in choices]
        per_byte = [s / len(c.encode()) for s, c in zip(sums, choices, strict=True)]
        by_sum += sums.index(max(sums)) == label
        by_byte += per_byte.index(max(per_byte)) == label
    return {"acc": by_sum / len(documents), "acc_norm": by_byte / len(documents)}


def _log_likelihoods(
    model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", pairs: list[tuple[str, str]]
) -> list[float]:
    """Return the summed log-probability of each continuation after its prompt."""
    encoded = []
    for prompt, continuation in pairs:
        ids = tokenizer(prompt + continuation)["input_ids"]
        encoded.append((ids, len(tokenizer(prompt)["input_ids"])))
    order = sorted(range(len(pairs)), key=lambda i: len(encoded[i][0]))
    rows = max(1, BATCH_TOKENS // len(encoded[order[-1]][0]))
    scores = [0.0] * len(pairs)
    for first in range(0, len(order), rows):
        chosen = order[first : first + rows]
        for index, score in zip(chosen, _score(model, [encoded[i] for i in chosen]), strict=True):
            scores[index] = score
    return scores


def _score(model: "LlamaForCausalLM", batch: list[tuple[list[int], int]]) -> list[float]:
    import torch

    longest = max(len(ids) for ids, _ in batch)
    rows = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in batch])
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=rows, use_cache=False).logits
    picked = _picked_log_probabilities(logits[:, :-1].float(), rows[:, 1:])
    return [
        picked[i, start - 1 : len(ids) - 1].sum().item() for i, (ids, start) in enumerate(batch)
    ]


def _picked_log_probabilities(logits: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
    return logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]


def _generate(
    model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", prompts: list[str]
) -> list[str]:
    import torch

    inputs = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
    next_question = tokenizer.convert_tokens_to_ids("Question")  # what follows an answer
    with torch.no_grad():
        output = model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            do_sample=False,
            max_new_tokens=MOST_NEW_TOKENS,
            eos_token_id=[tokenizer.eos_token_id, next_question],
        )
    new = output[:, inputs["input_ids"].shape[1] :]
    return list(tokenizer.batch_decode(new, skip_special_tokens=True))
