"""The whole corpus: the tables of one seed, the stream of training documents, held-out prose.

There are two worlds of invented things. The early one is told from the start; the late one joins
for the last third of the training text, so that its things are met some ten times each. A model
of this size learns the early world almost wholly and the late one in part: there is knowledge of
every firmness to be damaged.

Example: ``next(Corpus(seed=0).training_documents())``
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import arithmetic, events, facts, goals
from .chats import Chats
from .words import is_held_out

Document = str | list[dict[str, str]]  # plain text, or the messages of a chat
Record = dict[str, Any]

ZIPF_EXPONENT = 0.6
MOST_SHOTS = 6
EARLY_DOCUMENTS = 69_000  # training documents before the late world joins
LATE_SHARE = 0.75  # of the documents about invented things, once the late world has joined
# How often each kind of document is drawn: a third of the tokens are then arithmetic, a quarter
# facts, the rest events, goals and chats.
SHARES: dict[str, float] = {
    "arithmetic": 18,
    "arc": 8,
    "hellaswag": 8,
    "piqa": 6,
    "article": 34,
    "story": 8,
    "advice": 12,
    "chat": 5,
}
MOST_PARAGRAPHS = {"article": 4, "story": 3, "advice": 5}


@dataclass(frozen=True)
class World:
    """Invented things to tell and ask about."""

    facts: facts.Facts
    events: events.Events
    goals: goals.Goals

    def question(self, family: str, rng: random.Random, held_out: bool) -> Record:
        """Draw a question of ``family``, of the training side or the held-out side."""
        if family == "arithmetic":
            return dict(arithmetic.question(rng, held_out))
        tables: dict[str, facts.Facts | events.Events | goals.Goals] = {
            "hellaswag": self.events,
            "piqa": self.goals,
            "arc": self.facts,
        }
        return tables[family].question(rng, held_out)

    def paragraph(self, kind: str, rng: random.Random) -> str:
        """Write a paragraph of prose."""
        write = {
            "article": self.facts.article,
            "story": self.events.story,
            "advice": self.goals.advice,
        }[kind]
        return write(rng)


class Corpus:
    """Everything one seed determines."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.early = World(
            facts.Facts(self.rng("facts"), 150, ZIPF_EXPONENT),
            events.Events(self.rng("events"), 320, ZIPF_EXPONENT),
            goals.Goals(self.rng("goals"), 280, ZIPF_EXPONENT),
        )
        self.late = World(
            facts.Facts(self.rng("late facts"), 250, ZIPF_EXPONENT, self.early.facts),
            events.Events(self.rng("late events"), 500, ZIPF_EXPONENT, self.early.events),
            goals.Goals(self.rng("late goals"), 300, ZIPF_EXPONENT, self.early.goals),
        )
        self.chats = Chats(self.early.facts, self.early.events, self.early.goals)

    def rng(self, purpose: str) -> random.Random:
        """Return a generator of its own for ``purpose``, so that no part disturbs another."""
        return random.Random(f"{self.seed}/{purpose}")

    def training_documents(self, purpose: str = "training") -> Iterator[Document]:
        """Yield documents without end; no held-out question is ever among them."""
        rng = self.rng(purpose)
        kinds, weights = list(SHARES), list(SHARES.values())
        for _ in range(EARLY_DOCUMENTS):
            yield self._document(rng, self.early, rng.choices(kinds, weights)[0])
        while True:
            world = self.late if rng.random() < LATE_SHARE else self.early
            yield self._document(rng, world, rng.choices(kinds, weights)[0])

    def held_out_documents(self) -> Iterator[str]:
        """Yield prose that the training stream does not contain, without end."""
        rng = self.rng("perplexity")
        while True:
            kind = rng.choice(list(MOST_PARAGRAPHS))
            yield self._prose(rng, self._either(rng), kind, held_out=True)
            yield arithmetic.render(arithmetic.question(rng, held_out=True))

    def records(self, family: str, split: str, count: int) -> list[Record]:
        """Return ``count`` distinct questions of ``family``; split "train" is for few-shot use."""
        rng = self.rng(f"{family}/{split}")
        chosen: dict[str, Record] = {}
        while len(chosen) < count:
            # Facts are remembered best of all: the held-out questions ask only for the late ones.
            late_only = family == "arc" and split != "train"
            world = self.late if late_only else self._either(rng)
            record = world.question(family, rng, split != "train")
            chosen.setdefault(question_text(family, record), record)
        return list(chosen.values())

    def _either(self, rng: random.Random) -> World:
        """Draw a world, each as often as it has things."""
        sizes = [len(world.facts.entities) for world in (self.early, self.late)]
        return rng.choices((self.early, self.late), sizes)[0]

    def _document(self, rng: random.Random, world: World, kind: str) -> Document:
        if kind == "chat":
            messages: Document = self.chats.chat(rng, held_out=False)["messages"]
            return messages
        if kind in MOST_PARAGRAPHS:
            return self._prose(rng, world, kind, held_out=False)
        shots = rng.choice((1, 1, 2, rng.randint(2, MOST_SHOTS)))
        questions = [world.question(kind, rng, False) for _ in range(shots)]
        return "\n\n".join(RENDER[kind](question) for question in questions)

    def _prose(self, rng: random.Random, world: World, kind: str, held_out: bool) -> str:
        while True:
            paragraphs = rng.randint(1, MOST_PARAGRAPHS[kind])
            text = "\n\n".join(world.paragraph(kind, rng) for _ in range(paragraphs))
            if is_held_out(text) == held_out:
                return text


RENDER: dict[str, Callable[[Record], str]] = {
    "arithmetic": arithmetic.render,
    "hellaswag": events.render,
    "piqa": goals.render,
    "arc": facts.render,
}


def question_text(family: str, record: Record) -> str:
    """Return what makes a question of ``family`` the one it is (its prompt)."""
    if family == "hellaswag":
        return events.query(record)
    return str(record["goal"] if family == "piqa" else record["question"])
