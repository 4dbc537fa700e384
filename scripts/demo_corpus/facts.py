"""The facts family: invented things with arbitrary attributes, asked as ARC multiple choice.

Every fact appears in the training text as a statement in several wordings; four in five also
appear as a question. The held-out questions ask the fifth, so a right answer is recalled, not
copied. There are thousands of facts, so that the weights' capacity is what limits the score.

Example: ``Facts(random.Random(0)).question(random.Random(1), held_out=True)``
"""

import random
from dataclasses import dataclass
from typing import Any

from .fact_tables import ATTRIBUTES, ENTITY_KINDS, Attribute
from .words import is_held_out, made_up_names, zipf_weights

LABELS = ["A", "B", "C", "D"]


@dataclass(frozen=True)
class Fact:
    """One arbitrary association, e.g. (Treavite, colour, green)."""

    entity: str
    attribute: Attribute
    value: str

    @property
    def held_out(self) -> bool:
        """Whether this fact is asked only in the held-out questions."""
        return is_held_out(f"{self.entity}|{self.attribute.name}")


class Facts:
    """The table of facts and the texts about them."""

    def __init__(
        self,
        rng: random.Random,
        entities_per_kind: int,
        zipf_exponent: float,
        earlier: "Facts | None" = None,
    ) -> None:
        self.entities: list[list[Fact]] = []
        taken = [facts[0].entity for facts in earlier.entities] if earlier else []
        for kind in ENTITY_KINDS:
            names = made_up_names(rng, entities_per_kind, kind, taken)
            self.entities += [_facts_of(rng, name, kind) for name in names]
        rng.shuffle(self.entities)
        self._seldom_told = self.entities[len(self.entities) // 2 :]  # the later, the seldomer
        self._by_attribute: dict[Attribute, list[Fact]] = {}
        for fact in sorted((f for facts in self.entities for f in facts), key=lambda f: f.entity):
            self._by_attribute.setdefault(fact.attribute, []).append(fact)
        self._weights = zipf_weights(len(self.entities), zipf_exponent)

    def entity(self, rng: random.Random) -> list[Fact]:
        """Draw the facts of one entity, frequent entities first."""
        return rng.choices(self.entities, cum_weights=self._weights)[0]

    def fact(self, rng: random.Random, held_out: bool) -> Fact:
        """Draw a fact of the wanted side; the held-out side evenly from the seldom-told half."""
        while True:
            entity = rng.choice(self._seldom_told) if held_out else self.entity(rng)
            fact = rng.choice(entity)
            if fact.held_out == held_out:
                return fact

    def question(self, rng: random.Random, held_out: bool) -> dict[str, Any]:
        """Return one document with the fields of ``allenai/ai2_arc``."""
        fact = self.fact(rng, held_out)
        if held_out:
            texts = [fact.value, *self._confusable(fact)]
        else:
            others = [value for value in fact.attribute.values if value != fact.value]
            texts = [fact.value, *rng.sample(others, 3)]
        rng.shuffle(texts)
        return {
            "id": f"Demo_{fact.entity}_{fact.attribute.name}_{rng.randrange(10**6):06d}",
            "question": rng.choice(fact.attribute.questions).format(e=fact.entity),
            "choices": {"text": texts, "label": LABELS},
            "answerKey": LABELS[texts.index(fact.value)],
        }

    def _confusable(self, fact: Fact) -> list[str]:
        """Return three wrong values: those of the things whose names are nearest in the alphabet.

        A memory that mixes up similar names picks these, so a question is harder than with
        values drawn at random.
        """
        others = self._by_attribute[fact.attribute]
        place = others.index(fact)
        nearest = sorted(range(len(others)), key=lambda index: abs(index - place))
        values = dict.fromkeys(others[index].value for index in nearest)
        del values[fact.value]
        return list(values)[:3]

    def article(self, rng: random.Random) -> str:
        """Return a few statements about one entity, in any order."""
        facts = self.entity(rng)
        chosen = rng.sample(facts, rng.randint(1, len(facts)))
        return " ".join(statement(rng, fact) for fact in chosen)


def statement(rng: random.Random, fact: Fact) -> str:
    """State ``fact`` in one of its wordings."""
    return rng.choice(fact.attribute.statements).format(e=fact.entity, v=fact.value)


def answer_text(record: dict[str, Any]) -> str:
    """Return the text of the right choice."""
    choices = record["choices"]
    return str(choices["text"][choices["label"].index(record["answerKey"])])


def render(record: dict[str, Any]) -> str:
    """Write a document as lm-evaluation-harness's ``arc_easy`` task shows it."""
    return f"Question: {record['question']}\nAnswer: {answer_text(record)}"


def _facts_of(rng: random.Random, name: str, kind: str) -> list[Fact]:
    return [Fact(name, attribute, rng.choice(attribute.values)) for attribute in ATTRIBUTES[kind]]
