"""A study as a file: options of pipeline.py by name, and lists of them (`--config study.yaml`).

    model_id: [demo, llama3_8b]
    schemes: [FP8-W8A8, INT4-W4A16]
    engine: vllm
    rounds: 3

A list is the product: a command for each model, one after the other. Of options that take names
with commas it is those names. What the command line says overrules the file.
"""

import difflib
import functools
import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import typer

from core import cli
from core.errors import UserError
from core.machine import command_line
from core.plugins import ROOT
from core.words import several

JOINED = ("schemes", "batch_sizes", "growing_prompts", "tasks", "margin")  # names with commas
OUTSIDE = ("config", "write_config", "plan", "help")  # of the command line alone
Values = dict[str, Any]


def take(context: typer.Context, path: Path | None) -> Path | None:
    """A command's callback of `--config`: the file's options stand where the line says nothing.

    Where lists make several commands of it, they are run here, and the command ends as they did.
    Raises `UserError` for a file that cannot be what is meant.
    """
    if path is None or "--help" in sys.argv:
        return path
    said = _said(context, sys.argv[1:])
    studies = read(context, path, said)
    if len(studies) == 1:
        context.default_map = {**(context.default_map or {}), **_by_parameter(context, studies[0])}
        return path
    raise typer.Exit(_run_all(context, path, studies, said))


def read(context: typer.Context, path: Path, said: frozenset[str] = frozenset()) -> list[Values]:
    """The options that a file has for each of its commands, without those that were `said`.

    Raises `UserError` for what is no option or no value of it.
    """
    values = _load(path)
    options = _options(context)
    for key, value in values.items():
        if key not in options:
            raise UserError(f"{path}: there is no option {key!r}{_meant(str(key), list(options))}")
        _check(context, path, key, value)
    lists = [
        [(key, each) for each in _choices(options[key], key, value)]
        for key, value in values.items()
        if key not in said
    ]
    return [dict(chosen) for chosen in itertools.product(*lists)]


def write(context: typer.Context, path: Path) -> None:
    """Write what the command line (or a file) says otherwise than the defaults, as such a file.

    Raises `UserError` where it is there already or cannot be written.
    """
    import yaml

    values = {}
    for name, parameter in _options(context).items():
        source = context.get_parameter_source(str(parameter.name))
        if source is not None and source.name in ("COMMANDLINE", "DEFAULT_MAP"):
            values[name] = _plain(context.params[str(parameter.name)])
    try:
        with path.open("x", encoding="utf-8") as file:
            yaml.safe_dump(values, file, sort_keys=False, allow_unicode=True)
    except OSError as problem:
        raise UserError(f"cannot write {path}: {problem.strerror}") from problem
    again = command_line("pipeline.py", "--config", str(path))
    cli.say(f"wrote {path}: `{again}` does the same")


def _load(path: Path) -> Values:
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        keys = [key.value for key, _ in _pairs(yaml.compose(text, yaml.SafeLoader))]
        document = yaml.safe_load(text)
    except OSError as problem:
        raise UserError(f"{path}: {problem.strerror}") from problem
    except (yaml.YAMLError, ValueError, TypeError) as problem:
        said = " ".join(str(problem).split())
        raise UserError(f"{path}: not YAML: {said}") from problem
    if not isinstance(document, dict) or not document:
        raise UserError(f"{path}: a study has options of pipeline.py, like `schemes: [FP8-W8A8]`")
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise UserError(f"{path}: {twice} is there twice")
    return document


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    """Keys and values of a YAML document, where it has keys."""
    return node.value if node is not None and node.id == "mapping" else []


def _options(context: typer.Context) -> dict[str, Any]:
    """Options by their names on the command line."""
    named = {p.opts[0].lstrip("-"): p for p in context.command.params}
    return {name: p for name, p in named.items() if name not in OUTSIDE}


def _meant(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lstrip("-").replace("-", "_"), known, n=1)
    return f". Did you mean {close[0]}?" if close else "; `pipeline.py --help` lists them"


