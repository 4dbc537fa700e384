"""Several checkpoints: which ones there are in a folder, and the result of each."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from checkpoints import models
from core import machine
from core.errors import UserError
from inspection import results
from inspection.data import Inspection
from inspection.results import Progress, Settings

USUAL = "llama3_8b"  # what commands take where no model is named


def find(folder: Path) -> list[str]:
    """Every checkpoint in the folder (itself included), by path; else the built-in model."""
    return [str(path) for path in _there(folder)] or [models.DEMO]


def newest(folder: Path, refused: Callable[[models.Identity], object]) -> tuple[str, str]:
    """The checkpoint to take where none is named, by path, and which one that is in words.

    The newest compressed one that is not `refused`, which this machine cannot serve; else
    llama3_8b, which download_model.py fetches, or the newest model. Raises `UserError` where there
    is none.
    """
    there = _there(folder)
    made = [path for path in there if _is_compressed(path)]
    compressed = [path for path in made if not refused(models.identify(str(path)))] or made
    usual = [path for path in there if path.name == USUAL]
    chosen = compressed or usual or there
    if not chosen:
        demo = machine.command_line(Path(sys.argv[0]).name, models.DEMO)
        raise UserError(f"there is no checkpoint in this folder: name one, or try `{demo}`")
    last = max(chosen, key=lambda path: (path / "config.json").stat().st_mtime)
    if len(chosen) == 1:
        only = "compressed checkpoint here" if len(made) > 1 else "only compressed checkpoint here"
        what = f"the {only}" if compressed else "the model here"
    else:
        kind = "compressed checkpoints" if compressed else "models"
        what = f"the newest of {len(chosen)} {kind} here"
    if len(made) > len(compressed):
        what += f"; {len(made) - len(compressed)} more cannot be served on this machine"
    return str(last), what


def _there(folder: Path) -> list[Path]:
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    return [path for path in places if _is_checkpoint(path)]


def _is_compressed(path: Path) -> bool:
    try:
        return models.identify(str(path)).scheme != "BASE"
    except UserError:  # whoever names it is told why
        return False


def _is_checkpoint(path: Path) -> bool:
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


def inspect(names: list[str], settings: Settings, progress: Progress) -> Iterator[Inspection]:
    """Inspect checkpoints and schemes by name, one after the other.

    A name that is neither is a finding among others, and raises `UserError` when it is the only.
    """
    for name in names:
        try:
            _refuse_parent(name)
            scheme = results.scheme(name, settings)
            yield scheme or results.inspect(name, settings, progress)
        except UserError as problem:
            if len(names) == 1:
                raise
            yield results.refused(name, problem)


def _refuse_parent(name: str) -> None:
    """Raise `UserError` for a folder that is no checkpoint but holds some."""
    folder = Path(name)
    if name == models.DEMO or not folder.is_dir() or (folder / "config.json").is_file():
        return
    inside = [str(path) for path in _there(folder)]
    if inside:
        more = ", ..." if len(inside) > 3 else ""
        raise UserError(
            f"{name} is no checkpoint but holds some ({', '.join(inside[:3])}{more}): name one, or "
            "run analyze.py in there without a name for all"
        )
