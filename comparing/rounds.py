"""Rounds: the same measures on fresh loads of a checkpoint, taken together as one.

Repeats within one load share its memory layout, its kernels' choices and its minute of the day, so
they say too little of how far two loads lie apart. With rounds each load gives one value, the
median of its repeats, and the interval is over loads.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict

from comparing.contention import contended
from core.records import Figure, Record
from core.stats import over_loads

Key = tuple[str, ...]
FIRST_ROUNDS = 3  # of --rounds auto: fewer give no spread between loads worth a test


def key(record: Record) -> Key:
    """What the rounds of one measure share, on one checkpoint and engine; quality has one round."""
    subject = record.subject
    own = (subject.model, subject.scheme, subject.fingerprint)
    place = (record.run_id, record.engine, record.measure, *own)
    if record.kind != "performance":
        return (*place, record.ended)
    return (*place, json.dumps(record.settings, sort_keys=True, default=str))


def one_a_round(records: Iterable[Record]) -> list[Record]:
    """One record a round, in their order; of a round that was measured again the best and newest.

    A second attempt that failed, or that something disturbed too, replaces no good first one.
    """
    by_round: dict[int, list[Record]] = {}
    for record in records:
        by_round.setdefault(record.round, []).append(record)
    return [max(by_round[number], key=_worth) for number in sorted(by_round)]


def _worth(record: Record) -> tuple[bool, bool, str]:
    return record.status == "ok", contended(record.contention) is None, record.ended


def merge(rounds: list[Record]) -> Record:
    """One record of the rounds that `one_a_round` gives: the last one, with figures over loads.

    A round that failed fails all of it: a checkpoint that answers in two loads of three is no
    candidate. Rounds during which the machine did something else are left out where others are
    not. Raw values are the last round's.
    """
    last = rounds[-1]
    if last.kind != "performance":
        return last
    bad = next((record for record in rounds if record.status != "ok"), None)
    if bad is not None:
        some = any(record.status == "ok" for record in rounds)
        reason = f"round {bad.round}: {bad.reason}" if some else bad.reason
        return bad.model_copy(update={"reason": reason, "ended": last.ended})
    rounds = quiet(rounds) or rounds
    names = [name for name in last.figures if all(name in r.figures for r in rounds)]
    figures = {name: _over_loads([r.figures[name] for r in rounds]) for name in names}
    return last.model_copy(update={"figures": figures, "round": len(rounds)})


def quiet(rounds: Iterable[Record]) -> list[Record]:
    """The rounds during which the machine did nothing else."""
    return [record for record in rounds if contended(record.contention) is None]


def _over_loads(figures: list[Figure]) -> Figure:
    over = over_loads([figure.value for figure in figures])
    return figures[-1].model_copy(update=asdict(over))
