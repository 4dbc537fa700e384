"""What must be alike for two records to be compared: hardware, engine, settings, load."""

import hashlib

from core.records import Record

PLACES = ("load", "memory", "sequential", "batch")
LOAD_SETTINGS = ("prompt_tokens", "max_new_tokens", "temperature", "top_p")


def measure_order(key: str) -> tuple[int, int]:
    """Load, memory, one user, then batches by size."""
    name, _, size = key.partition(" ")
    place = PLACES.index(name) if name in PLACES else len(PLACES)
    return place, int(size or 0)


def key_of(record: Record) -> str:
    """A measure's name in a report: batches are told apart by their size."""
    size = record.settings.get("batch_size")
    return f"batch {size}" if record.measure == "batch" else record.measure


def conditions(record: Record) -> dict[str, str]:
    """The hardware and settings that must be equal for two records to be compared."""
    machine, settings = record.machine, record.settings
    gpus = [str(gpu.get("name")) for gpu in machine.get("gpus") or []]
    hardware = {"GPUs": ", ".join(gpus)} if gpus else {"cores": str(machine.get("cores"))}
    texts = settings.get("texts") or ()
    load = {name: str(settings[name]) for name in LOAD_SETTINGS if name in settings}
    if texts:
        digest = hashlib.sha256("\0".join(map(str, texts)).encode()).hexdigest()[:8]
        load["prompts"] = f"{len(texts)} of one's own ({digest})"
    return {
        "processor": str(machine.get("cpu")),
        **hardware,
        "engine": record.engine,
        **{name: str(value) for name, value in record.options.items()},
        **load,
    }


def context(record: Record) -> dict[str, str]:
    """`conditions` and the engine's version: what one report does not mix."""
    libraries = record.machine.get("libraries") or {}
    return {**conditions(record), "engine version": str(libraries.get(record.engine, "-"))}


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """What differs between two contexts, in words."""
    names = [*one, *(name for name in other if name not in one)]
    return [
        f"{name} {one.get(name, '-')} and {other.get(name, '-')}"
        for name in names
        if one.get(name, "-") != other.get(name, "-")
    ]
