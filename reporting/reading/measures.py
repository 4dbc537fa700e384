"""What measures say of themselves, for records by name: records of unknown measures have defaults.

A measure and its variant together are a key: `batch 8`, or the name alone.
"""

import functools
from collections.abc import Iterable

from core import plugins
from core.measure import Measure, Quantity
from core.records import Record

QUALITY = "Quality"  # what quality measures without a title of their own are called together
LAST = 1 << 16  # the place of measures without a plug-in


@functools.cache
def find(name: str) -> Measure | None:
    """A measure by its name; None for one that has no plug-in here."""
    if name not in plugins.names("measures"):
        return None
    measure: Measure = plugins.load("measures", name)
    return measure


def of_key(key: str) -> Measure | None:
    """The measure of a key."""
    return find(split(key)[0])


def key_of(record: Record) -> str:
    """The key of a record's measure: variants (a batch's sizes) are different keys."""
    measure = find(record.measure)
    variant = measure.variant(record.settings) if measure else None
    return record.measure if variant is None else f"{record.measure} {variant}"


def split(key: str) -> tuple[str, int | None]:
    """A key's measure and variant."""
    name, _, variant = key.partition(" ")
    return name, int(variant) if variant else None


def order(key: str) -> tuple[int, str, int]:
    """Sorts keys as reports show them: by place, then by variant; unknown measures last."""
    name, variant = split(key)
    measure = find(name)
    return measure.shown.place if measure else LAST, name, variant or 0


def ordered(keys: Iterable[str]) -> list[str]:
    """Keys as reports show them, each once."""
    return sorted(set(keys), key=order)


def load(key: str) -> str:
    """The load in words (`one user`, `32 users`); empty for a measure without one."""
    measure, (_, variant) = of_key(key), split(key)
    if measure is None:
        return ""
    of_one = measure.shown.load_of_one if variant == 1 else ""
    return of_one or measure.shown.load.format(variant)


def title(key: str) -> str:
    """The heading a measure stands under; measures of one title stand together."""
    name, _ = split(key)
    measure = find(name)
    if measure is None or measure.shown.title:
        return measure.shown.title if measure else name
    return QUALITY if measure.kind == "quality" else name.replace("_", " ").capitalize()


def declared(key: str) -> dict[str, Quantity]:
    """What a measure declares of its figures, by name."""
    measure = of_key(key)
    return measure.quantities if measure else {}


def quantity(key: str, name: str) -> Quantity | None:
    """What a figure is; None for one that its measure does not declare."""
    return declared(key).get(name)


def shown_in(key: str, name: str) -> str:
    """The unit a figure is shown in everywhere (see `core.words.scale`); shares as percent."""
    known = quantity(key, name)
    return known.shown_in if known else "%"


def headline(key: str) -> str:
    """The figure by which two schemes are compared: declared, else the first that has a column."""
    measure = of_key(key)
    if measure is None or measure.shown.headline:
        return measure.shown.headline if measure else ""
    return next((name for name, known in measure.quantities.items() if known.title), "")


def headline_title(key: str) -> str:
    """What history calls the headline figure: `latency, one user`."""
    measure = of_key(key)
    known = quantity(key, headline(key))
    title = (measure.shown.headline_title if measure else "") or (known.title if known else "")
    return title.format(load(key))


def judges(name: str) -> bool:
    """Whether quality is judged by a measure's scores of documents."""
    measure = find(name)
    return measure is not None and measure.scores is not None
