"""Commands of a decision: what measures or scores again what is open, and what deploys the winner.

A study that is read where it was made (`Study.here`) has commands that run as they are printed:
with the programs' and checkpoints' places, in the folder where the command they repeat ran. Others
name no place of this machine.
"""

import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from checkpoints import bases, models
from checkpoints.models import DEMO
from comparing.rounds import FIRST_ROUNDS
from core import machine, options, plugins
from core.engine import Options
from core.errors import UserError
from core.records import Record
from quality.margins import Margin, spelled
from reporting.deciding.candidate import BASE, Candidate
from reporting.deciding.study import Study
from reporting.reading import engines, measures, places, questions
from reporting.reading.results import Stored

ENGINE = "vllm"  # what commands take where nothing is said
LOAD = {  # settings of timed measures that the pipeline has options for
    "requests": "num_prompts",
    "prompt_tokens": "prompt_tokens",
    "max_new_tokens": "max_new_tokens",
    "repeats": "repeats",
}
ADD_TASKS = "Add tasks (score.py --tasks)"
TRY_OTHERS = f"{ADD_TASKS} or state a wider --margin."


def too_few_documents(candidate: Candidate) -> list[str]:
    """A sentence where scoring more documents cannot decide its quality; else nothing."""
    compared = candidate.compared
    if compared is None or compared.verdict != "undecided" or compared.documents_needed:
        return []
    if compared.contradiction and compared.aggregate and compared.aggregate.verdict == "pass":
        return ["Look at its answers (vllm_test.py) and its layers (analyze.py)."]
    counts = [compared.available.get(task) for task in compared.judged]
    known = [count for count in counts if count is not None]
    if compared.judged and len(known) == len(counts):
        only = f"These tasks have only {sum(known):,} documents: they hardly decide it."
        return [f"{only} {TRY_OTHERS}"]
    return [TRY_OTHERS if compared.judged else f"{ADD_TASKS}."]


def score_command(study: Study, candidate: Candidate) -> str:
    """The command that scores a candidate and its base as before, on as many documents as needed.

    What was asked in addition to tasks is not asked again.
    """
    judged = _judged(candidate) or (_judged(study.base) if study.base else None)
    repeated = judged or candidate.newest_stored
    start = places.stood(repeated)
    asked, limit = questions.tasks_again(judged, candidate.compared) if judged else ([], 0)
    words = ["--model", _folder(study, candidate, start)]
    of_base = _judged(study.base) if study.base else None
    if judged and of_base and questions.fewer(of_base, limit):
        words += ["--model", _base_folder(study, start)]
    if not candidate.newest.subject.manifest:  # others' checkpoints do not name their base
        words += ["--base", _base_folder(study, start)]
    words += [*asked, *_texts(study, candidate)]
    words += [*_margin(study.margins), *_served(repeated.record)]
    if judged and judged.record.settings:
        words += _results(study, judged, start)
    return _line(study, start, "score.py", words)


def _judged(candidate: Candidate) -> Stored | None:
    """Its record of scores by document, where there is one."""
    keys = [key for key in candidate.quality if measures.judges(key) and candidate.record(key)]
    return candidate.quality[keys[0]] if keys else None


def _base_folder(study: Study, start: Path) -> str:
    """What names the base on a command line in the folder `start`."""
    if study.model == DEMO:
        return study.model
    if study.base is not None:
        return _folder(study, study.base, start)
    for candidate in study.compressed if study.here else ():
        found = places.found(candidate.newest_stored)
        with suppress(UserError):
            if found is not None:
                return machine.seen(bases.find(models.identify(str(found))), start)
    return study.model


def _folder(study: Study, candidate: Candidate, start: Path) -> str:
    """A checkpoint's folder as a command in the folder `start` names it."""
    stored = candidate.newest_stored
    others = [c.newest_stored for c in study.compressed] if study.here else []
    found = places.found(stored, others) if study.here else None
    return machine.seen(found, start) if found else places.typed(stored.record)


def _texts(study: Study, candidate: Candidate) -> list[str]:
    """The options that ask for the texts the base read; for none where they are known already."""
    own, base = (questions.of_texts(_finished(each)) for each in (candidate, study.base))
    if own or (not base and _finished(study.base)):
        return questions.NO_TEXT
    return questions.texts_again(base, "demo" if study.model == DEMO else "wikitext")


def _finished(candidate: Candidate | None) -> list[Record]:
    """Its finished records of quality."""
    keys = candidate.quality if candidate else ()
    return [record for key in keys if candidate and (record := candidate.record(key))]


def _margin(margins: Mapping[str, Margin]) -> list[str]:
    return [] if dict(margins) in ({}, {"": Margin()}) else ["--margin", spelled(margins)]


