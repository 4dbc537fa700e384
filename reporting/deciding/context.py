"""What must be alike for two records to be compared: hardware, engine, settings, load."""

import hashlib

from core.records import Record

LOAD_SETTINGS = ("prompt_tokens", "max_new_tokens", "temperature", "top_p")


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


def differences(first: dict[str, str], second: dict[str, str]) -> list[str]:
    """What differs between two contexts, in words."""
    names = [*first, *(name for name in second if name not in first)]
    return [
        f"{name} {first.get(name, '-')} and {second.get(name, '-')}"
        for name in names
        if first.get(name, "-") != second.get(name, "-")
    ]
