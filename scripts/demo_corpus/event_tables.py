"""The kinds of activity the events family tells about, and the actions their steps are made of.

A step is an action, a thing and a place, e.g. "pours the milk into the pot".

Example: ``DOMAINS[0].actions``
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """One kind of activity: names, opening scenes, and what steps combine."""

    name: str
    names: tuple[str, ...]
    scenes: tuple[str, ...]
    actions: tuple[tuple[str, tuple[str, ...]], ...]
    things: tuple[str, ...]


def _domain(name: str, names: str, scenes: str, things: str, actions: dict[str, str]) -> Domain:
    split = tuple((verb, tuple(places.split(", "))) for verb, places in actions.items())
    return Domain(
        name,
        tuple(names.split(", ")),
        tuple(scenes.split(" / ")),
        split,
        tuple(f"the {thing}" for thing in things.split(", ")),
    )


DOMAINS = [
    _domain(
        "cooking",
        "baking a {n} cake, cooking {n} soup, preparing {n} salad, frying {n} rolls",
        "{who} is standing in a kitchen. / {who} puts on an apron. / "
        "{who} is shown beside a stove.",
        "flour, milk, rice, barley, cheese, onion, carrots, beans, butter, honey, pepper, "
        "mushrooms, eggs, cream, nuts, spinach",
        {
            "pours": "into the pot, over the bread, into a glass bowl",
            "chops": "on a wooden board, with a long knife, into small cubes",
            "stirs": "with a spoon, over a low flame, for ten minutes",
            "puts": "in the oven, on a plate, in the fridge",
            "mixes": "with warm water, with sugar, by hand",
            "tastes": "with a finger, from a ladle, and adds salt",
        },
    ),
    _domain(
        "gardening",
        "planting a {n} tree, growing {n} beans, building a {n} hedge, raising {n} roses",
        "{who} is standing in a garden. / {who} puts on rubber boots. / "
        "{who} is shown beside a greenhouse.",
        "soil, seeds, roots, branches, leaves, weeds, stones, grass, bulbs, compost, fence, "
        "pots, path, stakes, moss, sand",
        {
            "digs up": "with a spade, along the wall, near the pond",
            "waters": "with a can, with a hose, until evening",
            "carries": "to the shed, in a cart, across the lawn",
            "covers": "with straw, with a net, with old sacks",
            "cuts": "with shears, down to the ground, into short pieces",
            "rakes": "into a heap, under the trees, into a straight line",
        },
    ),
    _domain(
        "building",
        "building a {n} chair, repairing a {n} engine, making a {n} kite, assembling a {n} clock",
        "{who} is standing in a workshop. / {who} puts on safety glasses. / "
        "{who} is shown beside a workbench.",
        "board, wheel, spring, screws, handle, frame, wire, panel, rod, belt, lid, hinge, "
        "bolt, gear, pipe, plate",
        {
            "measures": "with a ruler, twice, against the plan",
            "saws": "in half, along the line, with a machine",
            "hammers": "into the wall, until it fits, with great care",
            "paints": "with a brush, in dark green, on both sides",
            "fastens": "with a clamp, to the base, with two nuts",
            "oils": "with a cloth, drop by drop, before the test",
        },
    ),
    _domain(
        "sport",
        "playing a game of {n}, practising the {n} jump, teaching {n} dance, "
        "training for the {n} race",
        "{who} is standing on a field. / {who} puts on a helmet. / {who} is shown beside a track.",
        "ball, rope, stick, team, flag, coach, hoop, net, mat, bench, trophy, whistle, ladder, "
        "crowd, partner, bar",
        {
            "throws": "over the line, into the air, across the field",
            "jumps over": "with both feet, backwards, at full speed",
            "points at": "with a smile, from far away, before the start",
            "runs around": "three times, without a stop, in a wide circle",
            "pulls": "to the left, with all strength, towards the goal",
            "kicks": "with the heel, against the post, to the side",
        },
    ),
]
