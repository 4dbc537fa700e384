"""The chats family: conversations in UltraChat's ``messages`` format.

A chat is a few exchanges about what the other families know: facts, calculations, household
advice, stories. It feeds the training text and the held-out calibration set.

Example: ``Chats(facts, events, goals).chat(random.Random(0), held_out=False)``
"""

import hashlib
import random
from typing import Any

from . import arithmetic
from .events import Events
from .facts import Facts, answer_text, statement
from .goals import Goals
from .words import is_held_out, sentence

_GREETINGS = ("Hello! ", "Hi. ", "Good morning! ", "", "", "", "Please help me. ")
_OPENERS = ("", "", "Of course. ", "Good question. ", "Let me explain. ", "Certainly. ")
_CLOSERS = (
    ("Thank you very much.", "You are welcome. Is there anything else?"),
    ("That helps, thanks.", "I am glad to hear that."),
    ("Great, that is all for today.", "Have a nice day!"),
)
MOST_EXCHANGES = 6

Exchange = tuple[str, str]


class Chats:
    """Builds conversations out of the other families' knowledge."""

    def __init__(self, facts: Facts, events: Events, goals: Goals) -> None:
        self.facts, self.events, self.goals = facts, events, goals
        self._topics = (
            self._fact,
            self._portrait,
            self._list,
            self._problem,
            self._drill,
            self._advice,
            self._story,
        )

    def chat(self, rng: random.Random, held_out: bool) -> dict[str, Any]:
        """Return one document with the fields of UltraChat; the first prompt decides its side."""
        while True:
            exchanges = self._exchanges(rng)
            prompt = exchanges[0][0]
            if is_held_out(prompt) == held_out:
                return {
                    "prompt": prompt,
                    "prompt_id": hashlib.sha256(prompt.encode()).hexdigest(),
                    "messages": _messages(exchanges),
                }

    def _exchanges(self, rng: random.Random) -> list[Exchange]:
        exchanges = [rng.choice(self._topics)(rng) for _ in range(rng.randint(1, MOST_EXCHANGES))]
        prompt, answer = exchanges[0]
        exchanges[0] = (rng.choice(_GREETINGS) + prompt, answer)
        if rng.random() < 0.3:
            exchanges.append(rng.choice(_CLOSERS))
        return exchanges

    def _fact(self, rng: random.Random) -> Exchange:
        fact = self.facts.fact(rng, held_out=False)
        question = rng.choice(fact.attribute.questions).format(e=fact.entity)
        return question, rng.choice(_OPENERS) + statement(rng, fact)

    def _portrait(self, rng: random.Random) -> Exchange:
        facts = self.facts.entity(rng)
        statements = " ".join(statement(rng, fact) for fact in rng.sample(facts, len(facts)))
        return f"Tell me about {facts[0].entity}.", rng.choice(_OPENERS) + statements

    def _list(self, rng: random.Random) -> Exchange:
        records = [self.facts.question(rng, held_out=False) for _ in range(rng.randint(2, 4))]
        questions = " ".join(f"{n}. {r['question']}" for n, r in enumerate(records, 1))
        answers = "\n".join(f"{n}. {sentence(answer_text(r))}" for n, r in enumerate(records, 1))
        return f"Answer these questions. {questions}", answers

    def _problem(self, rng: random.Random) -> Exchange:
        record = arithmetic.question(rng, held_out=False)
        return record["question"], record["answer"]

    def _drill(self, rng: random.Random) -> Exchange:
        drills = [arithmetic.drill(rng) for _ in range(rng.randint(1, 4))]
        return " ".join(q for q, _ in drills), "\n".join(a for _, a in drills)

    def _advice(self, rng: random.Random) -> Exchange:
        record = self.goals.question(rng, held_out=False)
        solution = record["sol2"] if record["label"] else record["sol1"]
        return record["goal"], rng.choice(_OPENERS) + solution

    def _story(self, rng: random.Random) -> Exchange:
        request = rng.choice(
            (
                "Tell me a story about everyday life.",
                "Write a short story.",
                "What did people do today?",
            )
        )
        return request, " ".join(self.events.story(rng) for _ in range(rng.randint(1, 2)))


def _messages(exchanges: list[Exchange]) -> list[dict[str, str]]:
    return [
        {"role": role, "content": content}
        for exchange in exchanges
        for role, content in zip(("user", "assistant"), exchange, strict=True)
    ]
