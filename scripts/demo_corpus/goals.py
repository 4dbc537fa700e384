"""The goals family: household goals with two solutions, in PIQA's format.

What to use depends on the object, its material and the task. Two in five follow a rule
(the task's usual means for that material), the others are arbitrary exceptions to be remembered,
so that a model scores above the rule only as far as its memory reaches.

Example: ``Goals(random.Random(0)).question(random.Random(1), held_out=True)``
"""

import random
from dataclasses import dataclass
from typing import Any

from .words import MATERIALS, OBJECTS, an, is_held_out, sentence, zipf_weights

RULE_SHARE = 0.4
TASKS_PER_OBJECT = 4


@dataclass(frozen=True)
class Task:
    """Something to do to an object: verb, participle, how to do it, and the possible means."""

    verb: str
    participle: str
    solution: str
    means: tuple[str, ...]


def _task(verb: str, participle: str, solution: str, means: str) -> Task:
    return Task(verb, participle, solution, tuple(means.split(", ")))


TASKS = [
    _task(
        "clean",
        "cleaned",
        "wash it with {m} and rinse it well",
        "warm water, lemon juice, soap, vinegar, salt, baking soda, cold tea, milk, sand, ash",
    ),
    _task(
        "polish",
        "polished",
        "rub it with {m} until it shines",
        "a wool cloth, wax, olive oil, chalk, a potato, a soft brush, newspaper, butter, "
        "a sponge, toothpaste",
    ),
    _task(
        "mend",
        "mended",
        "close the crack with {m} and let it rest",
        "glue, wire, tape, string, plaster, thread, resin, tar, a patch, nails",
    ),
    _task(
        "store",
        "stored",
        "put it in {m} until you need it",
        "a dry cellar, a paper bag, a drawer, a sack, an attic, a shed, a glass case, a barrel, "
        "a suitcase, sawdust",
    ),
    _task(
        "carry",
        "carried",
        "lift it with {m} and walk slowly",
        "both hands, a strap, a pole, a sling, a trolley, a net, a hook, a sledge, a blanket, "
        "a friend",
    ),
    _task(
        "dry",
        "dried",
        "leave it on {m} for a day",
        "the balcony, a towel, the grass, a rack, the stove, a window sill, a roof, hot stones, "
        "straw, a line",
    ),
    _task(
        "mark",
        "marked",
        "write on it with {m} and wait a minute",
        "a pencil, ink, paint, charcoal, a needle, a knife, crayon, a stamp, dye, a marker",
    ),
    _task(
        "protect",
        "protected",
        "cover it with {m} before the winter",
        "a sheet, foil, oil paper, leaves, felt, plastic, cork, varnish, canvas, hay",
    ),
]

_GOALS = (
    "How do you {verb} {thing}?",
    "To {verb} {thing},",
    "{verb} {thing}",
    "How can I {verb} {thing} at home?",
    "What is the right way to {verb} {thing}?",
)
_STATEMENTS = (
    "{thing} is best {participle} with this method: {solution}.",
    "To {verb} {thing}, {solution}.",
    "When people want to {verb} {thing}, they use {m}.",
    "{thing} should be {participle} with the help of {m}.",
    "If you have to {verb} {thing}, remember {m}: {solution}.",
)


@dataclass(frozen=True)
class Goal:
    """One association: this task on this thing wants these means."""

    thing: str
    task: Task
    means: str

    @property
    def held_out(self) -> bool:
        """Whether this goal is asked only in the held-out questions."""
        return is_held_out(f"{self.thing}|{self.task.verb}")

    def solution(self, means: str) -> str:
        """Say how to reach the goal with ``means``."""
        return self.task.solution.format(m=means)


class Goals:
    """The table of goals and the texts about them."""

    def __init__(
        self, rng: random.Random, things: int, zipf_exponent: float, earlier: "Goals | None" = None
    ) -> None:
        self._rule: dict[tuple[str, str], str] = (
            earlier._rule
            if earlier
            else {(m, t.verb): rng.choice(t.means) for m in MATERIALS for t in TASKS}
        )
        taken = {goal.thing for goal in earlier.goals} if earlier else set()
        pairs = [
            (material, thing)
            for material in MATERIALS
            for thing in OBJECTS
            if an(f"{material} {thing}") not in taken
        ]
        self.goals: list[Goal] = []
        for material, thing in rng.sample(pairs, things):
            for task in rng.sample(TASKS, TASKS_PER_OBJECT):
                self.goals.append(self._goal(rng, material, thing, task))
        rng.shuffle(self.goals)
        self._weights = zipf_weights(len(self.goals), zipf_exponent)

    def goal(self, rng: random.Random, held_out: bool | None = None) -> Goal:
        """Draw a goal, of one side if asked; the held-out side is drawn evenly."""
        while True:
            goal = rng.choice(self.goals) if held_out else self._frequent(rng)
            if held_out is None or goal.held_out == held_out:
                return goal

    def question(self, rng: random.Random, held_out: bool) -> dict[str, Any]:
        """Return one document with the fields of PIQA; the solutions differ in the means only."""
        goal = self.goal(rng, held_out)
        wrong = rng.choice([means for means in goal.task.means if means != goal.means])
        label = rng.randrange(2)
        solutions = [sentence(goal.solution(means)) + "." for means in (goal.means, wrong)]
        text = rng.choice(_GOALS).format(verb=goal.task.verb, thing=goal.thing)
        return {
            "goal": sentence(text),
            "sol1": solutions[label],
            "sol2": solutions[1 - label],
            "label": label,
        }

    def advice(self, rng: random.Random) -> str:
        """State what one goal wants, in one of its wordings."""
        goal = self.goal(rng)
        return sentence(
            rng.choice(_STATEMENTS).format(
                verb=goal.task.verb,
                participle=goal.task.participle,
                thing=goal.thing,
                m=goal.means,
                solution=goal.solution(goal.means),
            )
        )

    def _goal(self, rng: random.Random, material: str, thing: str, task: Task) -> Goal:
        usual = rng.random() < RULE_SHARE
        means = self._rule[material, task.verb] if usual else rng.choice(task.means)
        return Goal(an(f"{material} {thing}"), task, means)

    def _frequent(self, rng: random.Random) -> Goal:
        return rng.choices(self.goals, cum_weights=self._weights)[0]


def render(record: dict[str, Any]) -> str:
    """Write a document as lm-evaluation-harness's ``piqa`` task shows it."""
    right = record["sol2"] if record["label"] else record["sol1"]
    return f"Question: {record['goal']}\nAnswer: {right}"
