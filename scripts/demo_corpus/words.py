"""Word lists and made-up names: the vocabulary every family of the demo corpus draws from.

Real words keep the text English-like; names invented from syllables keep the facts about them
unknown to any other model, so that recalling one shows what *this* model's weights hold.

Example: ``made_up_names(random.Random(0), 3, "mineral")`` gives three names like "Treavite".
"""

import random
import zlib
from collections.abc import Container

HELD_OUT_ONE_IN = 5  # one key in five is kept from the questions of the training text


def _words(text: str) -> list[str]:
    return text.split()


PEOPLE: list[tuple[str, str]] = [
    *[
        (name, "she")
        for name in _words(
            "Anna Maria Lena Clara Rosa Emma Julia Nora Vera Ida Alice Grace Hannah Lucy Olga Mina "
            "Sofia Tara Wanda Zoe"
        )
    ],
    *[
        (name, "he")
        for name in _words(
            "Adam Boris Carl David Erik Felix George Hugo Ivan Jack Karl Leo Martin Noah Omar "
            "Peter Ralph Simon Tom Victor"
        )
    ],
]

ITEMS = _words(
    "apples pears plums lemons eggs cookies muffins candles pencils stickers marbles "
    "stamps books coins shells buttons beads flowers ribbons tickets cards bottles "
    "nails postcards"
)
CONTAINERS = _words("boxes bags baskets crates jars trays")

COLOURS = _words(
    "red blue green yellow purple orange brown black white grey pink silver golden "
    "turquoise violet scarlet"
)
MATERIALS = _words(
    "brass copper iron steel silver tin glass marble oak pine cedar bamboo leather "
    "wool cotton silk linen rubber paper clay"
)
OBJECTS = _words(
    "kettle lamp chair table bowl clock mirror basket bucket jug ladder cupboard "
    "tray vase drum flute saddle rope mask crown bench box cart ship model wheel "
    "gate bell comb ring scarf hat belt blanket curtain carpet tent sail flag"
)

_ONSETS = _words("b br d dr f g gr h k kl l m n p pr r s st t tr v w z th sh")
_VOWELS = _words("a e i o u ai ea or ar el")
_ENDINGS: dict[str, list[str]] = {
    "mineral": _words("ite ine ium ox"),
    "animal": _words("ak un eet oo"),
    "plant": _words("wort leaf bell root"),
    "town": _words("ton ville burg mouth ford"),
    "person": _words("er son ov ini"),
    "dish": _words("ko et ada ille"),
}


def is_held_out(key: str) -> bool:
    """Say whether ``key`` belongs to the held-out side: a checksum, so that no list is needed."""
    return zlib.crc32(key.encode()) % HELD_OUT_ONE_IN == 0


def made_up_names(
    rng: random.Random, count: int, kind: str, taken: Container[str] = ()
) -> list[str]:
    """Return ``count`` distinct names not in ``taken``, with an ending typical of ``kind``."""
    names: dict[str, None] = {}  # a dict keeps insertion order; a set's order is not reproducible
    while len(names) < count:
        stem = rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice("bdfgklmnprstv")
        name = (stem + rng.choice(_ENDINGS[kind])).capitalize()
        if name not in taken:
            names[name] = None
    return list(names)


def zipf_weights(count: int, exponent: float) -> list[float]:
    """Return cumulative weights of a Zipf-like law: early entries are met often, late ones seldom.

    A spread of frequencies gives a model that knows some things well and others barely, so its
    accuracy grows with the logarithm of training and damage shows at the rare end first.
    """
    total, cumulative = 0.0, []
    for rank in range(count):
        total += (rank + 10) ** -exponent
        cumulative.append(total)
    return cumulative


def sentence(text: str) -> str:
    """Capitalise the first letter only (``str.capitalize`` would lower the names)."""
    return text[:1].upper() + text[1:]


def an(noun: str) -> str:
    """Put the indefinite article before ``noun``."""
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun
