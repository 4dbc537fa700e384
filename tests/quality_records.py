"""Quality records written by hand, as `score.py` saves them."""

from typing import Any

from core.records import Figure, Record, Subject

Scores = dict[str, list[float]]


def record(measure: str, scheme: str = "BASE", raw: Any = None, **changes: Any) -> Record:
    """A finished record of a quality measure."""
    subject = Subject(
        model="tiny",
        scheme=scheme,
        path="tiny",
        fingerprint=f"{scheme:>16}",
        bytes=1,
        format="dense",
        revision=None,
        manifest={},
    )
    values: dict[str, Any] = {
        "run_id": "r",
        "kind": "quality",
        "measure": measure,
        "status": "ok",
        "subject": subject,
        "engine": "fake",
        "options": {},
        "served": None,
        "settings": {},
        "figures": {},
        "raw": raw,
        "machine": {},
        "command": ["score.py"],
        "started": "2026-01-01T00:00:00+00:00",
        "ended": "2026-01-01T00:00:01+00:00",
    }
    return Record(**{**values, **changes})


def harness(scheme: str, tasks: Scores, documents: dict[str, list[str]] | None = None) -> Record:
    """A record of lm-eval tasks with one score a document."""
    told = {
        name: {
            "primary": "acc,none",
            "n_shot": 0,
            "version": 1.0,
            "documents": (documents or {}).get(name) or [f"{n:012x}" for n in range(len(scores))],
            "scores": {"acc,none": scores},
            "higher_is_better": {"acc,none": True},
            "aggregated": {"acc,none": sum(scores) / len(scores)},
        }
        for name, scores in tasks.items()
    }
    figures = {
        f"{name}/acc,none": Figure(
            value=sum(s) / len(s), values=[sum(s) / len(s)], unit="fraction", better="higher"
        )
        for name, s in tasks.items()
    }
    raw = {"tasks": told, "generated": 0, "empty": 0, "files": []}
    return record("harness", scheme, raw, figures=figures)
