"""What a file of this room exports as `STUDY`: a known study of quantized models as a command.

It has options of pipeline.py that stand where the command line says nothing (`--study NAME`), and
tables whose columns are figures of measures (`report.py --study NAME`).
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import typer

from core import plugins
from core.plugins import ROOT

TASKS = "tasks"  # a column's figure: one column for each task that was asked
PROMPTS_OF_DEMO = str(ROOT / "demo" / "data" / "prompts.json")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a preset's table: the figure of a measure, divided by `per`.

    `measure` is a record's key up to its variant: "batch" is the largest that was measured, and
    `rows="variants"` tables have a row for each. With `TASKS` as the figure it is every task's
    score. `of_base` divides by the base's figure ("ratio"), or subtracts it and divides ("change").
    """

    heading: str
    measure: str
    figure: str
    per: float = 1.0
    digits: int = 2
    of_base: Literal["", "ratio", "change"] = ""


@dataclass(frozen=True, kw_only=True)
class PresetTable:
    """A table with a row for each checkpoint, with `variants` for each load of it."""

    title: str
    columns: tuple[Column, ...]
    variants: str = ""  # the measure whose variants are rows
    variants_heading: str = ""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A study: what it compares, how it is asked, and what it reports.

    `options` are pipeline.py's by name; `of_demo` has those of them that differ for the demo model.
    `names` are what the study calls schemes. `pictures` are metrics of report.py.
    """

    summary: str
    title: str
    options: dict[str, Any]
    tables: tuple[PresetTable, ...]
    names: dict[str, str] = field(default_factory=dict)
    of_demo: dict[str, Any] = field(default_factory=dict)
    pictures: tuple[str, ...] = ()


def take(context: typer.Context, name: str | None) -> str | None:
    """A command's callback of `--study`: its options stand where the command line says nothing.

    Raises `UserError` for a study that does not exist.
    """
    if name is None:
        return None
    preset = plugins.load("studies", name)

    def standing(option: str) -> Any:
        demo = context.params.get("model_id") == "demo"
        return (
            preset.of_demo.get(option, preset.options[option]) if demo else preset.options[option]
        )

    known = {parameter.name for parameter in context.command.params}
    unknown = (set(preset.options) - known) | (set(preset.of_demo) - set(preset.options))
    assert not unknown, f"studies/{name}: there are no options {unknown}"
    of_preset = {option: partial(standing, option) for option in preset.options}
    context.default_map = {**of_preset, **(context.default_map or {})}  # of a file (--config)
    return plugins.shown("studies", plugins.find("studies", name))
