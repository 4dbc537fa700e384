"""The whole corpus: the tables of one seed, the stream of training documents, held-out prose.

Example: ``next(Corpus(seed=0).training_documents())``
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

from . import arithmetic, events, facts, goals
from .chats import Chats
from .words import is_held_out

Document = str | list[dict[str, str]]  # plain text, or the messages of a chat
Record = dict[str, Any]

ENTITIES_PER_KIND = 150
ACTIVITIES = 320
THINGS = 280
ZIPF_EXPONENT = 0.6
MOST_SHOTS = 6
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


class Corpus:
    """Everything one seed determines."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.facts = facts.Facts(self.rng("facts"), ENTITIES_PER_KIND, ZIPF_EXPONENT)
        self.events = events.Events(self.rng("events"), ACTIVITIES, ZIPF_EXPONENT)
        self.goals = goals.Goals(self.rng("goals"), THINGS, ZIPF_EXPONENT)
        self.chats = Chats(self.facts, self.events, self.goals)
        self.questions: dict[str, Callable[[random.Random, bool], Record]] = {
            "arithmetic": arithmetic.question,
            "hellaswag": self.events.question,
            "piqa": self.goals.question,
            "arc": self.facts.question,
        }
        self._prose: dict[str, tuple[Callable[[random.Random], str], int]] = {
            "article": (self.facts.article, 4),
            "story": (self.events.story, 3),
            "advice": (self.goals.advice, 5),
        }

    def rng(self, purpose: str) -> random.Random:
        """Return a generator of its own for ``purpose``, so that no part disturbs another."""
        return random.Random(f"{self.seed}/{purpose}")

    def training_documents(self, purpose: str = "training") -> Iterator[Document]:
        """Yield documents without end; no held-out question is ever among them."""
        rng = self.rng(purpose)
        kinds, weights = list(SHARES), list(SHARES.values())
        while True:
            yield self._document(rng, rng.choices(kinds, weights)[0])

    def held_out_documents(self) -> Iterator[str]:
        """Yield prose that the training stream does not contain, without end."""
        rng = self.rng("perplexity")
        while True:
            yield self._prose_document(rng, rng.choice(list(self._prose)), held_out=True)
            yield RENDER["arithmetic"](arithmetic.question(rng, held_out=True))

    def records(self, family: str, split: str, count: int) -> list[Record]:
        """Return ``count`` distinct questions of ``family``; split "train" is for few-shot use."""
        rng = self.rng(f"{family}/{split}")
        chosen: dict[str, Record] = {}
        while len(chosen) < count:
            record = self.questions[family](rng, split != "train")
            chosen.setdefault(question_text(family, record), record)
        return list(chosen.values())

    def _document(self, rng: random.Random, kind: str) -> Document:
        if kind == "chat":
            messages: Document = self.chats.chat(rng, held_out=False)["messages"]
            return messages
        if kind in self._prose:
            return self._prose_document(rng, kind, held_out=False)
        shots = rng.choice((1, 1, 2, rng.randint(2, MOST_SHOTS)))
        questions = [self.questions[kind](rng, False) for _ in range(shots)]
        return "\n\n".join(RENDER[kind](question) for question in questions)

    def _prose_document(self, rng: random.Random, kind: str, held_out: bool) -> str:
        write, most = self._prose[kind]
        while True:
            text = "\n\n".join(write(rng) for _ in range(rng.randint(1, most)))
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
