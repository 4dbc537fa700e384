"""Scores per document of lm-eval tasks, as records keep them: merged, and paired with the base's.

A document is known by the hash over its prompt, question and answer, the second of two alike by
that and its number.
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from core.errors import UserError
from core.measure import Raw, TaskScores
from quality.tasks import primary

COUNTS = ("generated", "empty", "truncated", "prompts_cut", "answers_cut")
Document = tuple[str, int]


def paired_scores(base: Raw, compressed: Raw) -> TaskScores:
    """Scores of the documents that both answered, in one order, by task; a group is one task.

    Only scores between 0 and 1 of which more is better: a margin in points means nothing to others.
    Raises `UserError` when no document of any task is the same.
    """
    base_tasks, tasks = base["tasks"], compressed["tasks"]
    if not base_tasks.keys() & tasks.keys():
        raise UserError("the checkpoint and its base were asked different tasks")
    if not any(shared for shared, _ in coverage(base, compressed).values()):
        raise UserError(
            "the checkpoint was asked with other documents or prompts than its base, none is the "
            "same: score the base anew, naming it as a --model"
        )
    scores: TaskScores = {}
    for name, leaves in asked_tasks(compressed).items():
        pairs = [_pair(base_tasks[leaf], tasks[leaf]) for leaf in leaves if leaf in base_tasks]
        judged = [pair for pair in pairs if pair is not None]
        if judged:
            scores[name] = (
                [score for first, _ in judged for score in first],
                [score for _, second in judged for score in second],
            )
    return scores


def asked_tasks(raw: Raw) -> dict[str, list[str]]:
    """The tasks as they were asked for: a group's name stands for its tasks."""
    groups: dict[str, list[str]] = raw.get("groups", {})
    grouped = {leaf for leaves in groups.values() for leaf in leaves}
    return groups | {name: [name] for name in raw["tasks"] if name not in grouped}


def coverage(base: Raw, compressed: Raw) -> dict[str, tuple[int, int]]:
    """Of each task asked of a checkpoint: documents its base answered too, and all asked."""
    return {
        name: (
            sum(
                len(_shared(base["tasks"].get(leaf), compressed["tasks"][leaf])) for leaf in leaves
            ),
            sum(len(compressed["tasks"][leaf]["documents"]) for leaf in leaves),
        )
        for name, leaves in asked_tasks(compressed).items()
    }