def _served(record: Record) -> list[str]:
    """The options with which a record's checkpoint was served."""
    engine = [] if record.engine == ENGINE else ["--engine", record.engine]
    fallback = ["--allow_fallback"] if "--allow_fallback" in record.command else []
    known: dict[str, Any] = record.options
    return [*engine, *options.words(Options, known), *fallback]


def _results(study: Study, stored: Stored, start: Path) -> list[str]:
    """Where its records are, that those of a command in the folder `start` may join them."""
    results = places.results_folder(stored)
    usual = places.RESULTS[stored.record.kind]
    place = machine.seen(results, start) if results else usual
    of_this_machine = Path(place).is_absolute() and not study.here
    return [] if place == usual or of_this_machine else ["--results_dir", place]


def measure_command(study: Study) -> str:
    """The command that measures this study's schemes side by side until it is decided.

    It is the run's own command where that was the pipeline's, with the schemes that were measured
    apart from it, and with more rounds where it has spent those it had.
    """
    timed = [
        stored
        for candidate in study.candidates
        for key, stored in candidate.performance.items()
        if measures.load(key)
    ]
    newest = max(timed, key=lambda stored: stored.record.ended, default=None)
    start = places.stood(newest) if newest else Path.cwd()
    if newest and newest.record.command[:1] == ["pipeline.py"]:
        words = [word for word in newest.record.command[1:] if word != "--json"]
        if study.left_out:
            schemes = [c.scheme for c in study.compressed if c.scheme not in study.left_out]
            words = _with(words, "--schemes", ",".join([*schemes, *study.left_out]))
    else:
        words = _side_by_side(study, timed, start)
    if newest is not None and newest.record.looks > 1:
        rounds = 2 * (newest.record.looks + FIRST_ROUNDS - 1)
        words = _with(words, "--max_rounds", str(rounds))
    return _line(study, start, "pipeline.py", _with(words, "--rounds", "auto"))


def _with(words: list[str], option: str, value: str) -> list[str]:
    """A command line with an option's value set."""
    changed = list(words)
    if option in changed:
        place = changed.index(option)
        del changed[place : place + 2]
    return [*changed, option, value]


def _side_by_side(study: Study, timed: list[Stored], start: Path) -> list[str]:
    """The pipeline's options for what was measured one by one, in the records `timed`."""
    words = ["--model_id", _base_folder(study, start)]
    ours = [c.scheme for c in study.compressed if plugins.scheme(c.scheme)]
    words += ["--schemes", ",".join([BASE, *ours])] if ours else []
    for folder_ in filter(None, (places.found(c.newest_stored) for c in study.compressed)):
        place = machine.seen(folder_.parent, start)
        words += ["--output_dir", place] if study.here and place != "." else []
        break
    if not timed:
        return words
    newest = max(timed, key=lambda stored: stored.record.ended)
    settings, load = newest.record.settings, measures.find(newest.record.measure)
    asked = {name: settings[key] for key, name in LOAD.items() if key in settings}
    batches = [s.record for s in timed if s.record.measure == "batch" and s.record.status == "ok"]
    sizes = {record.settings.get("batch_size") for record in batches}
    asked |= {"batch_sizes": ",".join(map(str, sorted(filter(None, sizes))))} if sizes else {}
    words += options.words(load.options, asked) if load and load.options else []
    quality = any(candidate.quality for candidate in study.compressed)
    words += ["--tasks", "none", "--text", "none"] if quality else []
    return [*words, *_served(newest.record), *_results(study, newest, start)]


def _line(study: Study, start: Path, program: str, words: list[str]) -> str:
    """A command in the folder `start`, for a shell."""
    if not study.here:
        return shlex.join(["python", program, *map(elsewhere, words)])
    line = machine.command_line(program, *words)
    there = machine.seen(start)
    return line if there == "." else f"cd {shlex.quote(there)} && {line}"


def elsewhere(word: str) -> str:
    """A word of a command for readers elsewhere: of a place on this machine the name is left."""
    name, is_same, value = word.rpartition("=")
    return f"{name}{is_same}{Path(value).name if value.startswith('/') else value}"


def serve_command(
    candidate: Candidate, budget: int | None = None, here: bool = False
) -> str | None:
    """A line for the shell from its engine, None from one that is no server.

    `budget` is the memory in bytes that it may take; `here` is as in a study.
    """
    stored = candidate.newest_stored
    found = places.found(stored) if here else None
    place = machine.seen(found) if found else folder(stored.record)
    line = engines.of(stored.record).serve_command(stored.record, place, budget)
    if line is None or not here:
        return line
    program, *words = shlex.split(line)
    return shlex.join([machine.installed(program), *words])


def folder(record: Record) -> str:
    """The checkpoint's folder for readers elsewhere: as it was typed, where that was relative."""
    return elsewhere(places.typed(record))
