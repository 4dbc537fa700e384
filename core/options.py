"""Command-line options, each declared once: as an annotated field of a frozen dataclass, a group.

    @dataclass(frozen=True, kw_only=True)
    class Windows:
        window: Annotated[int | None, option("tokens of a window", min=2)] = None

    def main(windows: Windows, model: Annotated[str, option("its folder")] = "demo") -> None: ...

    app = cli.application(main)

`--window` is then an option of the command, and `main` gets a `Windows`. A command takes as many
groups as it likes. Groups that share an option (`seed: Seed`) share its declaration: the command
has it once and every group gets its value. Fields without a declaration are no options.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer


@dataclasses.dataclass(frozen=True, eq=False)
class Option:
    """One declared option; `name` is the field's unless given, `limits` are typer's."""

    help: str
    name: str
    negative: bool
    limits: dict[str, Any]


def option(help_: str, name: str = "", negative: bool = False, **limits: Any) -> Option:
    """Declare an option; `negative` adds `--no_NAME`, `limits` are like `min=1`."""
    return Option(help_, name, negative, limits)


Seed = Annotated[int, option("chooses calibration text, prompts and random draws")]
TrustRemoteCode = Annotated[bool, option("run Python code shipped with the model")]
MaxModelLen = Annotated[
    int | None, option("longest request in tokens; by default the model's", min=1)
]
TensorParallelSize = Annotated[int, option("GPUs to split the model over", min=1)]
DataDir = Annotated[Path, option("data sets as downloaded or as published")]

ModelId = Annotated[str, option("model folder, or `demo` for the built-in model")]
OutputDir = Annotated[Path, option("folder in which {model_id}-{scheme}/ is made")]
AllowFallback = Annotated[bool, option("measure schemes that this GPU only runs weight-only")]
Json = Annotated[bool, option("print one JSON document as the last line", "json")]
ResultsDir = Annotated[Path, option("where records go")]
EvalResultsDir = Annotated[Path, option("where quality records go")]
Margin = Annotated[
    str, option("accepted loss: points (1), recovery (99%), INT4-W4A16=2 for a scheme")
]


@dataclasses.dataclass(frozen=True)
class Without:
    """Annotates a group in a command that lacks some of its options: they keep their defaults."""

    names: frozenset[str]


def without(*names: str) -> Without:
    """`Annotated[Group, without("seed")]`: this command has no option for the group's `seed`."""
    return Without(frozenset(names))


@dataclasses.dataclass(frozen=True)
class Several:
    """Annotates a parameter that receives the groups of many plug-ins, `dict[str, Any]` by name.

    Plug-ins may share one group: each receives its value.
    """

    groups: Callable[[], dict[str, type[Any]]]


def flattened(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with its groups replaced by their options, as typer reads signatures.

    Raises TypeError where two different options have one name, a mistake in the program.
    """
    hints = get_type_hints(command, include_extras=True)
    options: dict[str, inspect.Parameter] = {}
    receivers: dict[str, Callable[[dict[str, Any]], Any]] = {}
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        groups, lacking = _groups(hint)
        for group in groups.values():
            for fields_option in _fields(group, lacking):
                _add(options, fields_option)
        if not groups:
            _add(options, parameter.replace(annotation=hint))
        receivers[parameter.name] = _receiver(parameter.name, groups, lacking)

    def run(**values: Any) -> Any:
        return command(**{name: receive(values) for name, receive in receivers.items()})

    signature = inspect.Signature([_for_typer(p) for p in options.values()])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    run.__doc__, run.__name__ = command.__doc__, command.__name__
    return run


def _groups(hint: Any) -> tuple[dict[str, type[Any]], frozenset[str]]:
    """The groups an annotation stands for, none where it is an option; and what they lack."""
    kind, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    lacking = frozenset(name for m in marks if isinstance(m, Without) for name in m.names)
    for mark in marks:
        if isinstance(mark, Several):
            return mark.groups(), lacking
    return ({"": kind} if dataclasses.is_dataclass(kind) else {}), lacking  # type: ignore[dict-item]


def _receiver(
    name: str, groups: dict[str, type[Any]], lacking: frozenset[str]
) -> Callable[[dict[str, Any]], Any]:
    """Makes a parameter's value of all options' values."""
    if not groups:
        return lambda values: values[name]
    if list(groups) == [""]:
        return lambda values: _build(groups[""], lacking, values)
    return lambda values: {key: _build(g, lacking, values) for key, g in groups.items()}


def _build(group: type[Any], lacking: frozenset[str], values: dict[str, Any]) -> Any:
    given = {p.name: values[p.name] for p in _fields(group, lacking)}
    return group(**{n: tuple(v or ()) if _many(group, n) else v for n, v in given.items()})


def _many(group: type[Any], name: str) -> bool:
    """Whether a field is a tuple: an option that may be repeated."""
    hint = get_type_hints(group)[name]
    return get_origin(hint) is tuple


def _fields(group: type[Any], lacking: frozenset[str]) -> list[inspect.Parameter]:
    """The declared options of a group as parameters, their defaults the fields'."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty
            if field.default is dataclasses.MISSING
            else field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(group)
        if _declared(hints[field.name]) and field.name not in lacking
    ]


def words(group: type[Any], values: Mapping[str, Any]) -> list[str]:
    """The command-line words of a group's options whose values differ from their defaults.

    `values` are by field, also as JSON keeps them: lists for tuples, text for paths. What no option
    can say, that there is none where the default is one, is left out.
    """
    said: list[str] = []
    for parameter in _fields(group, frozenset()):
        value, default = values.get(parameter.name, parameter.default), parameter.default
        if value is not None and value is not parameter.empty and _plain(value) != _plain(default):
            said += _words(parameter, value)
    return said


def _words(parameter: inspect.Parameter, value: Any) -> list[str]:
    declared = _declared(parameter.annotation)
    name = (declared.name if declared else "") or parameter.name
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no_{name}"]
    many = value if isinstance(value, list | tuple) else [value]
    return [word for each in many for word in (f"--{name}", str(each))]


def _plain(value: Any) -> Any:
    """A value as it is compared: paths as text, tuples as lists."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _declared(hint: Any) -> Option | None:
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((mark for mark in marks if isinstance(mark, Option)), None)


def _add(options: dict[str, inspect.Parameter], parameter: inspect.Parameter) -> None:
    known = options.setdefault(parameter.name, parameter)
    same = _declared(known.annotation) is _declared(parameter.annotation)
    if not same or known.default != parameter.default:
        raise TypeError(f"two different options are called {parameter.name}")


def _for_typer(parameter: inspect.Parameter) -> inspect.Parameter:
    """A parameter with typer's own declaration; what may be repeated is a list there."""
    keyword = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    declared = _declared(parameter.annotation)
    if declared is None:
        return keyword
    kind, default = get_args(parameter.annotation)[0], parameter.default
    if get_origin(kind) is tuple and get_args(kind)[1:] == (...,):
        kind, default = list[get_args(kind)[0]] | None, default or None  # type: ignore[misc]
    name = declared.name or parameter.name
    spelled = f"--{name}/--no_{name}" if declared.negative else f"--{name}"
    described = typer.Option(spelled, help=declared.help, **declared.limits)
    return keyword.replace(annotation=Annotated[kind, described], default=default)
