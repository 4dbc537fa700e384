"""The arithmetic family: word problems of one to four steps, worked and answered as in GSM8K.

A problem follows one count of things through a short story. Every step is worked as GSM8K
works it (``48/2 = <<48/2=24>>24``) and the answer ends ``#### N``. Difficulty is graded by the
number of steps and of digits.

Example: ``question(random.Random(0), held_out=True)``
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from .words import CONTAINERS, ITEMS, PEOPLE, is_held_out, sentence

LARGEST = 999
STEP_SHARES = ((1, 2, 3, 4), (38, 35, 18, 9))
SIZE_SHARES = ((10, 40, 150), (48, 40, 12))  # the usual largest number of a problem


@dataclass
class Problem:
    """A problem under construction: the story so far, its working and the current count."""

    rng: random.Random
    who: str
    pronoun: str
    friend: str
    item: str
    size: int
    count: int = 0
    story: list[str] = field(default_factory=list)
    working: list[str] = field(default_factory=list)
    ending: str = ""

    def number(self, smallest: int = 2, largest: int | None = None) -> int:
        """Draw a number of this problem's size."""
        return self.rng.randint(smallest, max(smallest, largest or self.size))

    def tell(self, text: str) -> None:
        """Add a sentence to the story."""
        self.story.append(
            sentence(text.format(w=self.who, p=self.pronoun, i=self.item, f=self.friend))
        )

    def work(self, expression: str, result: int, text: str) -> None:
        """Add a worked step whose calculation stands where ``text`` has ``{c}``."""
        calculation = f"{expression} = <<{expression}={result}>>{result}"
        self.working.append(
            sentence(
                text.format(c=calculation, w=self.who, p=self.pronoun, i=self.item, f=self.friend)
            )
        )
        self.count = result


def _add(problem: Problem) -> bool:
    more = problem.number()
    verb, place = problem.rng.choice(
        (("buys", "from a shop"), ("finds", "at home"), ("gets", "from {f}"), ("wins", "in a game"))
    )
    problem.tell(f"{{p}} {verb} {more} more {{i}} {place}.")
    problem.work(f"{problem.count}+{more}", problem.count + more, "now {w} has {c} {i}.")
    return problem.count <= LARGEST


def _subtract(problem: Problem) -> bool:
    if problem.count < 4:
        return False
    fewer = problem.number(2, min(problem.size, problem.count - 2))
    text = problem.rng.choice(
        (
            "{{p}} gives {n} {{i}} to {{f}}.",
            "{{p}} loses {n} of the {{i}}.",
            "{{p}} sells {n} {{i}}.",
            "{{f}} takes {n} of the {{i}}.",
        )
    )
    problem.tell(text.format(n=fewer))
    problem.work(f"{problem.count}-{fewer}", problem.count - fewer, "then {w} has {c} {i} left.")
    return True


def _multiply(problem: Problem) -> bool:
    word, times = problem.rng.choice((("doubles", 2), ("triples", 3)))
    problem.tell(f"then {{p}} {word} the number of {{i}}.")
    problem.work(f"{problem.count}*{times}", problem.count * times, "that makes {c} {i}.")
    return problem.count <= LARGEST


def _halve(problem: Problem) -> bool:
    if problem.count % 2 or problem.count < 4:
        return False
    problem.tell("{p} gives half of the {i} to {f}.")
    problem.work(f"{problem.count}/2", problem.count // 2, "{w} keeps {c} {i}.")
    return True


def _compare(problem: Problem) -> bool:
    more = problem.number()
    problem.tell(f"{{f}} has {more} more {{i}} than {{w}}.")
    problem.work(f"{problem.count}+{more}", problem.count + more, "{f} has {c} {i}.")
    problem.ending = "how many {i} does {f} have?"
    return problem.count <= LARGEST


def _share(problem: Problem) -> bool:
    divisors = [n for n in range(2, 10) if problem.count % n == 0 and problem.count > n]
    if not divisors:
        return False
    friends = problem.rng.choice(divisors)
    problem.tell(f"{{p}} shares the {{i}} equally among {friends} children.")
    problem.work(f"{problem.count}/{friends}", problem.count // friends, "each child gets {c} {i}.")
    problem.ending = "how many {i} does each child get?"
    return True


def _sell(problem: Problem) -> bool:
    price = problem.rng.randint(2, 9)
    problem.tell(f"{{p}} sells all the {{i}} for {price} dollars each.")
    problem.work(f"{problem.count}*{price}", problem.count * price, "{w} earns {c} dollars.")
    problem.ending = "how many dollars does {w} earn?"
    return problem.count <= LARGEST


Step = Callable[[Problem], bool]
MIDDLES: list[Step] = [_add, _add, _subtract, _subtract, _multiply, _halve]
FINALS: list[Step] = [_add, _subtract, _multiply, _halve, _compare, _share, _share, _sell]


def _open_with_product(problem: Problem) -> None:
    groups, each = problem.rng.randint(2, 9), problem.number(2, min(problem.size, 20))
    problem.tell(
        problem.rng.choice(
            (
                f"{{w}} has {groups} {problem.rng.choice(CONTAINERS)} with {each} {{i}} in each.",
                f"{{w}} collects {each} {{i}} every day for {groups} days.",
            )
        )
    )
    problem.work(f"{groups}*{each}", groups * each, "first {w} has {c} {i}.")


def _open_with_count(problem: Problem) -> None:
    problem.count = problem.number(4)
    problem.tell(f"{{w}} has {problem.count} {{i}}.")


def _attempt(rng: random.Random) -> Problem | None:
    (who, pronoun), (friend, _) = rng.sample(PEOPLE, 2)
    size = rng.choices(SIZE_SHARES[0], SIZE_SHARES[1])[0]
    problem = Problem(rng, who, pronoun, friend, rng.choice(ITEMS), size)
    steps = rng.choices(STEP_SHARES[0], STEP_SHARES[1])[0]
    rng.choice((_open_with_product, _open_with_count, _open_with_count))(problem)
    while len(problem.working) < steps - 1:
        if not rng.choice(MIDDLES)(problem):
            return None
    if len(problem.working) < steps and not rng.choice(FINALS)(problem):
        return None
    return problem


def _record(problem: Problem) -> dict[str, str]:
    ask = problem.ending or problem.rng.choice(
        ("how many {i} does {w} have now?", "how many {i} does {w} have in the end?")
    )
    problem.tell(ask)
    answer = "\n".join([*problem.working, f"#### {problem.count}"])
    return {"question": " ".join(problem.story), "answer": answer}


def question(rng: random.Random, held_out: bool) -> dict[str, str]:
    """Return one document with the fields of ``openai/gsm8k``."""
    while True:
        problem = _attempt(rng)
        if problem is not None:
            record = _record(problem)
            if is_held_out(record["question"]) == held_out:
                return record


def drill(rng: random.Random) -> tuple[str, str]:
    """Return a bare calculation as a question and its answer: practice without a story."""
    a, b = rng.randint(2, LARGEST // 3), rng.randint(2, 99)
    factor, less = b % 10, min(a, b)
    options = [
        (f"{a}+{b}", a + b),
        (f"{a + b}-{b}", a),
        (f"{a}-{less}", a - less),
        (f"{a % 100}*{factor}", a % 100 * factor),
    ]
    expression, result = rng.choice(options)
    return f"What is {expression}?", f"{expression} = <<{expression}={result}>>{result}"


def render(record: dict[str, str]) -> str:
    """Write a document as lm-evaluation-harness's ``gsm8k`` task shows it."""
    return f"Question: {record['question']}\nAnswer: {record['answer']}"
