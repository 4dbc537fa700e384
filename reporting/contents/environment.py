"""The test environment of a report: hardware, system, software, load, settings."""

from typing import Any

from reporting.deciding.study import Study

NOTHING = (None, "", "None", "[]")
UNKNOWN = "unknown"
HARDWARE = ("processor", "cores", "GPUs", "engine", "engine version")


def environment(study: Study) -> list[tuple[str, str]]:
    """The test environment as (name, text): hardware, system, software, load, settings."""
    newest = [c.newest for c in study.candidates]
    record = max(newest, key=lambda r: (bool(r.machine), r.ended))
    machine = record.machine
    gpus = [str(gpu.get("name")) for gpu in machine.get("gpus") or []]
    libraries = machine.get("libraries") or {}
    process = (record.served or {}).get("process") or {}
    rows = [
        ("model", study.model),
        ("hardware", ", ".join(gpus) or _processor(machine)),
        ("hardware of lm-eval's own files", UNKNOWN if machine and not _all_known(study) else None),
        ("driver", machine.get("driver")),
        ("operating system", machine.get("os")),
        ("Python", machine.get("python")),
        *((name, version) for name, version in libraries.items()),
        ("engine", record.engine),
        *((name, _plain(value)) for name, value in process.items()),
        *((name, value) for name, value in study.context.items() if name not in HARDWARE),
        ("commit", machine.get("git_commit")),
        ("measured", f"{record.started[:19].replace('T', ' ')} UTC"),
    ]
    shown: dict[str, str] = {}  # of two of a name the first: records and contexts both know some
    for name, value in rows:
        if value not in NOTHING:
            shown.setdefault(name.replace("_", " "), str(value))
    return list(shown.items())


def _processor(machine: dict[str, Any]) -> str:
    """The processor; lm-eval's own files do not say on what they were made."""
    return f"{machine['cpu']}, {machine['cores']} cores" if "cpu" in machine else UNKNOWN


def _all_known(study: Study) -> bool:
    return all(s.record.machine for c in study.candidates for s in c.stored.values())


def engine_text(facts: list[tuple[str, str]]) -> str:
    """The engine of an environment and its version: `vllm 0.32.0`."""
    known = dict(facts)
    engine = known.get("engine", "")
    return f"{engine} {known.get(engine, '')}".strip()


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
