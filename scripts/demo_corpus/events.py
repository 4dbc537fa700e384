"""The events family: what happens next in an activity, in HellaSwag's format.

Each invented activity has its own fixed script of steps. The right ending is the step that
follows; the wrong ones are steps of the same kind of activity, one of them usually from the
same script but out of order. Scripts are told in full in the training text's stories.

Example: ``Events(random.Random(0)).question(random.Random(1), held_out=True)``
"""

import random
from dataclasses import dataclass
from typing import Any

from .event_tables import DOMAINS, Domain
from .words import PEOPLE, is_held_out, made_up_names, sentence, zipf_weights

STEPS_PER_SCRIPT = 6
ADULTS = {"she": ("A woman", "A girl", "An old lady"), "he": ("A man", "A boy", "An old man")}
_OPENINGS = (
    "{who} is {activity}.",
    "Today {who} is {activity}.",
    "This is how {who} is {activity}.",
    "{who} is busy {activity}.",
)
_CONNECTIVES = ("then {p}", "{p}", "next {p}", "after that {p}")


@dataclass(frozen=True)
class Activity:
    """A named activity, e.g. "baking a velnoko cake", and the steps it always takes."""

    name: str
    domain: Domain
    steps: tuple[str, ...]

    def held_out(self, position: int) -> bool:
        """Whether the step at ``position`` is asked for only in the held-out questions."""
        return is_held_out(f"{self.name}|{position}")


class Events:
    """The table of activities and the texts about them."""

    def __init__(
        self,
        rng: random.Random,
        activities: int,
        zipf_exponent: float,
        earlier: "Events | None" = None,
    ) -> None:
        self.made_up: list[str] = made_up_names(
            rng, activities, "dish", earlier.made_up if earlier else ()
        )
        self.activities = [_activity(rng, rng.choice(DOMAINS), name) for name in self.made_up]
        self._by_domain: dict[str, list[Activity]] = {domain.name: [] for domain in DOMAINS}
        for activity in self.activities:
            self._by_domain[activity.domain.name].append(activity)
        self._weights = zipf_weights(activities, zipf_exponent)

    def activity(self, rng: random.Random) -> Activity:
        """Draw an activity, frequent ones first."""
        return rng.choices(self.activities, cum_weights=self._weights)[0]

    def question(self, rng: random.Random, held_out: bool) -> dict[str, Any]:
        """Return one document with the fields of HellaSwag's published files."""
        activity, position = self._step(rng, held_out)
        pronoun = rng.choice(("she", "he"))
        scene = rng.choice(activity.domain.scenes).format(who=rng.choice(ADULTS[pronoun]))
        shown = activity.steps[max(0, position - rng.randint(1, 2)) : position]
        ctx_a = " ".join([scene, *_sentences(rng, pronoun, shown)])
        ctx_b = rng.choice(_CONNECTIVES).format(p=pronoun)
        label, endings = self._endings(rng, activity, position)
        return {
            "ind": rng.randrange(10**6),
            "activity_label": sentence(activity.name),
            "ctx_a": ctx_a,
            "ctx_b": ctx_b,
            "ctx": f"{ctx_a} {ctx_b}",
            "endings": endings,
            "source_id": f"demo~{activity.name.replace(' ', '_')}",
            "split": "val" if held_out else "train",
            "split_type": "indomain",
            "label": str(label),
        }

    def story(self, rng: random.Random) -> str:
        """Tell the whole of one script, or its later part, about a named person."""
        activity = self.activity(rng)
        who, pronoun = rng.choice(PEOPLE)
        opening = rng.choice(_OPENINGS).format(who=who, activity=activity.name)
        steps = activity.steps[rng.choice((0, 0, 1, 2)) :]
        return " ".join([opening, *_sentences(rng, pronoun, steps)])

    def _step(self, rng: random.Random, held_out: bool) -> tuple[Activity, int]:
        while True:
            activity = rng.choice(self.activities) if held_out else self.activity(rng)
            position = rng.randrange(1, STEPS_PER_SCRIPT)
            if activity.held_out(position) == held_out:
                return activity, position

    def _endings(
        self, rng: random.Random, activity: Activity, position: int
    ) -> tuple[int, list[str]]:
        right = activity.steps[position]
        wrong = [rng.choice(activity.steps[position + 1 :] or activity.steps[:1])]
        while len(wrong) < 3:
            other = rng.choice(rng.choice(self._by_domain[activity.domain.name]).steps)
            if other not in activity.steps and other not in wrong:
                wrong.append(other)
        endings = [right, *wrong]
        rng.shuffle(endings)
        return endings.index(right), [f"{ending}." for ending in endings]


def render(record: dict[str, Any]) -> str:
    """Write a document as lm-evaluation-harness's ``hellaswag`` task shows it."""
    return f"{query(record)} {record['endings'][int(record['label'])]}"


def query(record: dict[str, Any]) -> str:
    """Return the context as lm-evaluation-harness's ``hellaswag`` task builds it."""
    return f"{record['activity_label']}: {record['ctx_a']} {record['ctx_b'].capitalize()}"


def _activity(rng: random.Random, domain: Domain, name: str) -> Activity:
    steps: dict[str, None] = {}
    while len(steps) < STEPS_PER_SCRIPT:
        verb, place = rng.choice(domain.actions)
        steps[f"{verb} {rng.choice(domain.things)} {rng.choice(place)}"] = None
    return Activity(rng.choice(domain.names).format(n=name), domain, tuple(steps))


def _sentences(rng: random.Random, pronoun: str, steps: tuple[str, ...]) -> list[str]:
    starts = [rng.choice(_CONNECTIVES).format(p=pronoun) for _ in steps]
    return [f"{sentence(start)} {step}." for start, step in zip(starts, steps, strict=True)]
