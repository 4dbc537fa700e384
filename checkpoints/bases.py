"""Which model a checkpoint was made from, and where that is now.

`compression.json` keeps the base's fingerprint and where it was: as a path from the checkpoint, so
that both can be moved together, and as a full one, so that either can be. A folder is the base when
its weights have the fingerprint, whatever it is called.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from checkpoints import checkpoint, models
from checkpoints.models import DEMO, DEMO_PATH, Identity
from core import names
from core.errors import UserError
from core.plugins import ROOT

ALIKE = ("model_type", "hidden_size", "num_hidden_layers", "vocab_size")  # in both of a pair
PLACES = "places"  # of the base, in compression.json; records do not keep them


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A checkpoint and its base, which may be itself."""

    checkpoint: Identity
    base: Identity

    @property
    def is_base(self) -> bool:
        """Whether the checkpoint is its own base."""
        return self.checkpoint.path == self.base.path


def pair(model: str, base: str | None) -> Pair:
    """Find a checkpoint's base: as named, or the model that it says it was made from.

    A base in another folder than the checkpoint's own name for it goes by that name: its weights
    are the same. Raises `UserError` when there is none or it is another model's.
    """
    compressed = models.identify(model)
    if compressed.scheme == "BASE" and base is None:
        return Pair(checkpoint=compressed, base=compressed)
    original = models.identify(base or str(find(compressed)))
    if original.scheme != "BASE":
        raise UserError(
            f"{original.path.name} is compressed ({original.scheme}) and cannot be a base"
        )
    made_from = fingerprint(compressed)
    files, base_files = checkpoint.read(compressed.path), checkpoint.read(original.path)
    if made_from and made_from != base_files.fingerprint:
        raise UserError(
            f"{compressed.path} was made from other weights than {original.path} has: name its own "
            "base with --base, or compress the model anew"
        )
    for key in ALIKE:
        if files.config.get(key) != base_files.config.get(key):
            raise UserError(
                f"{original.path.name} is not the base of {compressed.path.name}: {key} is "
                f"{base_files.config.get(key)} and {files.config.get(key)}"
            )
    if made_from and compressed.ours:
        original = replace(original, model=compressed.model)
    return Pair(checkpoint=compressed, base=original)


def fingerprint(identity: Identity) -> str | None:
    """The fingerprint of the base that a checkpoint says it was made from, where it does."""
    return (identity.manifest.get("base") or {}).get("fingerprint")


def find(identity: Identity) -> Path:
    """The folder of a checkpoint's base.

    Raises `UserError` that names the folders looked at when the base is in none of them.
    """
    if not identity.ours:
        raise UserError(
            f"{identity.path.name} does not say what it was made from: name it with --base"
        )
    wanted = fingerprint(identity)
    looked_at = candidates(identity)
    others: list[Path] = []
    for folder in looked_at:
        try:
            weights = checkpoint.read(folder).fingerprint
        except (UserError, OSError):  # not there, no model, or not ours to read
            continue
        if wanted in (None, weights):
            return folder
        others.append(folder)
    if others:
        raise UserError(
            f"{identity.path.name} was made from other weights than {_listed(others)} has: "
            "name its base with --base"
        )
    raise UserError(
        f"{identity.model}, which {identity.path.name} was made from, is not in "
        f"{_listed(looked_at)}: name its folder with --base"
    )


def candidates(identity: Identity) -> list[Path]:
    """Where a checkpoint's base may be, the likeliest first, each once.

    Where it was, next to the checkpoint, in the current folder and its `models/`, and in the
    checkout; under its own name and under the one that download_model.py gives it.
    """
    made = identity.manifest.get("base") or {}
    held = [Path(place) for place in made.get(PLACES) or []]
    here = Path(os.path.abspath(identity.path))  # noqa: PTH100 - links keep their names
    known = [here / place for place in held]
    if identity.path.is_symlink():
        known += [identity.path.resolve() / place for place in held]
    parents = [here.parent, identity.path.resolve().parent, Path.cwd(), Path("models"), ROOT]
    called = (identity.model, made.get("path"), _fetched_as(made.get("repo_id")))
    own = [name for name in dict.fromkeys(called) if name and names.fault(name) is None]
    known += [parent / name for parent in parents for name in own]
    if identity.model == DEMO:
        known.insert(0, DEMO_PATH)
    by_place = {os.path.abspath(path): path for path in known}  # noqa: PTH100
    return [Path(os.path.normpath(path)) for path in by_place]


def _fetched_as(repo_id: str | None) -> str:
    return (repo_id or "").rpartition("/")[2].lower()


def places(base: Path, target: Path) -> list[str]:
    """What `compression.json` in the folder `target` keeps of where a base is."""
    whole, own = (os.path.abspath(path) for path in (base, target))  # noqa: PTH100
    return [os.path.relpath(whole, own), whole]


def _listed(folders: list[Path]) -> str:
    """Folders as they are seen from the current one."""
    here = Path.cwd()
    seen = (f.relative_to(here) if f.is_relative_to(here) else f for f in folders)
    return ", ".join(dict.fromkeys(map(str, seen)))
