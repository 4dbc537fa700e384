"""lm-eval's samples as raw values: a score per document, and what guessing would score."""

import math
from typing import Any

from core.measure import Raw
from measures._windows import digest
from quality.tasks import primary


def task_raw(task: Any, samples: list[dict[str, Any]], results: dict[str, Any]) -> Raw:
    """What a record keeps of a task that was asked: `documents`, how many there are, `chance`."""
    raw = documents(task.task_name, samples, results)
    known = {"available": len(task.eval_docs), "chance": chance(task, samples, raw["primary"])}
    return raw | known


def documents(name: str, samples: list[dict[str, Any]], results: dict[str, Any]) -> Raw:
    """Scores per document of each `metric,filter`, in the documents' order."""
    scores: dict[str, list[float]] = {}
    asked: dict[int, str] = {}
    for sample in samples:
        key = sample["prompt_hash"] + sample["doc_hash"] + sample["target_hash"]
        asked[sample["doc_id"]] = digest(key.encode())
        for metric in sample["metrics"]:
            value = sample[metric]
            if isinstance(value, bool | int | float):
                scores.setdefault(f"{metric},{sample['filter']}", []).append(float(value))
    aggregated = {
        metric: float(value)
        for metric, value in results["results"][name].items()
        if "," in metric
        and "_stderr" not in metric
        and isinstance(value, int | float)
        and math.isfinite(value)
    }
    directions = results["higher_is_better"][name]
    better = {
        metric: directions.get(metric.partition(",")[0]) is not False
        for metric in scores | aggregated
    }
    return {
        "primary": primary(list(scores) or list(aggregated)),
        "n_shot": results["n-shot"].get(name),
        "version": results["versions"].get(name),
        "documents": list(asked.values()),
        "scores": scores,
        "higher_is_better": better,
        "aggregated": aggregated,
    }


def chance(task: Any, samples: list[dict[str, Any]], metric: str | None) -> float | None:
    """The mean score of guessing: right over all choices; 0 for an exact match; None if unknown.

    A task that computes its accuracy in its own way may give guesses any score.
    """
    name = (metric or "").partition(",")[0]
    if task.OUTPUT_TYPE == "generate_until":
        return 0.0 if name == "exact_match" else None
    if task.OUTPUT_TYPE != "multiple_choice" or name not in ("acc", "acc_norm") or _own(task):
        return None
    shares = [_right(sample) / _choices(sample) for sample in samples]
    return sum(shares) / len(shares) if shares else None


def _own(task: Any) -> bool:
    """Whether a task scores its answers by code of its own."""
    from lm_eval.api.task import ConfigurableTask

    theirs = type(task).process_results is ConfigurableTask.process_results
    return not theirs or task.config.process_results is not None


def _right(sample: dict[str, Any]) -> int:
    """Choices that count as right: a document may have several."""
    return len(set(sample["target"])) if isinstance(sample["target"], list) else 1


def _choices(sample: dict[str, Any]) -> int:
    """One request a choice, two where a choice is scored without its question too."""
    requests = len(sample["arguments"])
    return requests // 2 if "acc_mutual_info" in sample["metrics"] else requests
