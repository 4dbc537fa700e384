"""Scores per document of lm-eval tasks, as records keep them, paired with the base's."""

from typing import Any

from core.errors import UserError
from core.measure import Raw, TaskScores


def paired_scores(base: Raw, compressed: Raw) -> TaskScores:
    """Scores per document of each task both were asked, in one order; a group is one task.

    Only scores between 0 and 1 of which more is better: a margin in points means nothing to others.
    Raises `UserError` when the documents are not the same ones, by hashes over question, prompt
    and answer.
    """
    base_tasks, tasks = base["tasks"], compressed["tasks"]
    if not base_tasks.keys() & tasks.keys():
        raise UserError("the checkpoint and its base were asked different tasks")
    scores: TaskScores = {}
    for name, leaves in asked_tasks(compressed).items():
        pairs = [
            _pair(leaf, base_tasks[leaf], tasks[leaf]) for leaf in leaves if leaf in base_tasks
        ]
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


def _pair(
    name: str, base: dict[str, Any], compressed: dict[str, Any]
) -> tuple[list[float], list[float]] | None:
    """The primary scores of one task under both, None where they cannot be judged by a margin."""
    if base["documents"] != compressed["documents"]:
        common = len(set(base["documents"]) & set(compressed["documents"]))
        raise UserError(
            f"{name} was asked with other documents or prompts than the base ({common} of "
            f"{len(compressed['documents'])} are the same): score the base anew, naming it as a "
            "--model"
        )
    metric = compressed["primary"]
    first, second = base["scores"].get(metric), compressed["scores"].get(metric)
    if not first or not second or not compressed["higher_is_better"].get(metric, True):
        return None
    return (first, second) if min(*first, *second) >= 0 and max(*first, *second) <= 1 else None