def _check(context: typer.Context, path: Path, key: str, value: Any) -> None:
    """Raise `UserError` for a value that the option does not take."""
    option = _options(context)[key]
    several_values = value if isinstance(value, list) else [value]
    if not several_values:
        raise UserError(f"{path}: {key} is an empty list: leave it out, or name something")
    for each in several_values:
        wrong = _wrong(option, each)
        if wrong:
            raise UserError(f"{path}: {key}: {wrong}")
        word = each if isinstance(each, bool) else str(each)
        try:
            taken = [word] if option.multiple else word
            option.get_runtime_param().coerce(taken, param=option, ctx=context)
        except typer.BadParameter as problem:
            raise UserError(f"{path}: {key}: {each!r}: {problem.message}") from problem


def _wrong(option: Any, value: Any) -> str | None:
    """Why a value is none of an option's, where the words of a command line could not tell."""
    if option.is_flag != isinstance(value, bool):
        if option.is_flag:
            return f"true or false, not {value!r}"
        return f"{value!r} is not what it takes; words like yes and no are text in quotes"
    if value is None:
        return "has no value: leave it out for its default"
    if isinstance(value, bool | int | float | str):
        return None
    return f"{value!r} is neither text nor a number"


def _choices(option: Any, key: str, value: Any) -> list[Any]:
    """The values of an option, one a command."""
    if option.multiple:
        return [value if isinstance(value, list) else [value]]
    if not isinstance(value, list):
        return [value]
    return [",".join(map(str, value))] if key in JOINED else value


def _by_parameter(context: typer.Context, values: Values) -> Values:
    """Values by the names of parameters, numbers as a command line has them."""
    options = _options(context)
    return {
        str(options[key].name): value if isinstance(value, bool | list) else str(value)
        for key, value in values.items()
    }


def _said(context: typer.Context, words: list[str]) -> frozenset[str]:
    """Names of the options that a command line gives."""
    spelled = {
        spelling.lstrip("-").replace("-", "_"): name
        for name, option in _options(context).items()
        for spelling in (*option.opts, *option.secondary_opts)
    }
    given = (word[2:].partition("=")[0].replace("-", "_") for word in words if word[:2] == "--")
    return frozenset(spelled[name] for name in given if name in spelled)


def _run_all(
    context: typer.Context, path: Path, studies: list[Values], said: frozenset[str]
) -> int:
    """Run a command for each study; returns the worst exit code. Bad input ends it."""
    line = _without_config(sys.argv[1:])
    cli.say(f"{path}: {several(len(studies), 'command')}, one after the other")
    worst = 0
    for number, values in enumerate(studies, start=1):
        words = [*_words(context, values), *line]
        cli.say(f"{number} of {len(studies)}: {command_line('pipeline.py', *words)}", "bold")
        code = _run([sys.executable, str(ROOT / "pipeline.py"), *words])
        if code not in (0, cli.FAILED):
            return code
        worst = max(worst, code)
    return worst


def _run(line: list[str]) -> int:
    """Run a command, which ends as this one does."""
    from guarding.parent_death import signal_when_parent_ends

    # set for children of this process (core.cli), it would keep a program from our modules
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    ending = functools.partial(signal_when_parent_ends, signal.SIGTERM)
    with subprocess.Popen(line, env=environment, preexec_fn=ending) as running:
        try:
            return running.wait()
        except BaseException:
            running.terminate()
            running.wait()
            raise


def _words(context: typer.Context, values: Values) -> list[str]:
    words: list[str] = []
    for key, value in values.items():
        if isinstance(value, bool):
            option = _options(context)[key]
            words += [f"--{key}"] if value else option.secondary_opts[:1]
        else:
            many = value if isinstance(value, list) else [value]
            words += [word for each in many for word in (f"--{key}", str(each))]
    return words


def _without_config(words: list[str]) -> list[str]:
    """A command line without `--config FILE`."""
    kept, after = [], iter(words)
    for word in after:
        if word == "--config":
            next(after, None)
        elif not word.startswith("--config="):
            kept.append(word)
    return kept


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value
