"""Groups of options: declared once on dataclasses, flat on the command line."""

import inspect
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import pytest
from typer.testing import CliRunner

from compressing.settings import Settings
from core import cli, options, plugins
from core.engine import Options
from core.options import Option, Seed, Several, flattened, option, without
from running import jobs


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A group."""

    window: Annotated[int | None, option("tokens of a window", min=2)] = None
    begin: Annotated[bool, option("begin with BOS", negative=True)] = True
    metric: Annotated[tuple[Path, ...], option("may be repeated")] = ()
    text: Annotated[str, option("which", "source")] = "demo"
    undeclared: int = 7
    seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Another group, which shares the seed."""

    seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class Clash:
    """An option of the same name that means something else."""

    window: Annotated[int | None, option("panes")] = None


def answer(command: Any, *words: str) -> Any:
    """What the command receives for a command line; a SystemExit code for a refused one."""
    received: dict[str, Any] = {}

    def keep(**values: Any) -> None:
        received.update(values)

    keep.__signature__ = inspect.signature(command)  # type: ignore[attr-defined]
    keep.__annotations__ = get_type_hints(command, include_extras=True)
    done = CliRunner().invoke(cli.application(keep), list(words))
    return received if done.exit_code == 0 else done.exit_code


def two_groups(*, name: str = "x", reading: Reading, drawing: Drawing) -> None: ...


def test_a_group_is_received_with_its_defaults() -> None:
    assert answer(two_groups) == {"name": "x", "reading": Reading(), "drawing": Drawing()}


@pytest.mark.parametrize(
    ("words", "reading"),
    [
        (("--window", "5"), Reading(window=5)),
        (("--no_begin",), Reading(begin=False)),
        (("--metric", "a.py", "--metric", "b.py"), Reading(metric=(Path("a.py"), Path("b.py")))),
        (("--source", "wikitext"), Reading(text="wikitext")),
        (("--no-begin",), Reading(begin=False)),
    ],
)
def test_options_are_spelled_as_their_fields(words: tuple[str, ...], reading: Reading) -> None:
    assert answer(two_groups, *words)["reading"] == reading


@pytest.mark.parametrize("words", [("--window", "1"), ("--text", "x"), ("--undeclared", "1")])
def test_limits_hold_and_what_is_not_declared_is_no_option(words: tuple[str, ...]) -> None:
    assert answer(two_groups, *words) == cli.BAD_INPUT


def test_a_shared_option_reaches_every_group() -> None:
    received = answer(two_groups, "--seed", "3")
    assert (received["reading"].seed, received["drawing"].seed) == (3, 3)
    assert list(inspect.signature(flattened(two_groups)).parameters).count("seed") == 1


def test_a_command_may_lack_options_of_a_group() -> None:
    def command(*, reading: Annotated[Reading, without("window", "seed")]) -> None: ...

    assert answer(command, "--window", "5") == cli.BAD_INPUT
    assert answer(command, "--source", "y")["reading"] == Reading(text="y")


def test_groups_of_plug_ins_are_received_by_name() -> None:
    groups = {"first": Reading, "second": Drawing}

    def command(*, asked: Annotated[dict[str, Any], Several(lambda: groups)]) -> None: ...

    asked = answer(command, "--seed", "2", "--window", "4")["asked"]
    assert asked == {"first": Reading(window=4, seed=2), "second": Drawing(seed=2)}


def test_two_meanings_of_one_name_are_a_mistake() -> None:
    def command(*, reading: Reading, clash: Clash) -> None: ...

    with pytest.raises(TypeError, match="two different options are called window"):
        flattened(command)


def test_the_seed_reaches_all_that_draws() -> None:
    """Of the pipeline: calibration text, prompts and the engine."""
    import pipeline

    received = answer(pipeline.main, "--seed", "5", "--model_id", "demo")
    assert received["settings"].seed == received["options"].seed == 5
    assert {loads.seed for loads in received["loads"].values()} == {5}


def declared(group: type) -> dict[str, Option]:
    hints = get_type_hints(group, include_extras=True)
    return {
        field.name: mark
        for field in fields(group)
        for mark in getattr(hints[field.name], "__metadata__", ())
        if isinstance(mark, Option)
    }


def test_no_option_is_explained_twice() -> None:
    """Groups with an option of one name share its declaration, or mean something else by it."""
    groups = {Options, Settings, *jobs.option_groups("performance").values()}
    groups |= set(jobs.option_groups("quality").values())
    by_text: dict[tuple[str, str], set[int]] = {}
    for group in groups:
        for name, mark in declared(group).items():
            by_text.setdefault((name, mark.help), set()).add(id(mark))
    twice = [place for place, marks in by_text.items() if len(marks) > 1]
    assert not twice


@pytest.mark.parametrize("name", plugins.names("measures"))
def test_options_of_measures_have_defaults(name: str) -> None:
    group = plugins.load("measures", name).options
    assert group is None or group() == group()


@dataclass(frozen=True, kw_only=True)
class Spelled:
    """Options of every kind, as a record's settings hold them."""

    length: Annotated[int | None, option("tokens")] = None
    share: Annotated[float, option("of the whole")] = 0.5
    place: Annotated[Path, option("a folder")] = Path("here")
    eager: Annotated[bool, option("at once")] = False
    bos: Annotated[bool, option("begin", negative=True)] = True
    metric: Annotated[tuple[Path, ...], option("files")] = ()
    kind: Annotated[str, option("which", "sort")] = "a"
    hidden: int = 3


SPELLED: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"length": None, "share": 0.5, "place": "here", "eager": False, "bos": True, "metric": [],
      "kind": "a", "hidden": 9, "unknown": 1}, []),
    ({"length": 256, "share": 0.25}, ["--length", "256", "--share", "0.25"]),
    ({"place": "there", "kind": "b"}, ["--place", "there", "--sort", "b"]),
    ({"eager": True, "bos": False}, ["--eager", "--no_bos"]),
    ({"metric": ["x.py", "y.py"]}, ["--metric", "x.py", "--metric", "y.py"]),
    ({"share": None}, []),
]  # fmt: skip


@pytest.mark.parametrize(("values", "words"), SPELLED)
def test_the_words_of_what_differs_from_defaults(values: dict[str, Any], words: list[str]) -> None:
    assert options.words(Spelled, values) == words


def test_an_option_without_a_default_is_always_said() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Needed:
        model: Annotated[str, option("its folder")]

    assert options.words(Needed, {"model": "tiny"}) == ["--model", "tiny"]
    assert options.words(Needed, {}) == []
