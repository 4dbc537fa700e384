"""lm-evaluation-harness tasks on the engine that is loaded already.

Task files, prompts, filters and metrics are lm-eval's. Its own result files are left next to the
record, and the record keeps the score of every document, so that checkpoints can be compared in
pairs.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from checkpoints import models
from core.corpus import DATA_DIR
from core.errors import UserError
from core.measure import Loaded, Measure, Quantity, Raw, ServedBase, Shown
from core.options import DataDir, option
from core.stats import Estimate, mean_of
from measures import _documents
from measures._answers import refuse_empty
from measures._windows import AddBosToken
from quality import tasks
from quality.documents import asked_tasks, merge, paired_scores
from quality.tasks import Tasks

BOOTSTRAP = 1000  # for the standard errors in lm-eval's own files


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """Which lm-eval tasks to ask, and how."""

    tasks: Annotated[
        str | None,
        option("lm-eval tasks like gsm8k,mmlu; `demo` for the demo model's, or none"),
    ] = None
    num_fewshot: Annotated[
        int | None, option("shots; by default what the task says, else 5", min=0)
    ] = None
    limit: Annotated[int, option("documents of each task; 0 is all", min=0)] = 250
    add_bos_token: AddBosToken = True
    apply_chat_template: Annotated[
        bool, option("ask tasks as chats, as the model's template writes them")
    ] = False
    log_samples: Annotated[bool, option("leave every prompt and answer", negative=True)] = True
    include_path: Annotated[Path | None, option("a folder with further task files")] = None
    data_dir: DataDir = DATA_DIR
    confirm_run_unsafe_code: Annotated[bool, option("let tasks run what the model wrote")] = False


def plan(options: TaskOptions, base: ServedBase) -> list[Tasks]:
    """One job with every task, none for `none`.

    Raises `UserError` for what `quality.tasks.build` refuses, answers that leave no room for a
    prompt, a template that is not there, and random weights.
    """
    if options.apply_chat_template and not models.has_chat_template(base.path):
        raise UserError(f"--apply_chat_template: {base.path.name} has no chat template")
    if options.tasks == "none":
        return []
    models.refuse_random_weights(base.path)
    demo = base.path.resolve() == models.DEMO_PATH
    names = tasks.DEMO_TASKS if demo else tasks.DEFAULT_TASKS
    settings = Tasks(
        names=names if options.tasks is None else tasks.expand(options.tasks),
        num_fewshot=options.num_fewshot,
        limit=options.limit or None,
        add_bos_token=options.add_bos_token,
        apply_chat_template=options.apply_chat_template,
        log_samples=options.log_samples,
        include_path=str(options.include_path) if options.include_path else None,
        data_dir=str(options.data_dir),
        confirm_run_unsafe_code=options.confirm_run_unsafe_code,
    )
    tasks.check_rooms(tasks.build(settings), base.context_length)
    return [settings]


def run(loaded: Loaded, settings: Tasks) -> Raw:
    """Ask every task. Raises `Broken` for empty answers, `NotFinite` for NaN."""
    import random

    import numpy as np
    from lm_eval.evaluator import evaluate

    from measures._harness_lm import LoadedLM

    random.seed(0)  # lm-eval's own seeds
    np.random.seed(settings.seed)
    chat = settings.apply_chat_template
    if chat and loaded.engine.render_chat([{"role": "user", "content": ""}]) is None:
        raise UserError("--apply_chat_template: the model has no chat template")
    started = datetime.now(UTC)
    built = tasks.build(settings)
    kinds = {task.OUTPUT_TYPE == "generate_until" for task in built["tasks"].values()}
    model = LoadedLM(loaded, settings.add_bos_token and not chat, len(kinds))
    results: Any = evaluate(
        model,
        built,
        limit=settings.limit,
        bootstrap_iters=BOOTSTRAP,
        log_samples=True,
        apply_chat_template=chat,
        fewshot_as_multiturn=chat,
        confirm_run_unsafe_code=settings.confirm_run_unsafe_code,
    )
    for task, count in model.empty.items():
        refuse_empty(count, model.generated[task], f"{task}: ")
    samples = results.pop("samples")
    raw = {
        "tasks": {
            name: _documents.task_raw(built["tasks"][name], samples[name], results)
            | model.counts(name)
            for name in samples
        },
        "groups": {
            name: [task.task_name for task in built["groups"][name].get_all_tasks()]
            for name in settings.names
            if name in built["groups"]
        },
        "generated": model.generated.total(),
        "empty": model.empty.total(),
    }
    return raw | {"files": _save(loaded, settings, results, samples, started)}


def _save(
    loaded: Loaded, settings: Tasks, results: dict[str, Any], samples: dict[str, Any], started: Any
) -> list[str]:
    """Leave lm-eval's own files, written by lm-eval; returns their names."""
    from lm_eval.loggers import EvaluationTracker

    results["config"] = {
        "model": loaded.description.engine,
        "model_args": f"pretrained={loaded.output.name},add_bos_token={settings.add_bos_token}",
        "limit": settings.limit,
        "bootstrap_iters": BOOTSTRAP,
        "fewshot_seed": settings.seed,
    }
    results["date"] = started.timestamp()
    tracker = EvaluationTracker(output_path=str(loaded.output.parent))
    tracker.general_config_tracker.log_experiment_args(
        model_source=loaded.description.engine,
        model_args=results["config"]["model_args"],
        system_instruction=None,
        chat_template=None,
        fewshot_as_multiturn=settings.apply_chat_template,
    )
    before = set(loaded.output.glob("*.json*"))
    tracker.save_results_aggregated(results=results, samples=samples)
    if settings.log_samples:
        for name in samples:
            tracker.save_results_samples(task_name=name, samples=samples[name])
    return sorted(file.name for file in set(loaded.output.glob("*.json*")) - before)