def covers(asked: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a record's settings asked all that others want: their tasks, as many documents.

    Where data lay and task files come from must be the same: they could be other documents.
    """
    names, limit = (settings.get("names") or [] for settings in (asked, wanted)), "limit"
    first, second = map(set, names)
    most, least = (math.inf if s.get(limit) is None else s[limit] for s in (asked, wanted))
    free = {"names", "limit", "log_samples", "confirm_run_unsafe_code"}
    same = all(asked.get(key) == wanted.get(key) for key in {*asked, *wanted} - free)
    return same and first >= second and most >= least


def documents_each(base: Raw, compressed: Raw) -> int:
    """The documents of a task that both answered, at the most; those of a group's tasks each."""
    tasks = compressed["tasks"].items()
    return max((len(_shared(base["tasks"].get(name), task)) for name, task in tasks), default=0)


def chance(raw: Raw, name: str) -> float:
    """What guessing scores on a task as it was asked for; 0 where that is not known."""
    leaves = [raw["tasks"][leaf] for leaf in asked_tasks(raw)[name]]
    documents = sum(len(leaf["documents"]) for leaf in leaves)
    guessed = sum((leaf.get("chance") or 0.0) * len(leaf["documents"]) for leaf in leaves)
    return guessed / documents if documents else 0.0


def numbered(documents: Iterable[str]) -> list[Document]:
    """Documents kept distinct: the second one of a hash is another."""
    seen: Counter[str] = Counter()
    keys = []
    for document in documents:
        seen[document] += 1
        keys.append((document, seen[document]))
    return keys


def _shared(base: Raw | None, compressed: Raw) -> list[Document]:
    if base is None:
        return []
    answered = set(numbered(base["documents"]))
    return [document for document in numbered(compressed["documents"]) if document in answered]


def _pair(base: Raw, compressed: Raw) -> tuple[list[float], list[float]] | None:
    """The primary scores of one task under both, None where they cannot be judged by a margin."""
    metric = compressed["primary"]
    if metric not in base["scores"] or metric not in compressed["scores"]:
        return None
    documents = _shared(base, compressed)
    first, second = (
        [scores[document] for document in documents]
        for scores in (_by_document(base, metric), _by_document(compressed, metric))
    )
    if not documents or not compressed["higher_is_better"].get(metric, True):
        return None
    return (first, second) if min(*first, *second) >= 0 and max(*first, *second) <= 1 else None


def _by_document(task: Raw, metric: str) -> dict[Document, float]:
    return dict(zip(numbered(task["documents"]), task["scores"][metric], strict=True))


def merge(raws: list[Raw]) -> Raw:
    """The raw values of several records of one context, oldest first, as one: all their documents.

    A document scored twice counts as it was scored last; counts are added up as far as a record's
    documents count. `looks` is how many of the records added documents: as often was the checkpoint
    looked at. lm-eval's own files hash documents in another way: of both kinds that with more
    documents is kept.
    """
    raws = _without_repeats(_of_one_kind(raws))
    if len(raws) == 1:
        return {"looks": 1, **raws[0]}
    names = dict.fromkeys(name for raw in raws for name in raw["tasks"])
    tasks = {name: _merge_task([raw["tasks"].get(name) for raw in raws]) for name in names}
    parts = [_share(raws, number) for number in range(len(raws))]
    return {
        **raws[-1],
        "tasks": tasks,
        "groups": _merge_groups(raws),
        "files": [file for raw in raws for file in raw.get("files", ())],
        "looks": _looks(raws),
        **_counted(raws, parts),
    }


def _without_repeats(raws: list[Raw]) -> list[Raw]:
    """Of records of the same documents the last one: it says all that the others said."""
    last = {
        tuple((name, tuple(task["documents"])) for name, task in sorted(raw["tasks"].items())): raw
        for raw in raws
    }
    return [raw for raw in raws if any(raw is kept for kept in last.values())]


def _of_one_kind(raws: list[Raw]) -> list[Raw]:
    kinds: dict[str, list[Raw]] = {}
    for raw in raws:
        kinds.setdefault(raw.get("asked_by", ""), []).append(raw)
    return max(kinds.values(), key=lambda kind: sum(len(_all_documents(raw)) for raw in kind))


def _all_documents(raw: Raw) -> set[tuple[str, Document]]:
    return {(name, d) for name, task in raw["tasks"].items() for d in numbered(task["documents"])}


def _looks(raws: list[Raw]) -> int:
    seen: set[tuple[str, Document]] = set()
    looks = 0
    for raw in raws:
        documents = _all_documents(raw)
        looks += int(raw.get("looks", 1)) if documents - seen else 0
        seen |= documents
    return max(looks, 1)


def _share(raws: list[Raw], number: int) -> float:
    """The share of a record's documents that no later one scored again."""
    own = _all_documents(raws[number])
    later = {document for raw in raws[number + 1 :] for document in _all_documents(raw)}
    return len(own - later) / len(own) if own else 0.0


def _merge_groups(raws: list[Raw]) -> dict[str, list[str]]:
    groups: dict[str, dict[str, None]] = {}
    for raw in raws:
        for name, leaves in raw.get("groups", {}).items():
            groups.setdefault(name, {}).update(dict.fromkeys(leaves))
    return {name: list(leaves) for name, leaves in groups.items()}


def _merge_task(parts: list[Raw | None]) -> Raw:
    """One task of several records, oldest first; None where a record did not ask it."""
    asked = [part for part in parts if part is not None]
    if len(asked) == 1:
        return asked[0]
    metrics = [name for name in asked[-1]["scores"] if all(name in p["scores"] for p in asked)]
    owner = {d: number for number, part in enumerate(asked) for d in numbered(part["documents"])}
    scores = {metric: _newest(asked, metric) for metric in metrics}
    kept = [sum(o == n for o in owner.values()) for n in range(len(asked))]
    shares = [count / max(1, len(p["documents"])) for count, p in zip(kept, asked, strict=True)]
    known = [part["chance"] for part in asked if part.get("chance") is not None]
    first = asked[-1]["primary"]
    return {
        **asked[-1],
        "primary": first if first in metrics else primary(metrics),
        "documents": [document for document, _ in owner],
        "scores": scores,
        "aggregated": _aggregated(asked, scores),
        **({"chance": known[-1]} if known else {}),
        **_counted(asked, shares),
    }


def _newest(parts: list[Raw], metric: str) -> list[float]:
    """Every document's newest score, in the order in which documents were first asked."""
    scores: dict[Document, float] = {}
    for part in parts:
        scores |= _by_document(part, metric)
    return list(scores.values())


def _aggregated(parts: list[Raw], scores: dict[str, list[float]]) -> dict[str, float]:
    """Means over all documents; what is no mean stays as the record with most documents has it."""
    largest = max(reversed(parts), key=lambda part: len(part["documents"]))
    figures = {}
    for metric, value in largest.get("aggregated", {}).items():
        own = largest["scores"].get(metric)
        mean = own and math.isclose(math.fsum(own) / len(own), value, rel_tol=1e-6, abs_tol=1e-9)
        merged = scores.get(metric)
        figures[metric] = math.fsum(merged) / len(merged) if mean and merged else value
    return figures


def _counted(parts: list[Raw], shares: list[float]) -> dict[str, Any]:
    """Counts of several records, each as far as its documents count."""
    return {
        key: round(sum(p.get(key, 0) * s for p, s in zip(parts, shares, strict=True)))
        for key in COUNTS
        if any(key in part for part in parts)
    }
