"""lm-eval's tasks by name: found quickly, built with their data, refused in a sentence.

lm-eval reads all of its 14,000 task files to find one (9 s), so the folders that mention the
wanted names are found by their text first, and only these are read.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core import machine
from core.corpus import DATA_DIR, quiet_libraries
from core.errors import UserError, first_line
from core.plugins import ROOT

OURS = ROOT / "demo" / "tasks"
DEFAULT_TASKS = ("gsm8k", "hellaswag", "piqa", "arc_easy")
DEMO_TASKS = ("demo_gsm8k", "demo_hellaswag", "demo_piqa", "demo_arc_easy")
SHOTS = 5  # where neither the task nor the user says
# What of `generation_kwargs` is followed; lm-eval itself has four words for the longest answer.
FOLLOWED = {"until", "do_sample", "temperature", "top_p", "max_gen_toks", "max_new_tokens",
            "max_tokens", "max_completion_tokens"}  # fmt: skip
DRAWING = {"top_k", "min_p", "typical_p", "seed"}  # without effect on greedy answers
NEUTRAL = {"top_k": (0, -1), "min_p": (0,), "num_beams": (1,), "repetition_penalty": (1,),
           "presence_penalty": (0,), "frequency_penalty": (0,)}  # fmt: skip
NAME = re.compile(rb"""^(?:(?:task|group|tag):|\s*-)[ \t]*["']?([\w.\-]+)["']?[ \t]*$""", re.M)


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """lm-eval tasks, as its command line takes them.

    `limit` documents of each task (None: all). Without `num_fewshot` a task gets the shots that its
    file says, else 5 where it has a training split; one that says 0 keeps 0 in any case. `data_dir`
    holds data sets as `download_model.py --datasets` or their publishers lay them out;
    `include_path` further task files. With `confirm_run_unsafe_code` tasks may run what the model
    wrote. `cut` is what loses tokens where prompt and answer do not fit the context: older records,
    which do not say, shortened the answer first.
    """

    names: tuple[str, ...] = DEFAULT_TASKS
    num_fewshot: int | None = None
    limit: int | None = 250
    add_bos_token: bool = True
    apply_chat_template: bool = False
    log_samples: bool = True
    include_path: str | None = None
    data_dir: str = str(DATA_DIR)
    confirm_run_unsafe_code: bool = False
    cut: Literal["prompt"] = "prompt"
    seed: int = 1234


def primary(metrics: list[str]) -> str | None:
    """The metric a task is judged by: acc_norm, else acc, else strict exact match, else the first.

    Length-normalised accuracy is what published HellaSwag, PIQA and ARC figures mostly are.
    """
    order = ("acc_norm,", "acc,", "exact_match,strict", "exact_match,")
    ranked = [metric for start in order for metric in metrics if metric.startswith(start)]
    return next(iter(ranked + metrics), None)


def expand(text: str) -> tuple[str, ...]:
    """Task names of a comma list; `demo` stands for the demo model's four."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise UserError("--tasks names no task")
    every = [n for name in names for n in (DEMO_TASKS if name == "demo" else (name,))]
    return tuple(dict.fromkeys(every))


def build(settings: Tasks) -> dict[str, Any]:
    """The tasks and groups of `settings` with their documents, as lm-eval's `evaluate` takes them.

    Raises `UserError` for a name that does not exist, a file that cannot be read as a task, data
    that is not there, shots that there is no data for, and what `_check` refuses.
    """
    from lm_eval.tasks import TaskManager

    from quality import task_data

    quiet_libraries()
    folders, unknown = _folders(settings, set(settings.names))
    if unknown:
        raise UserError(_unknown(min(unknown)))
    manager = TaskManager(include_path=[str(f) for f in folders], include_defaults=False)
    while elsewhere := _children(manager) - manager.task_index.keys():
        more, _ = _folders(settings, elsewhere)  # a group that is not asked for may lack a task
        if set(more) <= set(folders):
            break
        folders = list(dict.fromkeys([*more, *folders]))
        manager = TaskManager(include_path=[str(f) for f in folders], include_defaults=False)
    with task_data.local(Path(settings.data_dir)):
        built = [item for name in settings.names for item in _build(manager, name, settings)]
    return dict(manager.load(built))


def check_rooms(built: dict[str, Any], context_length: int) -> None:
    """Raise `UserError` for a task whose answers alone take the whole context."""
    for name, task in built["tasks"].items():
        if task.OUTPUT_TYPE == "generate_until":
            answer_room(name, task.config.generation_kwargs or {}, context_length)


def answer_room(name: str, gen_kwargs: dict[str, Any], context_length: int) -> int:
    """Tokens that a task lets an answer take. Raises `UserError` where none is left for a prompt.

    It is kept whatever the prompt: with less room the answers would be another task's.
    """
    from lm_eval.models.utils import normalize_gen_kwargs

    room = int(normalize_gen_kwargs(dict(gen_kwargs))["max_gen_toks"])
    if room >= context_length:
        raise UserError(
            f"{name} lets an answer take {room} tokens, which leaves none of {context_length} "
            f"tokens of context for the prompt: --max_model_len must be more than {room}"
        )
    return room


def _children(manager: Any) -> set[str]:
    """Names that the groups read so far consist of."""
    parts = [
        part
        for entry in manager.task_index.values()
        if (entry.cfg or {}).get("group")
        for part in entry.cfg.get("task") or []
    ]
    return {part for part in parts if isinstance(part, str)}


def _build(manager: Any, name: str, settings: Tasks) -> list[Any]:
    try:
        loaded = manager.load([name])
        for task in loaded["tasks"].values():
            _check(task, settings)
            _set_shots(task, settings)
    except UserError:
        raise
    except (Exception, SystemExit) as problem:  # a task's own YAML, code or data may do anything
        raise UserError(_why(manager, name, problem, settings)) from problem
    top = [group for group in loaded["groups"].values() if group.name == name]
    return top or list(loaded["tasks"].values())


def _why(manager: Any, name: str, problem: BaseException, settings: Tasks) -> str:
    reason = f"{type(problem).__name__}: {first_line(problem)}"
    if name not in manager.task_index:
        return f"{name}: its file cannot be read as an lm-eval task ({reason})"
    if isinstance(problem, ConnectionError | FileNotFoundError):
        return (
            f"the data of {name} is not in {settings.data_dir} and could not be fetched: "
            f"`{machine.command_line('download_model.py', '--datasets')}` fetches it, or "
            f"--data_dir names a folder with its files, or --tasks none leaves it out ({reason})"
        )
    return f"{name}: the task cannot be built ({reason})"


def _check(task: Any, settings: Tasks) -> None:
    """Raise `UserError` for a task that runs code unasked, shows pictures or draws otherwise."""
    name = task.task_name
    if getattr(task, "UNSAFE_CODE", False) and not settings.confirm_run_unsafe_code:
        raise UserError(
            f"{name} runs code that the model writes, on this machine and unguarded: where that "
            "may be, `score.py --confirm_run_unsafe_code` asks it"
        )
    if getattr(task, "MULTIMODAL", False):
        raise UserError(f"{name} shows the model pictures or sound: only text is asked here")
    if task.OUTPUT_TYPE != "generate_until":
        return
    gen_kwargs = dict(task.config.generation_kwargs or {})
    drawn = gen_kwargs.get("do_sample", float(gen_kwargs.get("temperature") or 0) > 0)
    if drawn and "temperature" not in gen_kwargs:
        raise UserError(f"{name} says do_sample and no temperature to draw with")
    left = [
        key
        for key, value in gen_kwargs.items()
        if key not in FOLLOWED
        and value not in (None, *NEUTRAL.get(key, ()))
        and (drawn or key not in DRAWING)
    ]
    if left:
        raise UserError(
            f"{name} asks for {', '.join(left)} in generation_kwargs, which no engine "
            "here follows: its scores would be another task's"
        )


def _set_shots(task: Any, settings: Tasks) -> None:
    """Shots and their seed. Raises `UserError` for a wanted split that is empty."""
    own = task.get_config("num_fewshot")
    wanted = settings.num_fewshot
    source = task.config.fewshot_split or task.config.training_split
    usual = (SHOTS if source else 0) if own is None else own
    shots = usual if wanted is None or own == 0 else wanted
    task.set_config(key="num_fewshot", value=shots)
    task.set_fewshot_seed(seed=settings.seed)
    if not len(task.eval_docs):
        raise UserError(f"{task.task_name}: there is no document to ask in {settings.data_dir}")
    if shots and source and not len(task.dataset[source]):
        raise UserError(
            f"{task.task_name}: its {shots} shots come from the {source} split, which is not in "
            f"{settings.data_dir}; --num_fewshot 0 needs none"
        )


def _folders(settings: Tasks, names: set[str]) -> tuple[list[Path], set[str]]:
    """Folders whose task files mention some names, and names that no file mentions.

    Ours and the user's folders come last and win.
    """
    own = [OURS, *([Path(settings.include_path)] if settings.include_path else [])]
    for folder in own:
        if not folder.is_dir():
            raise UserError(f"--include_path {folder}: there is no such folder")
    missing = names - {name for folder in own for _, name in _mentions(folder)}
    mentions = _mentions(_theirs()) if missing else ()
    places = [(file.parent, name) for file, name in mentions if name in missing]
    return [*sorted({folder for folder, _ in places}), *own], missing - {name for _, name in places}


def _theirs() -> Path:
    """The folder of lm-eval's own tasks."""
    import lm_eval.tasks

    return Path(lm_eval.tasks.__file__).parent


def _mentions(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every task file under a folder with each name it may define or list."""
    for file in sorted(folder.rglob("*.yaml")):
        for match in NAME.finditer(file.read_bytes()):
            yield file, match[1].decode()


def _unknown(name: str) -> str:
    known = {known for folder in (OURS, _theirs()) for _, known in _mentions(folder)}
    close = difflib.get_close_matches(name, sorted(known), n=3)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return f"There is no lm-eval task {name!r}.{hint} `lm_eval ls tasks` lists them all."