def figures(raw: Raw) -> dict[str, Estimate]:
    """Every task's metrics over its documents, with the 95 % interval of a mean."""
    estimates = {}
    for task, task_raw in raw["tasks"].items():
        for metric, value in task_raw["aggregated"].items():
            scores = task_raw["scores"].get(metric)
            mean = scores and mean_of(scores)
            same = mean and math.isclose(mean.value, value, rel_tol=1e-6, abs_tol=1e-9)
            estimates[f"{task}/{metric}"] = mean if mean and same else mean_of([value])
    return estimates


def quantities_of(raw: Raw) -> dict[str, Quantity]:
    """Shares of documents are fractions; what lm-eval says about the direction is kept."""
    return {
        f"{task}/{metric}": Quantity(
            unit="fraction" if 0 <= value <= 1 else "1",
            better="higher" if task_raw["higher_is_better"].get(metric, True) else "lower",
        )
        for task, task_raw in raw["tasks"].items()
        for metric, value in task_raw["aggregated"].items()
    }


def warnings(raw: Raw) -> list[str]:
    """Prompts and answers that were cut, a sentence for each task as it was asked for."""
    before = raw.get("truncated")  # older records count prompts alone, of all tasks together
    lines = [f"{before} prompts did not fit the context and lost their beginning"] if before else []
    for name, leaves in asked_tasks({"tasks": {}, **raw}).items():
        documents = sum(len(raw["tasks"][leaf]["documents"]) for leaf in leaves)
        prompts, answers, generated = _counts(raw, leaves)
        parts = [f"{prompts} of {documents} prompts lost their beginning"] if prompts else []
        parts += [f"{answers} of {generated} answers used up their room"] if answers else []
        lines += [f"{name}: {', '.join(parts)}"] if parts else []
    return lines


def cut(raw: Raw) -> dict[str, str]:
    """What was cut of each single task and group, in a few words; whole ones are left out."""
    words: dict[str, str] = {}
    single = {task: [task] for task in raw.get("tasks", {})}
    for name, leaves in (single | asked_tasks({"tasks": {}, **raw})).items():
        prompts, answers, _ = _counts(raw, leaves)
        counts = {"prompt": prompts, "answer": answers}
        parts = [f"{n} {what}{'s' if n > 1 else ''}" for what, n in counts.items() if n]
        words |= {name: ", ".join(parts)} if parts else {}
    return words


def _counts(raw: Raw, tasks: list[str]) -> tuple[int, int, int]:
    """Prompts cut, answers cut and answers generated of some tasks together."""
    keys = ("prompts_cut", "answers_cut", "generated")
    prompts, answers, generated = (
        sum(raw["tasks"][task].get(key, 0) for task in tasks) for key in keys
    )
    return prompts, answers, generated


def available(raw: Raw) -> dict[str, int]:
    """Documents there are of each task that was asked for, as far as they were counted."""
    counts = {name: task.get("available") for name, task in raw["tasks"].items()}
    return {
        name: sum(counts[leaf] for leaf in leaves)
        for name, leaves in asked_tasks(raw).items()
        if all(counts.get(leaf) is not None for leaf in leaves)
    }


def asked(settings: dict[str, Any]) -> float:
    """Documents asked for: of each task as many, infinite where all."""
    return len(settings.get("names") or ("",)) * (settings.get("limit") or math.inf)


MEASURE = Measure(
    summary="lm-eval tasks, one score per document",
    kind="quality",
    quantities={},
    run=run,
    figures=figures,
    quantities_of=quantities_of,
    modules=("lm_eval.evaluator", "lm_eval.tasks", "lm_eval.loggers", "measures._harness_lm"),
    options=TaskOptions,
    plan=plan,
    when="first",
    scores=paired_scores,
    merge=merge,
    asked=asked,
    shown=Shown(
        doing="scoring tasks",
        place=14,
        warnings=warnings,
        cut=cut,
        available=available,
    ),
)
