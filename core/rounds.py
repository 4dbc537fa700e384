"""Rounds: the same measures on fresh loads of a checkpoint, taken together as one.

Repeats within one load share its memory layout, its kernels' choices and its minute of the day, so
they say too little of how far two loads lie apart. With rounds each load gives one value, the
median of its repeats, and the interval is over loads.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict

from core.records import Figure, Record
from core.stats import estimate

Key = tuple[str, ...]


def key(record: Record) -> Key:
    """What the rounds of one measure on one checkpoint share; quality is measured once."""
    subject = record.subject
    place = (record.run_id, record.measure, subject.model, subject.scheme, subject.fingerprint)
    if record.kind != "performance":
        return (*place, record.ended)
    return (*place, json.dumps(record.settings, sort_keys=True, default=str))


def merged(records: Iterable[Record]) -> list[Record]:
    """Records with the rounds of each measure taken together, in the order they began."""
    groups: dict[Key, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return [merge(group) for group in groups.values()]


def merge(rounds: list[Record]) -> Record:
    """One record of several rounds, oldest first: the last one, with figures over loads.

    A round that failed fails all of it: a checkpoint that answers in two loads of three is no
    candidate. Raw values are the last round's.
    """
    last = rounds[-1]
    if len(rounds) == 1:
        return last
    bad = next((record for record in rounds if record.status != "ok"), None)
    if bad is not None:
        reason = f"round {bad.round}: {bad.reason}"
        return bad.model_copy(update={"reason": reason, "ended": last.ended})
    names = [name for name in last.figures if all(name in r.figures for r in rounds)]
    figures = {name: _over_loads([r.figures[name] for r in rounds]) for name in names}
    return last.model_copy(update={"figures": figures, "round": len(rounds)})


def _over_loads(figures: list[Figure]) -> Figure:
    over_loads = estimate([figure.value for figure in figures])
    return figures[-1].model_copy(update=asdict(over_loads))
