"""Several checkpoints: which ones there are in a folder, and the result of each."""

from collections.abc import Iterator
from pathlib import Path

from checkpoints import models
from core.errors import UserError
from inspection import results
from inspection.data import Inspection
from inspection.results import Progress, Settings


def find(folder: Path) -> list[str]:
    """Every checkpoint in the folder (itself included), by path, and the built-in model."""
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    return [*(str(path) for path in places if _is_checkpoint(path)), models.DEMO]


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
    inside = find(folder)[:-1]
    if inside:
        more = ", ..." if len(inside) > 3 else ""
        raise UserError(
            f"{name} is no checkpoint but holds some ({', '.join(inside[:3])}{more}): name one, or "
            "run analyze.py in there without a name for all"
        )
